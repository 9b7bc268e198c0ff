import { argumentError } from "../../native/errors.js";
import { solveCholesky } from "../cholesky.js";
import type { ParameterValues } from "../frozen.js";
import { checkFeatureRows, type KnownAttributes } from "./featureRows.js";
import type { EncodingColumns } from "./features.js";

/** What is known of somebody beyond the training, in which they need not have been. */
export interface NewUser {
  /** Index of a user of the training whose newer ratings these are; default: somebody new. */
  readonly user?: number | undefined;
  /** Items that they have rated, oldest first. */
  readonly items: Int32Array;
  /** A rating of each. */
  readonly ratings: ArrayLike<number>;
  /** By the data set's names; default: none are known. */
  readonly attributes?: KnownAttributes | undefined;
}

/** Rates for one user by what is known of them beyond the training. */
export interface NewUserRater {
  /**
   * The rating that they give each item, within the range of the training ratings; -1 is something unknown.
   * @throws Llama4RecError `E_ARGUMENT` for another index that the model does not know.
   */
  predict(items: Int32Array): Float32Array;
}

/** How `fittedResidual` fits. */
export interface ResidualFit {
  /** Penalty of the squared bias, in ratings, above 0: imagined ratings without a deviation. */
  readonly damping: number;
  /** Penalty of the squared weights of an item's features, in ratings, above 0. */
  readonly ridge: number;
  /** Weight of a rating: `recency^age + floor`, age 0 the newest. In (0, 1]; 1: all alike. */
  readonly recency: number;
  /** At least 0. */
  readonly floor: number;
}

/** Normal equations of a fit before its penalties, `[1 + d x 1 + d]` (lower half) and `[1 + d]`. */
export interface ResidualSystem {
  readonly matrix: Float64Array;
  readonly right: Float64Array;
}

/**
 * The normal equations of what a model leaves of a user's ratings, oldest first.
 * @param errors `[n]`
 * @param features x `[n x d]`
 */
export function residualSystem(
  errors: Float64Array,
  features: Float64Array,
  d: number,
  { recency, floor }: Pick<ResidualFit, "recency" | "floor">,
): ResidualSystem {
  const size = d + 1;
  const matrix = new Float64Array(size * size);
  const right = new Float64Array(size);
  let power = 1;
  for (let row = errors.length - 1; row >= 0; row--) {
    const weight = power + floor;
    power *= recency;
    const begin = row * d;
    matrix[0] += weight;
    right[0] += weight * errors[row];
    for (let r = 0; r < d; r++) {
      const x = weight * features[begin + r];
      const at = (r + 1) * size;
      right[r + 1] += x * errors[row];
      matrix[at] += x;
      for (let c = 0; c <= r; c++) matrix[at + 1 + c] += x * features[begin + c];
    }
  }
  return { matrix, right };
}

/** Bias and linear function, `[1 + d]`; the equations stay as they are. */
export function solvedSystem(
  { matrix, right }: ResidualSystem,
  { damping, ridge }: Pick<ResidualFit, "damping" | "ridge">,
): Float64Array {
  const size = right.length;
  const penalised = matrix.slice();
  penalised[0] += damping;
  for (let r = 1; r < size; r++) penalised[r * size + r] += ridge;
  const fitted = right.slice();
  solveCholesky(penalised, fitted, size);
  return fitted;
}

/**
 * What a model leaves of a user's ratings, oldest first, as a bias and a linear function of the items' features, in closed
 * form: `min sum_i w_i (e_i - b - w . x_i)^2 + damping b^2 + ridge |w|^2`.
 * @param errors `[n]`
 * @param features x `[n x d]`
 * @returns b and w, `[1 + d]`
 */
export function fittedResidual(
  errors: Float64Array,
  features: Float64Array,
  d: number,
  fit: ResidualFit,
): Float64Array {
  return solvedSystem(residualSystem(errors, features, d, fit), fit);
}

/** The fitted bias and linear function of one item's features. */
export function residualOf(fitted: Float64Array, features: Float64Array, row: number): number {
  const d = fitted.length - 1;
  let sum = fitted[0];
  for (let at = 0; at < d; at++) sum += fitted[1 + at] * features[row * d + at];
  return sum;
}

/**
 * What an item is to a user's vector in a factorisation machine: the sum over the item's fields of the mean of their values'
 * vectors. Zeros for something unknown (-1). `[items x d]`
 */
export function itemFeatures(
  { fields, items: side }: EncodingColumns,
  { columns: d, values }: ParameterValues,
  items: Int32Array,
): Float64Array {
  const perItem = fields.filter((field) => field.side === "item").length;
  const features = new Float64Array(items.length * d);
  for (let row = 0; row < items.length; row++) {
    if (items[row] < 0) continue;
    for (let field = items[row] * perItem; field < (items[row] + 1) * perItem; field++) {
      const [begin, end] = [side.offsets[field], side.offsets[field + 1]];
      for (let at = begin; at < end; at++)
        for (let k = 0; k < d; k++) features[row * d + k] += values[side.rows[at] * d + k] / (end - begin);
    }
  }
  return features;
}

/**
 * Checks what a caller knows of a user.
 * @throws Llama4RecError `E_ARGUMENT` naming the field.
 */
export function checkNewUser(user: NewUser, encoding: EncodingColumns): void {
  if (typeof user !== "object" || user === null) throw argumentError("user", "items and ratings", user);
  const { items, ratings, attributes } = user;
  const { userCount } = encoding;
  if (user.user !== undefined && !(Number.isInteger(user.user) && user.user >= 0 && user.user < userCount))
    throw argumentError("user.user", `an index in 0..${userCount - 1}`, user.user);
  if (user.user !== undefined && attributes !== undefined)
    throw argumentError("user.attributes", "none, for a user of the training has their own", attributes);
  if (!(items instanceof Int32Array)) throw argumentError("user.items", "an Int32Array", items);
  for (let at = 0; at < items.length; at++)
    if (items[at] < 0 || items[at] >= encoding.itemCount)
      throw argumentError(`user.items[${at}]`, `an index in 0..${encoding.itemCount - 1}`, items[at]);
  if (ratings?.length !== items.length)
    throw argumentError("user.ratings", `${items.length} ratings, one for each item`, ratings);
  for (let at = 0; at < ratings.length; at++)
    if (!Number.isFinite(ratings[at]))
      throw argumentError(`user.ratings[${at}]`, "a finite number", ratings[at]);
  checkFeatureRows([attributes === undefined ? {} : { userAttributes: attributes }], encoding);
}
