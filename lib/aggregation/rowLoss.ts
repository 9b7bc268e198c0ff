/** What one validation row says of alpha_u: negative log likelihoods with derivatives. */

import type { RowLoss, Sample } from "./weightModel.js";

/**
 * Softmax cross-entropy of the held-out candidate under mixed utilities (a conditional logit).
 *
 * @param recommender - `[k']`, utilities.
 * @param languageModel - `[k']`, utilities.
 * @param heldOut - Index of a candidate.
 */
export function choiceLoss(
  recommender: Float64Array,
  languageModel: Float64Array,
  heldOut: number,
): Sample["loss"] {
  const count = recommender.length;
  return (alpha, sharpness): RowLoss => {
    const utility = (i: number): number => alpha * languageModel[i] + (1 - alpha) * recommender[i];
    let top = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < count; i++) top = Math.max(top, sharpness * utility(i));
    let total = 0;
    let meanUtility = 0;
    let meanSlope = 0;
    for (let i = 0; i < count; i++) {
      const likelihood = Math.exp(sharpness * utility(i) - top);
      total += likelihood;
      meanUtility += likelihood * utility(i);
      meanSlope += likelihood * (languageModel[i] - recommender[i]);
    }
    const slope = languageModel[heldOut] - recommender[heldOut];
    return {
      loss: top + Math.log(total) - sharpness * utility(heldOut),
      byAlpha: sharpness * (meanSlope / total - slope),
      byLogSharpness: sharpness * (meanUtility / total - utility(heldOut)),
    };
  };
}

/** Negative log likelihood of a rating around the mixed one, constants left out; sharpness is the precision. */
export function normalLoss(recommender: number, languageModel: number, actual: number): Sample["loss"] {
  return (alpha, sharpness): RowLoss => {
    const error = alpha * languageModel + (1 - alpha) * recommender - actual;
    return {
      loss: (sharpness * error * error - Math.log(sharpness)) / 2,
      byAlpha: sharpness * error * (languageModel - recommender),
      byLogSharpness: (sharpness * error * error - 1) / 2,
    };
  };
}
