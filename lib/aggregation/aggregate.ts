import { argumentError } from "../native/errors.js";
import { checkFinite } from "./utility.js";

/** One user's candidates with the utilities of both sides; see {@link aggregate}. */
export interface AggregationInput {
  /** `[k']`, item indices in the backbone's order. */
  candidates: Int32Array;
  /** `[k']`, utilities of the conventional model, by candidate. */
  recommender: Float64Array;
  /** `[k']`, utilities of the language model, by candidate; null where it gave no answer. */
  languageModel: Float64Array | null;
  /** alpha_u, the weight of the language model, in [0, 1]. */
  alpha: number;
}

/**
 * Reorders the candidates by the final utility `alpha_u * U_LLM + (1 - alpha_u) * U_Rec` (Llama4Rec,
 * arXiv 2401.13870, Eq. 6), equal ones in the backbone's order. Utilities count as equal when they are so in single
 * precision: sums that are equal on paper differ in their last bits, and rounding must not reorder a list. With no
 * answer of the language model the backbone's order stays.
 *
 * @returns `[k']`, the candidates, best first; a new array.
 * @throws Llama4RecError `E_ARGUMENT` if lengths differ, a utility is not finite or alpha is out of range.
 *
 * @example
 * ```ts
 * aggregate({
 *   candidates: Int32Array.of(40, 7, 12),
 *   recommender: positionUtilities([0, 1, 2]),
 *   languageModel: positionUtilities([2, 1, 0]),
 *   alpha: 0.7,
 * }); // 12, 7, 40
 * ```
 */
export function aggregate(input: AggregationInput): Int32Array {
  const { candidates, recommender, languageModel, alpha } = input;
  if (!(alpha >= 0 && alpha <= 1)) throw argumentError("alpha", "a number from 0 to 1", alpha);
  checkUtilities("recommender", recommender, candidates.length);
  if (languageModel === null) return candidates.slice();
  checkUtilities("languageModel", languageModel, candidates.length);

  const final = Float32Array.from(
    recommender,
    (utility, c) => alpha * languageModel[c] + (1 - alpha) * utility,
  );
  const order = Array.from(candidates, (_, c) => c).sort((a, b) => final[b] - final[a] || a - b);
  return Int32Array.from(order, (c) => candidates[c]);
}

function checkUtilities(name: string, utilities: Float64Array, candidates: number): void {
  if (utilities.length !== candidates) {
    throw argumentError(name, `${candidates} utilities, one a candidate`, `${utilities.length}`);
  }
  checkFinite(name, utilities);
}
