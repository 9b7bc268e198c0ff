import { argumentError } from "../../native/errors.js";
import { replaceFile } from "../../storage/atomicFile.js";
import { encodeTensor, type TensorType, typeNumbers } from "./tensorTypes.js";

/** A metadata value with its GGUF type: numbers name theirs, everything else shows it. */
export type GgufMetadataValue =
  | string
  | boolean
  | { readonly uint32: number }
  | { readonly float32: number }
  | readonly string[]
  | Float32Array
  | Int32Array;

/** Metadata to write, in its order. */
export type GgufMetadata = Readonly<Record<string, GgufMetadataValue>>;

/** A tensor to write. */
export interface GgufTensorData {
  readonly name: string;
  /** Sizes, fastest-running dimension first: a matrix `[out x in]` has shape `[in, out]`. */
  readonly shape: readonly number[];
  /** What its numbers become in the file. */
  readonly type: TensorType;
  /** Row-major; not copied for F32. */
  readonly values: Float32Array;
}

/** What a GGUF holds. */
export interface GgufContent {
  readonly metadata: GgufMetadata;
  readonly tensors: readonly GgufTensorData[];
}

/** Bytes on which tensors begin, and GGUF's default. */
const ALIGNMENT = 32;

/**
 * Writes a GGUF version 3, atomically.
 * @throws Llama4RecError `E_ARGUMENT` when a tensor's numbers do not fit its shape or type, or a name occurs twice;
 *   `E_FILE` when it cannot be written.
 *
 * @example
 * ```ts
 * await writeGguf("model.gguf", {
 *   metadata: { "general.architecture": "llama", "llama.block_count": { uint32: 2 } },
 *   tensors: [{ name: "output_norm.weight", shape: [64], type: "F32", values: norm }],
 * });
 * ```
 */
export async function writeGguf(path: string, content: GgufContent): Promise<void> {
  if ("general.alignment" in content.metadata)
    throw argumentError("metadata", `no general.alignment, which is ${ALIGNMENT}`, "one");
  await replaceFile(path, encodeGguf(content));
}

/** The bytes of a GGUF, in parts. */
export function encodeGguf({ metadata, tensors }: GgufContent): Uint8Array[] {
  checkTensors(tensors);
  const sections = tensors.map(({ name, values, shape, type }) => encodeTensor(name, values, shape[0], type));
  const entries = Object.entries(metadata);
  const header = [Buffer.from("GGUF"), u32(3), u64(tensors.length), u64(entries.length)];
  for (const [key, value] of entries) {
    header.push(string(key));
    for (const part of typed(key, value)) header.push(part); // a vocabulary is more than a call can pass
  }
  let offset = 0;
  for (const [i, { name, shape, type }] of tensors.entries()) {
    header.push(string(name), u32(shape.length), ...shape.map(u64), u32(typeNumbers[type]), u64(offset));
    offset += aligned(sections[i].length);
  }
  return [Buffer.concat(header), ...sections].flatMap((part) => [part, padding(part.length)]);
}

function checkTensors(tensors: readonly GgufTensorData[]): void {
  const names = new Set<string>();
  for (const { name, shape, values } of tensors) {
    if (names.has(name)) throw argumentError("tensors", "names that occur once", name);
    names.add(name);
    const isShape =
      shape.length >= 1 && shape.length <= 4 && shape.every((size) => Number.isSafeInteger(size) && size > 0);
    if (!isShape) throw argumentError(name, "1..4 positive sizes", `[${shape.join(", ")}]`);
    const elements = shape.reduce((product, size) => product * size, 1);
    if (elements !== values.length)
      throw argumentError(name, `${elements} numbers for shape [${shape.join(", ")}]`, values.length);
  }
}

/** A value with its type number before it. */
function typed(key: string, value: GgufMetadataValue): Buffer[] {
  if (typeof value === "string") return [u32(8), string(value)];
  if (typeof value === "boolean") return [u32(7), Buffer.from([value ? 1 : 0])];
  if (value instanceof Float32Array) return [u32(9), u32(6), u64(value.length), bytesOf(value)];
  if (value instanceof Int32Array) return [u32(9), u32(5), u64(value.length), bytesOf(value)];
  if ("float32" in value) return [u32(6), bytesOf(Float32Array.of(value.float32))];
  if (!("uint32" in value)) return [u32(9), u32(8), u64(value.length), ...value.map(string)];
  if (value.uint32 >>> 0 !== value.uint32)
    throw argumentError(key, "an integer in 0..2^32 - 1", value.uint32);
  return [u32(4), u32(value.uint32)];
}

function u32(n: number): Buffer {
  return bytesOf(Uint32Array.of(n));
}

function u64(n: number): Buffer {
  return bytesOf(BigUint64Array.of(BigInt(n)));
}

function string(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([u64(bytes.length), bytes]);
}

/** Little-endian as on every machine that this package runs on. */
const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer =>
  Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
const aligned = (length: number): number => Math.ceil(length / ALIGNMENT) * ALIGNMENT;
const padding = (length: number): Buffer => Buffer.alloc(aligned(length) - length);
