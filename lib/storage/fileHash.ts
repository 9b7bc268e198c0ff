import { describe, Llama4RecError } from "../native/errors.js";

/**
 * SHA-256 of a file in hex.
 * @throws Llama4RecError `E_FILE` when it cannot be read; the signal's reason when aborted.
 */
export async function sha256OfFile(path: string, signal?: AbortSignal): Promise<string> {
  const { createReadStream } = process.getBuiltinModule("node:fs"); // as in packageVersion: streams load when used
  const { pipeline } = process.getBuiltinModule("node:stream/promises");
  const hash = process.getBuiltinModule("node:crypto").createHash("sha256");
  try {
    await pipeline(createReadStream(path, { highWaterMark: 2 ** 20 }), hash, { signal });
  } catch (cause) {
    signal?.throwIfAborted();
    const reason = cause instanceof Error ? cause.message : describe(cause);
    throw new Llama4RecError("E_FILE", `cannot read ${path}: ${reason}`, { cause });
  }
  return hash.digest("hex");
}
