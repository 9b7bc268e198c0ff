/** Adaptive aggregation of ratings (Llama4Rec, arXiv 2401.13870, section on adaptive aggregation). */

import { mae, rmse } from "../metrics/ranking.js";
import { argumentError } from "../native/errors.js";
import {
  type AdaptiveSetting,
  type AlphaSearchOptions,
  adaptiveRules,
  type Choice,
  chooseBest,
  type UniformSetting,
  uniformRules,
  type WeightRule,
} from "./choice.js";
import type { LongTailRange } from "./weight.js";

/** What both sides predict of one rating. */
export interface RatingPair {
  /** r_Rec, the conventional model's rating. */
  recommender: number;
  /** r_LLM, the language model's rating; null where it gave no answer. */
  languageModel: number | null;
}

/** One held-out rating with what both sides predict. */
export interface RatedPair extends RatingPair {
  /** The held-out rating. */
  actual: number;
}

/** A held-out rating with what Eq. 7 weighs by. */
export interface HeldOutRating extends RatedPair {
  /** l_u, from the interactions that are known: training only, where this row is to choose. */
  coefficient: number;
}

/** Errors over all rows passed, in units of the rating. */
export interface RatingErrors {
  rmse: number;
  mae: number;
}

/** One row of the table of {@link chooseRatingAlpha}. */
export interface RatingAlphaPoint extends AdaptiveSetting {
  metrics: RatingErrors;
}

/** One row of the table of {@link chooseUniformRatingAlpha}. */
export interface UniformRatingPoint extends UniformSetting {
  metrics: RatingErrors;
}

/**
 * The final rating `alpha_u * r_LLM + (1 - alpha_u) * r_Rec` (Llama4Rec, Eq. 6 for ratings). With no answer of the
 * language model the backbone's rating stays. It lies between the two ratings, so it is off the backbone's by at most
 * `alpha_u * |r_LLM - r_Rec|`.
 *
 * @param alpha - alpha_u, in [0, 1].
 * @throws Llama4RecError `E_ARGUMENT` if a rating is not finite or alpha is out of range.
 *
 * @example
 * ```ts
 * mixRatings({ recommender: 3, languageModel: 5 }, 0.25); // 3.5
 * ```
 */
export function mixRatings({ recommender, languageModel }: RatingPair, alpha: number): number {
  if (!(alpha >= 0 && alpha <= 1)) throw argumentError("alpha", "a number from 0 to 1", alpha);
  if (!Number.isFinite(recommender)) throw argumentError("recommender", "a finite rating", recommender);
  if (languageModel === null) return recommender;
  if (!Number.isFinite(languageModel))
    throw argumentError("languageModel", "a finite rating or null", languageModel);
  return alpha * languageModel + (1 - alpha) * recommender;
}

/**
 * Errors of the mixed ratings over all rows, answered or not.
 *
 * @param weight - alpha_u of a row, in [0, 1].
 * @throws Llama4RecError `E_ARGUMENT` if there are no rows, and as {@link mixRatings}.
 */
export function evaluateRatingMixture<R extends RatedPair>(
  rows: readonly R[],
  weight: (row: R) => number,
): RatingErrors {
  const mixed = rows.map((row) => mixRatings(row, weight(row)));
  const actual = rows.map((row) => row.actual);
  return { rmse: rmse(mixed, actual), mae: mae(mixed, actual) };
}

/**
 * Chooses alpha_1, alpha_2 and the form of Eq. 7 by RMSE on validation; ties go to the smaller alpha_1, the smaller
 * alpha_2, the form asked for first, so that the language model is preferred only where it helps.
 *
 * @param rows - All validation rows.
 * @param range - Range of the coefficients over all users of the training data, the same data that `coefficient` counts.
 * @throws Llama4RecError `E_ARGUMENT` if there are no rows or forms, or a row's numbers are out of range.
 *
 * @example
 * ```ts
 * const { best } = chooseRatingAlpha(validation, range, { forms: ["scaled", "alternative"] });
 * mixRatings(row, adaptiveWeight(row.coefficient, range, best));
 * ```
 */
export function chooseRatingAlpha(
  rows: readonly HeldOutRating[],
  range: LongTailRange,
  options: AlphaSearchOptions = {},
): Choice<RatingAlphaPoint> {
  return choose(rows, adaptiveRules(range, options));
}

/**
 * Chooses one weight for all users in the same way, from 0, .1, .. 1: the ablation "without adaptive aggregation".
 *
 * @param rows - All validation rows.
 * @throws Llama4RecError `E_ARGUMENT` if there are no rows or a row's numbers are out of range.
 */
export function chooseUniformRatingAlpha(rows: readonly HeldOutRating[]): Choice<UniformRatingPoint> {
  return choose(rows, uniformRules());
}

/** @internal Throws `E_ARGUMENT` where there are no rows or a held-out rating is none. */
export function checkRatingRows(rows: readonly RatedPair[]): void {
  if (rows.length === 0) throw argumentError("rows", "at least one validation row", rows);
  rows.forEach(({ actual }, n) => {
    if (!Number.isFinite(actual)) throw argumentError(`rows[${n}].actual`, "a finite rating", actual);
  });
}

function choose<S extends object>(
  rows: readonly HeldOutRating[],
  rules: readonly WeightRule<S>[],
): Choice<S & { metrics: RatingErrors }> {
  checkRatingRows(rows);
  const points = rules.map(({ setting, weight }) => ({
    ...setting,
    metrics: evaluateRatingMixture(rows, ({ coefficient }) => weight(coefficient)),
  }));
  return chooseBest(points, (a, b) => b.metrics.rmse - a.metrics.rmse);
}
