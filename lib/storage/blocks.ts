/** Bytes of data under one checksum. */
export const blockSize = 2 ** 20;

/** How many blocks there are in so many bytes. */
export const blockCount = (byteLength: number): number => Math.ceil(byteLength / blockSize);

/**
 * The blocks of sections that lie one after the other: of each block its pieces, as views. A block may reach over many
 * sections and a section over many blocks; only the last block may be shorter.
 */
export function* blocksOf(sections: Iterable<Uint8Array>): Generator<readonly Uint8Array[]> {
  let pieces: Uint8Array[] = [];
  let room = blockSize;
  for (const section of sections)
    for (let start = 0; start < section.length; ) {
      const piece = section.subarray(start, start + room);
      pieces.push(piece);
      start += piece.length;
      room -= piece.length;
      if (room > 0) continue;
      yield pieces;
      pieces = [];
      room = blockSize;
    }
  if (pieces.length > 0) yield pieces;
}

/**
 * SHA-256 in hex over pieces that lie one after the other, of texts their UTF-8. Node's crypto is loaded at first use: it
 * takes milliseconds.
 */
export function sha256Of(pieces: readonly (Uint8Array | string)[]): string {
  const hash = process.getBuiltinModule("node:crypto").createHash("sha256");
  for (const piece of pieces) hash.update(piece);
  return hash.digest("hex");
}
