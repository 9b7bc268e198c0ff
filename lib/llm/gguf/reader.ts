import { argumentError, Llama4RecError } from "../../native/errors.js";
import { sha256Of } from "../../storage/blocks.js";
import { fill, type GgufHeader, type GgufTensor, parseGgufHeader, withGgufFile } from "./header.js";
import { decodeTensor, tensorTypes } from "./tensorTypes.js";

/** A GGUF in memory. */
export interface GgufFile extends GgufHeader {
  /** SHA-256 of the whole file, in hexadecimal. */
  readonly sha256: string;
  /** Whether there is a tensor of this name. */
  has(name: string): boolean;
  /**
   * The numbers of a tensor, decoded anew at each call; the caller owns them.
   * @throws Llama4RecError `E_GGUF` when there is none of this name, or its type is not F32, F16 or Q8_0.
   */
  tensor(name: string): Float32Array;
}

/** Largest file that is read into memory: models beyond are for llama.cpp. In bytes. */
const LARGEST = 2 ** 31 - 1;

/**
 * Reads a whole GGUF, a model's or an adapter's, with its header checked before anything is allocated for it.
 * @param options `sha256`: what the file must hash to, in hexadecimal.
 * @throws Llama4RecError `E_FILE` if it cannot be read; `E_GGUF` if it is no sound GGUF, is 2 GiB or larger, or not the
 *   file that `sha256` names; `E_ARGUMENT` if `sha256` is no hash; `E_NO_MEMORY`.
 *
 * @example
 * ```ts
 * const file = await readGguf("pocket.gguf");
 * const embeddings = file.tensor("token_embd.weight");
 * ```
 */
export async function readGguf(path: string, options: { readonly sha256?: string } = {}): Promise<GgufFile> {
  const wanted = options.sha256?.toLowerCase();
  if (wanted !== undefined && !/^[0-9a-f]{64}$/.test(wanted))
    throw argumentError("sha256", "64 hexadecimal digits", options.sha256);
  const refuse = (expected: string, received: string): Llama4RecError =>
    new Llama4RecError("E_GGUF", `${path}: expected ${expected}, got ${received}`);

  const bytes = await withGgufFile(path, async (file, size) => {
    if (size > LARGEST) throw refuse("a file below 2 GiB to hold in memory", `${size} bytes`);
    const whole = allocated(path, size);
    await fill(whole, path, file);
    return whole;
  });
  const sha256 = sha256Of([bytes]);
  if (wanted !== undefined && wanted !== sha256) throw refuse(`sha256 ${wanted}`, sha256);
  const header = parseGgufHeader(path, bytes, bytes.length, true);
  const tensors = new Map(header.tensors.map((tensor) => [tensor.name, tensor]));
  return {
    ...header,
    sha256,
    has: (name) => tensors.has(name),
    tensor: (name) => {
      const found = tensors.get(name);
      if (found === undefined) throw refuse(`a tensor ${name}`, "none");
      return decoded(header, found, bytes);
    },
  };
}

function allocated(path: string, size: number): Buffer {
  try {
    return Buffer.alloc(size);
  } catch (cause) {
    throw new Llama4RecError("E_NO_MEMORY", `${path}: expected memory for ${size} bytes, got none`, {
      cause,
    });
  }
}

function decoded({ path, dataOffset }: GgufHeader, tensor: GgufTensor, file: Buffer): Float32Array {
  const { name, type, shape, offset } = tensor;
  const info = tensorTypes.get(type);
  if (info?.name !== "F32" && info?.name !== "F16" && info?.name !== "Q8_0")
    throw new Llama4RecError(
      "E_GGUF",
      `${path}: expected ${name} in F32, F16 or Q8_0, got ${info?.name ?? `type ${type}`}`,
    );
  const elements = shape.reduce((product, size) => product * size, 1);
  const start = dataOffset + offset;
  return decodeTensor(file.subarray(start, start + (elements / info.block) * info.bytes), info.name);
}
