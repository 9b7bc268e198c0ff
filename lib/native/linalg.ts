import { call, translated } from "./addon.js";

/** Sparse rows: row `r` has `items[offsets[r] .. offsets[r + 1])`, ascending, weight 1 unless `weights` is given. */
export interface SparseRows {
  readonly offsets: Int32Array;
  readonly items: Int32Array;
  readonly weights?: Float64Array | null;
}

/** `X^T X` in float64 `[items x items]` of sparse rows `X [rows x items]`. */
export function gram(rows: SparseRows, itemCount: number): Float64Array {
  return call((addon) => addon.gram(rows.offsets, rows.items, rows.weights ?? null, itemCount));
}

/**
 * Inverse of a symmetric positive definite float64 matrix `[size x size]`, off the event loop.
 * @throws Llama4RecError `E_ARGUMENT` when it is not positive definite.
 */
export async function spdInverse(matrix: Float64Array, size: number): Promise<Float64Array> {
  try {
    return await call((addon) => addon.spdInverse(matrix, size));
  } catch (error) {
    throw translated(error);
  }
}

/** `X M` in float64 `[rows x items]` of sparse rows `X` and a matrix `M [items x items]`. */
export function sparseScores(rows: SparseRows, matrix: Float64Array, itemCount: number): Float64Array {
  return call((addon) =>
    addon.sparseScores(rows.offsets, rows.items, rows.weights ?? null, matrix, itemCount),
  );
}
