import { Random } from "../../data/random.js";
import type { TrainView } from "../../data/trainView.js";
import { argumentError } from "../../native/errors.js";
import { solveCholesky } from "../cholesky.js";
import { type Rater, raterOf } from "../ratings.js";
import { type BiasDamping, BiasModel } from "./bias.js";

/** Options of {@link residualFactors}. */
export interface ResidualFactorOptions {
  /** Of the biases. */
  readonly damping: BiasDamping;
  /** Numbers of a vector, default 10. */
  readonly factors?: number;
  /** Ridge penalty of each vector, above 0, in ratings; default 20. */
  readonly lambda?: number;
  /** Times that users and items are solved for, default 20. */
  readonly sweeps?: number;
  /** Of the initial vectors, default 0. */
  readonly seed?: number;
}

/**
 * Mean and biases, and factors of what they leave, `mu + b_u + b_i + p_u . q_i`, by alternating least squares in float64:
 * `p_u = (sum of q_i q_i^T + lambda I)^-1 sum of q_i e_ui` over the user's items, then `q_i` in the same way (Zhou et al.,
 * AAIM 2008, with a penalty that does not grow with the ratings). The strong rival of every rating model.
 * @throws Llama4RecError `E_ARGUMENT` for an option out of range or a view without ratings.
 */
export function residualFactors(view: TrainView, options: ResidualFactorOptions): Rater {
  const { damping, factors = 10, lambda = 20, sweeps = 20, seed = 0 } = options;
  if (!Number.isInteger(factors) || factors < 1 || factors > 1024)
    throw argumentError("factors", "an integer in 1..1024", factors);
  if (!Number.isInteger(sweeps) || sweeps < 1)
    throw argumentError("sweeps", "an integer of at least 1", sweeps);
  if (!(lambda > 0 && Number.isFinite(lambda))) throw argumentError("lambda", "a number above 0", lambda);
  const model = new BiasModel(view, damping);
  const { userCount, itemCount } = view;
  const byUser = residuals(view, model);
  const byItem = transposed(byUser, itemCount);
  const random = new Random(seed);
  const p = new Float64Array(userCount * factors);
  const q = Float64Array.from({ length: itemCount * factors }, () => 0.2 * (random.next() - 0.5));
  for (let sweep = 0; sweep < sweeps; sweep++) {
    solve(byUser, q, p, factors, lambda);
    solve(byItem, p, q, factors, lambda);
  }
  return raterOf("biases and factors", view, (user, item) => {
    let residual = 0;
    if (user >= 0 && item >= 0)
      for (let f = 0; f < factors; f++) residual += p[user * factors + f] * q[item * factors + f];
    return model.rated(user, item, residual);
  });
}

/** A sparse matrix by rows. */
interface Sparse {
  readonly offsets: Int32Array;
  readonly columns: Int32Array;
  readonly values: Float64Array;
}

/** What the biases leave of each rating, `[users x items]`. */
function residuals(view: TrainView, model: BiasModel): Sparse {
  const { offsets, items, ratings } = view;
  const values = Float64Array.from(ratings);
  for (let user = 0; user < view.userCount; user++)
    for (let at = offsets[user]; at < offsets[user + 1]; at++)
      values[at] -= model.mean + model.users[user] + model.items[items[at]];
  return { offsets, columns: items, values };
}

function transposed({ offsets, columns, values }: Sparse, count: number): Sparse {
  const begins = new Int32Array(count + 1);
  for (const column of columns) begins[column + 1]++;
  for (let column = 0; column < count; column++) begins[column + 1] += begins[column];
  const next = begins.slice();
  const rows = new Int32Array(columns.length);
  const turned = new Float64Array(columns.length);
  for (let row = 0; row + 1 < offsets.length; row++)
    for (let at = offsets[row]; at < offsets[row + 1]; at++) {
      const to = next[columns[at]]++;
      rows[to] = row;
      turned[to] = values[at];
    }
  return { offsets: begins, columns: rows, values: turned };
}

/** Ridge regression of each row's values on the vectors of its columns; rows without values get zeros. */
function solve(
  { offsets, columns, values }: Sparse,
  vectors: Float64Array,
  out: Float64Array,
  d: number,
  lambda: number,
): void {
  const matrix = new Float64Array(d * d);
  for (let row = 0; row + 1 < offsets.length; row++) {
    const x = out.subarray(row * d, (row + 1) * d).fill(0);
    matrix.fill(0);
    for (let i = 0; i < d; i++) matrix[i * d + i] = lambda;
    for (let at = offsets[row]; at < offsets[row + 1]; at++) {
      const from = columns[at] * d;
      for (let i = 0; i < d; i++) {
        const v = vectors[from + i];
        x[i] += v * values[at];
        for (let j = 0; j <= i; j++) matrix[i * d + j] += v * vectors[from + j];
      }
    }
    solveCholesky(matrix, x, d);
  }
}
