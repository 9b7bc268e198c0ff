import { argumentError } from "../../native/errors.js";
import { halvesOf, numberOfHalf, numbersOfHalves } from "./half.js";

/** Types of tensors that this package writes and computes with. */
export type TensorType = "F32" | "F16" | "Q8_0";

/** A tensor type of ggml. */
export interface TypeInfo {
  readonly name: string;
  /** Elements per block; rows are whole blocks. */
  readonly block: number;
  /** Bytes per block. */
  readonly bytes: number;
}

const type = (name: string, block: number, bytes: number): TypeInfo => ({ name, block, bytes });

/** By ggml type number. Numbers that are not here are newer or retired types. */
export const tensorTypes: ReadonlyMap<number, TypeInfo> = new Map([
  [0, type("F32", 1, 4)],
  [1, type("F16", 1, 2)],
  [2, type("Q4_0", 32, 18)],
  [3, type("Q4_1", 32, 20)],
  [6, type("Q5_0", 32, 22)],
  [7, type("Q5_1", 32, 24)],
  [8, type("Q8_0", 32, 34)],
  [10, type("Q2_K", 256, 84)],
  [11, type("Q3_K", 256, 110)],
  [12, type("Q4_K", 256, 144)],
  [13, type("Q5_K", 256, 176)],
  [14, type("Q6_K", 256, 210)],
  [30, type("BF16", 1, 2)],
]);

/** ggml's numbers of the types that are written. */
export const typeNumbers: Readonly<Record<TensorType, number>> = { F32: 0, F16: 1, Q8_0: 8 };

const BLOCK = 32;
const BLOCK_BYTES = 34;

/**
 * The bytes of a tensor's numbers in a type.
 * @param name Names the tensor in errors.
 * @param values Rows one after the other. Returned as they are, not copied, for F32.
 * @param row Elements of a row.
 * @throws Llama4RecError `E_ARGUMENT` for numbers that are not finite in the type, and for rows that are not whole blocks.
 */
export function encodeTensor(name: string, values: Float32Array, row: number, type: TensorType): Uint8Array {
  if (type === "Q8_0" && row % BLOCK !== 0)
    throw argumentError(name, `rows that are multiples of ${BLOCK} for Q8_0`, row);
  if (!values.every(Number.isFinite)) throw argumentError(name, "finite numbers", "NaN or infinity");
  if (type === "F32") return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  if (type === "Q8_0") return quantized(name, values);
  const halves = halvesOf(values);
  if (halves.some((half) => (half & 0x7c00) === 0x7c00))
    throw argumentError(name, "numbers below 65520 for F16", "a larger one");
  return new Uint8Array(halves.buffer);
}

/** The numbers of an F32, F16 or Q8_0 tensor from its bytes. */
export function decodeTensor(bytes: Uint8Array, type: TensorType): Float32Array {
  // A copy: typed arrays want an aligned start.
  if (type === "F32") return new Float32Array(new Uint8Array(bytes).buffer);
  if (type === "F16") return numbersOfHalves(new Uint16Array(new Uint8Array(bytes).buffer));
  return restored(bytes);
}

/**
 * ggml's Q8_0: blocks of 32 numbers as a half-precision scale `d = max |x| / 127` and the bytes `round(x / d)`, halves
 * away from zero, every step in float32.
 */
function quantized(name: string, values: Float32Array): Uint8Array {
  const blocks = values.length / BLOCK;
  const bytes = new Uint8Array(blocks * BLOCK_BYTES);
  const scales = new Float32Array(blocks);
  for (let block = 0; block < blocks; block++) {
    const first = block * BLOCK;
    let largest = 0;
    for (let i = first; i < first + BLOCK; i++) largest = Math.max(largest, Math.abs(values[i]));
    scales[block] = largest / 127;
    const inverse = Math.fround(1 / scales[block]);
    if (inverse === Number.POSITIVE_INFINITY) continue; // all zero, or too small to divide by: the scale will be zero
    for (let i = 0; i < BLOCK; i++) {
      const x = Math.fround(values[first + i] * inverse);
      bytes[block * BLOCK_BYTES + 2 + i] = x < 0 ? -Math.floor(0.5 - x) : Math.floor(x + 0.5);
    }
  }
  const halves = halvesOf(scales);
  for (let block = 0; block < blocks; block++) {
    if ((halves[block] & 0x7c00) === 0x7c00)
      throw argumentError(name, "numbers below 8 million for Q8_0", "a larger one");
    bytes[block * BLOCK_BYTES] = halves[block] & 0xff;
    bytes[block * BLOCK_BYTES + 1] = halves[block] >> 8;
  }
  return bytes;
}

function restored(bytes: Uint8Array): Float32Array {
  const signed = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  const values = new Float32Array((bytes.length / BLOCK_BYTES) * BLOCK);
  for (let at = 0, i = 0; at < bytes.length; at += BLOCK_BYTES) {
    const scale = numberOfHalf(bytes[at] | (bytes[at + 1] << 8));
    for (let j = 0; j < BLOCK; j++) values[i++] = scale * signed[at + 2 + j];
  }
  return values;
}
