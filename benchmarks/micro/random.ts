/** Seeded numbers, the same in every run. */

import { Parameter } from "../../lib/native/parameter.js";

/** Normal numbers `[rows x columns]`. */
export function normalTable(rows: number, columns: number, seed: number, deviation = 1): Float32Array {
  using parameter = new Parameter(`table ${seed}`, rows, columns).fillNormal(deviation, seed, rows);
  return parameter.read();
}

/** Uniform numbers in [0, 1): mulberry32. */
export function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `count` ids below `rows`, each as likely. */
export function uniformIds(count: number, rows: number, seed: number): Int32Array {
  const next = uniform(seed);
  return Int32Array.from({ length: count }, () => Math.floor(next() * rows));
}

/** `count` ids below `rows` by {@link zipf}. */
export function zipfIds(count: number, rows: number, seed: number): Int32Array {
  const draw = zipf(rows, uniform(seed));
  return Int32Array.from({ length: count }, draw);
}

/** Draws ids below `rows` by Zipf's law with exponent 1: the n-th most wanted in proportion to 1/n. */
export function zipf(rows: number, next: () => number): () => number {
  const cumulative = new Float64Array(rows);
  for (let rank = 0, sum = 0; rank < rows; rank++) {
    sum += 1 / (rank + 1);
    cumulative[rank] = sum;
  }
  const ids = shuffled(rows, next); // the wanted rows lie anywhere in the table
  return () => ids[firstAbove(cumulative, next() * cumulative[rows - 1])];
}

function shuffled(count: number, next: () => number): Int32Array {
  const ids = Int32Array.from({ length: count }, (_, id) => id);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [ids[i], ids[j]] = [ids[j], ids[i]];
  }
  return ids;
}

/** Index of the first of ascending values that is above `value`. */
function firstAbove(values: Float64Array, value: number): number {
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] > value) high = middle;
    else low = middle + 1;
  }
  return low;
}
