import type { Factors } from "../models/factorRanker.js";

/** How a user who was not in training gets a vector of a factor model. */
export interface FoldIn {
  /** Name of the method, for the curious. */
  readonly method: string;
  /** The vector of somebody with these items, oldest first, none of them twice; at least one. `[dimension]` */
  vector(items: Int32Array): Float32Array;
}

/** Weight of items that the user does not have, beside 1 of those that the user has. */
const unseenWeight = 0.1;
/** Ridge penalty, in units of the mean squared item vector. */
const ridge = 0.1;

/**
 * Weighted ridge regression on the item vectors, as a step of implicit ALS would solve it (Hu, Koren and Volinsky, ICDM 2008,
 * Eq. 4): `u = (w V^T V + sum_i (1 - w) v_i v_i^T + lambda I)^-1 sum_i v_i` over the items that the user has.
 */
export function ridgeFoldIn({ dimension: d, items: table }: Factors): FoldIn {
  const gram = new Float64Array(d * d);
  for (let begin = 0; begin < table.length; begin += d)
    for (let r = 0; r < d; r++) {
      const x = table[begin + r];
      for (let c = 0; c <= r; c++) gram[r * d + c] += x * table[begin + c];
    }
  let trace = 0;
  for (let r = 0; r < d; r++) trace += gram[r * d + r];
  const lambda = (ridge * trace) / d / Math.max(1, table.length / d);
  return {
    method: "weighted ridge regression on item vectors",
    vector(items) {
      const matrix = gram.map((value) => unseenWeight * value);
      const right = new Float64Array(d);
      for (const item of items)
        for (let r = 0; r < d; r++) {
          const x = table[item * d + r];
          right[r] += x;
          for (let c = 0; c <= r; c++) matrix[r * d + c] += (1 - unseenWeight) * x * table[item * d + c];
        }
      for (let r = 0; r < d; r++) matrix[r * d + r] += lambda;
      return Float32Array.from(solved(matrix, right, d));
    },
  };
}

/** The solution of a symmetric positive definite system, lower triangle given, by Cholesky's factorization in place. */
function solved(matrix: Float64Array, right: Float64Array, d: number): Float64Array {
  for (let c = 0; c < d; c++) {
    for (let r = c; r < d; r++) {
      let sum = matrix[r * d + c];
      for (let k = 0; k < c; k++) sum -= matrix[r * d + k] * matrix[c * d + k];
      matrix[r * d + c] = r === c ? Math.sqrt(sum) : sum / matrix[c * d + c];
    }
  }
  for (let r = 0; r < d; r++) {
    for (let k = 0; k < r; k++) right[r] -= matrix[r * d + k] * right[k];
    right[r] /= matrix[r * d + r];
  }
  for (let r = d - 1; r >= 0; r--) {
    for (let k = r + 1; k < d; k++) right[r] -= matrix[k * d + r] * right[k];
    right[r] /= matrix[r * d + r];
  }
  return right;
}
