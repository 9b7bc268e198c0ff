import { argumentError } from "../native/errors.js";

/** `a * b` of two unsigned 32-bit words, upper 32 bits. */
function multiplyHigh(a: number, b: number): number {
  const aHigh = a >>> 16;
  const aLow = a & 0xffff;
  const bHigh = b >>> 16;
  const bLow = b & 0xffff;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = aLow * bHigh + (middle & 0xffff);
  return aHigh * bHigh + (middle >>> 16) + (carry >>> 16);
}

/**
 * One block of Philox4x32-10: four random words as a pure function of a counter (4 words) and a key (2 words).
 *
 * Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
 *
 * @param counter four 32-bit words
 * @param key two 32-bit words
 * @param out receives four words; may be `counter`
 */
export function philox4x32(counter: Uint32Array, key: Uint32Array, out: Uint32Array): void {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(0xd2511f53, c0);
    const low0 = Math.imul(0xd2511f53, c0);
    const high1 = multiplyHigh(0xcd9e8d57, c2);
    const low1 = Math.imul(0xcd9e8d57, c2);
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + 0x9e3779b9) | 0;
    k1 = (k1 + 0xbb67ae85) | 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/**
 * Seeded random numbers, counter-based (Philox4x32-10): the same seed and stream give the same numbers on every machine,
 * and different streams of one seed are independent, so that work can be cut up in any way.
 *
 * @example
 * ```ts
 * const random = new Random(42, userIndex);
 * const order = random.shuffle([0, 1, 2, 3]);
 * ```
 */
export class Random {
  readonly #counter = new Uint32Array(4);
  readonly #key = new Uint32Array(2);
  readonly #block = new Uint32Array(4);
  #used = 4;

  /**
   * @param seed non-negative safe integer
   * @param stream non-negative safe integer; a stream has 2^64 blocks of four words
   * @throws Llama4RecError `E_ARGUMENT` when either is anything else
   */
  constructor(seed: number, stream = 0) {
    if (!Number.isSafeInteger(seed) || seed < 0)
      throw argumentError("seed", "a non-negative safe integer", seed);
    if (!Number.isSafeInteger(stream) || stream < 0)
      throw argumentError("stream", "a non-negative safe integer", stream);
    this.#key[0] = seed % 2 ** 32;
    this.#key[1] = Math.floor(seed / 2 ** 32);
    this.#counter[2] = stream % 2 ** 32;
    this.#counter[3] = Math.floor(stream / 2 ** 32);
  }

  /** The next uniform 32-bit word, 0 .. 2^32 - 1. */
  uint32(): number {
    if (this.#used === 4) {
      philox4x32(this.#counter, this.#key, this.#block);
      this.#counter[0]++;
      if (this.#counter[0] === 0) this.#counter[1]++;
      this.#used = 0;
    }
    return this.#block[this.#used++];
  }

  /** A uniform number in [0, 1) with 53 random bits. */
  next(): number {
    const high = this.uint32() >>> 5;
    const low = this.uint32() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  }

  /**
   * A uniform integer in 0 .. n - 1.
   *
   * @param n positive safe integer
   * @throws Llama4RecError `E_ARGUMENT` when `n` is anything else
   */
  below(n: number): number {
    if (!Number.isSafeInteger(n) || n < 1) throw argumentError("n", "a positive safe integer", n);
    return Math.floor(this.next() * n);
  }

  /** Shuffles an array or typed array in place (Fisher-Yates) and returns it. */
  shuffle<A extends Shuffleable>(array: A): A {
    for (let last = array.length - 1; last > 0; last--) {
      const other = this.below(last + 1);
      const moved = array[last];
      array[last] = array[other];
      array[other] = moved;
    }
    return array;
  }
}

/** Anything with a length and writable elements: an array or a typed array. */
export interface Shuffleable {
  /** How many elements. */
  readonly length: number;
  /** The elements. */
  [index: number]: unknown;
}
