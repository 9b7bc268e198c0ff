/** What may tell how far to trust the language model for a user; known without any held-out item. */

import { argumentError } from "../native/errors.js";
import { checkFinite } from "./utility.js";

/** Names of what {@link weightFeatures} gives, in order. */
export const featureNames: readonly string[] = ["interactions", "entropy", "agreement", "margin"];

/** What {@link weightFeatures} is made from. */
export interface FeatureInput {
  /** N(u), the user's training interactions. */
  readonly interactions: number;
  /** Of the user's history, see `historyEntropy`. */
  readonly entropy: number;
  /** `[k']`, utilities of the conventional model. */
  readonly recommender: ArrayLike<number>;
  /** `[k']`, utilities or scores of the language model. */
  readonly languageModel: ArrayLike<number>;
  /** `[k']`, its scores where `languageModel` holds places, whose margin is always the same; default `languageModel`. */
  readonly scores?: ArrayLike<number>;
}

/**
 * The features of one ranking: `log(1 + N(u))`, the entropy of the history, the agreement of the two rankings
 * ({@link kendallTau}) and the language model's own {@link margin}.
 *
 * @returns As {@link featureNames}.
 * @throws Llama4RecError `E_ARGUMENT` as the functions it calls.
 */
export function weightFeatures(input: FeatureInput): number[] {
  const { interactions, entropy, recommender, languageModel, scores = languageModel } = input;
  return [Math.log1p(interactions), entropy, kendallTau(recommender, languageModel), margin(scores)];
}

/** Names of what {@link ratingWeightFeatures} gives, in order. */
export const ratingFeatureNames: readonly string[] = ["interactions", "entropy", "disagreement", "certainty"];

/** What {@link ratingWeightFeatures} is made from. */
export interface RatingFeatureInput {
  /** N(u), the user's training interactions. */
  readonly interactions: number;
  /** Of the user's history, see `historyEntropy`. */
  readonly entropy: number;
  /** r_Rec. */
  readonly recommender: number;
  /** r_LLM. */
  readonly languageModel: number;
  /** The language model's probability of its answer, or whatever else it says of its own trust; default 0: nothing. */
  readonly certainty?: number;
}

/**
 * The features of one rating: `log(1 + N(u))`, the entropy of the history, `|r_LLM - r_Rec|` and the language model's
 * certainty.
 *
 * @returns As {@link ratingFeatureNames}.
 */
export function ratingWeightFeatures(input: RatingFeatureInput): number[] {
  const { interactions, entropy, recommender, languageModel, certainty = 0 } = input;
  return [Math.log1p(interactions), entropy, Math.abs(languageModel - recommender), certainty];
}

/**
 * Kendall's rank correlation of two rankings of the same candidates, tau-b: pairs in the same order less pairs in
 * opposite order, over the geometric mean of the pairs that each side tells apart.
 *
 * @param a - `[k']`, higher is better.
 * @param b - `[k']`, the same candidates.
 * @returns In [-1, 1]; 0 where a side tells no pair apart.
 * @throws Llama4RecError `E_ARGUMENT` if lengths differ or a value is not finite.
 */
export function kendallTau(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw argumentError("b", `${a.length} values`, b.length);
  checkFinite("a", a);
  checkFinite("b", b);
  let balance = 0;
  let byA = 0;
  let byB = 0;
  for (let i = 0; i < a.length; i++) {
    for (let j = 0; j < i; j++) {
      const signA = Math.sign(a[i] - a[j]);
      const signB = Math.sign(b[i] - b[j]);
      balance += signA * signB;
      byA += signA * signA;
      byB += signB * signB;
    }
  }
  return byA === 0 || byB === 0 ? 0 : balance / Math.sqrt(byA * byB);
}

/**
 * How far a language model's first choice is ahead of its second, in standard deviations of its scores over the
 * candidates, so that scores of any scale (log-likelihoods, logits, ratings) compare.
 *
 * @param scores - `[k']`, higher is better.
 * @returns From 0; 0 where all scores are alike or there is one candidate.
 * @throws Llama4RecError `E_ARGUMENT` if a score is not finite.
 */
export function margin(scores: ArrayLike<number>): number {
  checkFinite("scores", scores);
  const descending = Float64Array.from(scores).sort().reverse();
  const count = descending.length;
  if (count < 2 || descending[0] === descending[count - 1]) return 0;
  const mean = descending.reduce((sum, score) => sum + score, 0) / count;
  const variance = descending.reduce((sum, score) => sum + (score - mean) ** 2, 0) / count;
  return (descending[0] - descending[1]) / Math.sqrt(variance);
}
