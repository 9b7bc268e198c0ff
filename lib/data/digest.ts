/** What a digest is taken over: text, numbers, or a typed array's bytes (little-endian machines only). */
export type DigestPart = string | number | boolean | null | Int32Array | Float32Array | Float64Array;

/** SHA-256 in hex over parts, each marked with its kind and length so that no two sequences of parts collide. */
export function digestOf(parts: Iterable<DigestPart>): string {
  const hash = process.getBuiltinModule("node:crypto").createHash("sha256");
  for (const part of parts) {
    if (ArrayBuffer.isView(part)) {
      hash.update(`${part.constructor.name}:${part.byteLength}:`);
      hash.update(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
    } else {
      const text = String(part);
      hash.update(`${part === null ? "null" : typeof part}:${Buffer.byteLength(text)}:${text}`);
    }
  }
  return hash.digest("hex");
}
