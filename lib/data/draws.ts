/** Draws that use +, -, * and / only, whose bits are the same on every machine. */

import type { Random } from "./random.js";

/** One element, each as likely. */
export function pick<T>(random: Random, values: ArrayLike<T>): T {
  return values[random.below(values.length)];
}

/** Long-tail weights by rank from 0, `1 / (rank + offset)`, offset > 0. */
export function rankWeights(count: number, offset: number): Float64Array {
  return Float64Array.from({ length: count }, (_, rank) => 1 / (rank + offset));
}

/**
 * An index, as likely as its weight.
 *
 * @param cumulative - Running sums of the weights, the last one above 0.
 */
export function pickWeighted(random: Random, cumulative: Float64Array): number {
  const target = random.next() * cumulative[cumulative.length - 1];
  let low = 0;
  let high = cumulative.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (cumulative[middle] > target) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Running sums. */
export function cumulate(weights: Float64Array): Float64Array {
  let sum = 0;
  return weights.map((weight) => {
    sum += weight;
    return sum;
  });
}

/** About normal, from -2 to 2, standard deviation .58: the sum of four uniforms less its mean. */
export function bell(random: Random): number {
  return random.next() + random.next() + random.next() + random.next() - 2;
}
