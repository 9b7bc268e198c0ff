import type { Factors } from "../models/factorRanker.js";

/** What {@link foldInOf} needs beside the item vectors, learnt from the users of the training. */
export interface FoldInMap {
  /** A, from weighted means of item vectors to user vectors, `[dimension x dimension]` row-major. */
  readonly matrix: Float32Array;
  /** Weight of a history's items: `recency^age + floor`, age 0 the newest. In (0, 1]; 1: all alike. */
  readonly recency: number;
  /** At least 0. */
  readonly floor: number;
}

/** How a user who was not in training gets a vector of a factor model. */
export interface FoldIn {
  /** Name of the method, for the curious. */
  readonly method: string;
  /** The vector of somebody with these items, oldest first; at least one. `[dimension]` */
  vector(items: Int32Array): Float32Array;
}

/** Name of the method. */
export const foldInMethod = "ridge regression from item vectors to user vectors, newest items first";

/**
 * A user's vector as a linear regression expects it: `u = A sum_i w_i v_i / sum_i w_i` over the history, newer items weighing
 * more. It costs `items x dimension + dimension^2` multiplications.
 */
export function foldInOf({ dimension, items: table }: Factors, map: FoldInMap): FoldIn {
  const mean = new Float64Array(dimension);
  return {
    method: foldInMethod,
    vector(items) {
      weightedMean(table, items, map, mean);
      const vector = new Float32Array(dimension);
      for (let row = 0; row < dimension; row++) {
        let sum = 0;
        for (let at = 0; at < dimension; at++) sum += map.matrix[row * dimension + at] * mean[at];
        vector[row] = sum;
      }
      return vector;
    },
  };
}

/** Mean of the rows of some items, oldest first, with the weights of a fold-in; zeros without an item. Into `mean`. */
export function weightedMean(
  table: Float32Array,
  items: Int32Array,
  { recency, floor }: Pick<FoldInMap, "recency" | "floor">,
  mean: Float64Array,
): void {
  const dimension = mean.length;
  mean.fill(0);
  let total = 0;
  let power = 1;
  for (let at = items.length - 1; at >= 0; at--) {
    const weight = power + floor;
    power *= recency;
    total += weight;
    const begin = items[at] * dimension;
    for (let d = 0; d < dimension; d++) mean[d] += weight * table[begin + d];
  }
  if (total > 0) for (let d = 0; d < dimension; d++) mean[d] /= total;
}
