import { argumentError } from "../../native/errors.js";
import { solveCholesky } from "../cholesky.js";
import type { ParameterValues } from "../frozen.js";
import { checkFeatureRows, type KnownAttributes } from "./featureRows.js";
import type { EncodingColumns } from "./features.js";

/** What is known of somebody who was not in training. */
export interface NewUser {
  /** Items that they have rated, oldest first. */
  readonly items: Int32Array;
  /** A rating of each. */
  readonly ratings: ArrayLike<number>;
  /** By the data set's names; default: none are known. */
  readonly attributes?: KnownAttributes | undefined;
}

/** Rates for one user who was not in training. */
export interface NewUserRater {
  /**
   * The rating that they give each item, within the range of the training ratings; -1 is something unknown.
   * @throws Llama4RecError `E_ARGUMENT` for another index that the model does not know.
   */
  predict(items: Int32Array): Float32Array;
}

/** Penalties of {@link fittedResidual}, both in ratings and above 0. */
export interface ResidualPenalties {
  /** Of the squared bias: imagined ratings without a deviation. */
  readonly damping: number;
  /** Of the squared weights of an item's features. */
  readonly ridge: number;
}

/**
 * What a model leaves of a user's ratings, as a bias and a linear function of the items' features, in closed form:
 * `min sum_i (e_i - b - w . x_i)^2 + damping b^2 + ridge |w|^2`.
 * @param errors `[n]`
 * @param features x `[n x d]`
 * @returns b and w, `[1 + d]`
 */
export function fittedResidual(
  errors: Float64Array,
  features: Float64Array,
  d: number,
  { damping, ridge }: ResidualPenalties,
): Float64Array {
  const size = d + 1;
  const matrix = new Float64Array(size * size);
  const fitted = new Float64Array(size);
  matrix[0] = damping + errors.length;
  for (let r = 1; r < size; r++) matrix[r * size + r] = ridge;
  for (let row = 0; row < errors.length; row++) {
    const begin = row * d;
    fitted[0] += errors[row];
    for (let r = 0; r < d; r++) {
      const x = features[begin + r];
      const at = (r + 1) * size;
      fitted[r + 1] += x * errors[row];
      matrix[at] += x;
      for (let c = 0; c <= r; c++) matrix[at + 1 + c] += x * features[begin + c];
    }
  }
  solveCholesky(matrix, fitted, size);
  return fitted;
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
