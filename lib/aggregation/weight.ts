/**
 * How much the language model weighs for a user: Llama4Rec (arXiv 2401.13870), section on adaptive aggregation.
 * Its Eq. 5 measures how long-tail a user is, its Eq. 7 turns that into a weight.
 */

import { argumentError } from "../native/errors.js";

/** Smallest and largest long-tail coefficient over all users of the training data. */
export interface LongTailRange {
  min: number;
  max: number;
}

/**
 * How Eq. 7 is read: `scaled` = `alpha1 * max(x, alpha2)`, `alternative` = `max(alpha1 * x, alpha2)`, where x is
 * the coefficient scaled to [0, 1], 1 for the sparsest user.
 */
export type WeightForm = "scaled" | "alternative";

/** Parameters of Eq. 7. */
export interface WeightOptions {
  /** Scale, in [0, 1]: the weight of the sparsest user. 0 with `alpha2` 0 is the backbone alone. */
  alpha1: number;
  /** Cut-off, in [0, 1): the floor that the heavy users keep. */
  alpha2: number;
  /** Reading of the formula; `scaled` unless told. */
  form?: WeightForm;
}

/**
 * Long-tail coefficient of a user, `l_u = log(N(u) + 1)` (Llama4Rec, Eq. 5). Lower means fewer interactions.
 *
 * @param interactions - N(u), the user's training interactions.
 * @throws Llama4RecError `E_ARGUMENT` if it is negative or no integer.
 */
export function longTailCoefficient(interactions: number): number {
  if (!Number.isInteger(interactions) || interactions < 0) {
    throw argumentError("interactions", "a count from 0", interactions);
  }
  return Math.log(interactions + 1);
}

/**
 * Range of the long-tail coefficients (l_min and l_max of Llama4Rec, Eq. 7).
 *
 * @param counts - `[users]`, training interactions of each user.
 * @throws Llama4RecError `E_ARGUMENT` if there are no users or a count is negative.
 */
export function longTailRange(counts: Int32Array): LongTailRange {
  if (counts.length === 0) throw argumentError("counts", "at least one user", "none");
  let fewest = counts[0];
  let most = counts[0];
  for (const count of counts) {
    if (count < fewest) fewest = count;
    if (count > most) most = count;
  }
  return { min: longTailCoefficient(fewest), max: longTailCoefficient(most) };
}

/**
 * Weight of the language model for one user (Llama4Rec, Eq. 7):
 * `alpha_u = alpha1 * max((l_max - l_u) / (l_max - l_min), alpha2)`.
 *
 * The scaled coefficient is clipped to [0, 1], for a user folded in later may lie outside the training range. Where
 * all users are alike (l_max = l_min) nobody counts as long-tail: it is 0 and everyone gets the floor.
 *
 * @param coefficient - l_u, see {@link longTailCoefficient}.
 * @throws Llama4RecError `E_ARGUMENT` if alpha1 or alpha2 is out of range or the coefficient is not finite.
 */
export function adaptiveWeight(coefficient: number, range: LongTailRange, options: WeightOptions): number {
  const { alpha1, alpha2, form = "scaled" } = options;
  if (!(alpha1 >= 0 && alpha1 <= 1)) throw argumentError("alpha1", "a number from 0 to 1", alpha1);
  if (!(alpha2 >= 0 && alpha2 < 1)) throw argumentError("alpha2", "a number from 0 to below 1", alpha2);
  if (!Number.isFinite(coefficient)) throw argumentError("coefficient", "a finite number", coefficient);
  const width = range.max - range.min;
  const scaled = width > 0 ? Math.min(1, Math.max(0, (range.max - coefficient) / width)) : 0;
  return form === "scaled" ? alpha1 * Math.max(scaled, alpha2) : Math.max(alpha1 * scaled, alpha2);
}

/**
 * Weight of the language model for every user, the range taken over the users passed.
 *
 * @param counts - `[users]`, training interactions of each user; validation and test rows do not count.
 * @returns `[users]`, alpha_u; with the form `scaled` in [alpha1 * alpha2, alpha1].
 * @throws Llama4RecError `E_ARGUMENT` as {@link adaptiveWeight} and {@link longTailRange}.
 *
 * @example
 * ```ts
 * adaptiveWeights(Int32Array.of(1, 3, 7), { alpha1: 0.5, alpha2: 0.3 }); // 0.5, 0.25, 0.15
 * ```
 */
export function adaptiveWeights(counts: Int32Array, options: WeightOptions): Float64Array {
  const range = longTailRange(counts);
  return Float64Array.from(counts, (count) => adaptiveWeight(longTailCoefficient(count), range, options));
}
