import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { type TensorFile, writeTensorFile } from "../../lib/storage/safetensors.js";
import { folderOf } from "../datasets/temporary.js";

/** A small file with every dtype, an empty tensor and a single number. */
export const sample: TensorFile = {
  kind: "model",
  metadata: { note: 'a "user\'s" own\n' },
  tensors: new Map([
    ["weights", { shape: [2, 3], values: Float32Array.of(1, -2, 3e-30, -0, 5, Number.NaN) }],
    ["counts", { shape: [3], values: Int32Array.of(-1, 2 ** 31 - 1, 0) }],
    ["rate", { shape: [], values: Float64Array.of(Math.PI) }],
    ["none", { shape: [4, 0], values: new Float32Array(0) }],
  ]),
};

/** That file on disk, its bytes and where its data begins. */
export async function written(
  t: ExecutionContext,
  file: TensorFile = sample,
): Promise<{ path: string; bytes: Buffer; header: string; data: Buffer }> {
  const path = join(folderOf(t, {}), "sample.safetensors");
  await writeTensorFile(path, file);
  const bytes = readFileSync(path);
  const dataStart = 8 + Number(bytes.readBigUInt64LE());
  return { path, bytes, header: bytes.toString("utf8", 8, dataStart), data: bytes.subarray(dataStart) };
}

/** A file with this header, its checksum put right again: as one who wants to do harm would write it. */
export function forged(header: string | Buffer, data: Uint8Array): Buffer {
  const field = '"header_sha256":"';
  const bytes = Buffer.from(header);
  const at = bytes.indexOf(field) + field.length;
  if (at >= field.length) {
    bytes.fill("0", at, at + 64);
    bytes.write(createHash("sha256").update(bytes).digest("hex"), at);
  }
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  return Buffer.concat([length, bytes, data]);
}
