/** Utilities of a candidate list on both sides of the aggregation (Llama4Rec, arXiv 2401.13870). */

import { argumentError } from "../native/errors.js";

/** C of the paper: what one place down the list costs. */
const COST_PER_PLACE = 1;

/**
 * Utility by place, `U = -s * C` with C = 1 and s from 1 (Llama4Rec, the utility of Eq. 6 for top-k): of the
 * backbone's list, and of the order a language model gave (listwise), so that both share one scale.
 *
 * @param order - Indices into the candidates, best first. Candidates it does not name follow in candidate order.
 * @param candidates - How many candidates there are; as many as `order` names unless told.
 * @returns `[candidates]`, by candidate.
 * @throws Llama4RecError `E_ARGUMENT` if an index is out of range or named twice.
 *
 * @example
 * ```ts
 * positionUtilities([2, 0], 3); // -2, -3, -1
 * ```
 */
export function positionUtilities(order: ArrayLike<number>, candidates: number = order.length): Float64Array {
  const utilities = new Float64Array(candidates); // 0 = not placed yet
  let place = 0;
  for (let n = 0; n < order.length; n++) {
    const candidate = order[n];
    if (!Number.isInteger(candidate) || candidate < 0 || candidate >= candidates) {
      throw argumentError(`order[${n}]`, `an index below ${candidates}`, candidate);
    }
    if (utilities[candidate] !== 0)
      throw argumentError(`order[${n}]`, "an index not named before", candidate);
    utilities[candidate] = -++place * COST_PER_PLACE;
  }
  for (let candidate = 0; candidate < candidates; candidate++) {
    if (utilities[candidate] === 0) utilities[candidate] = -++place * COST_PER_PLACE;
  }
  return utilities;
}

/**
 * Scores turned into utilities by place: the highest gets -1, the next -2, ties by candidate order. It puts scores of
 * any scale (log-likelihoods, label logits, ratings) on the scale of {@link positionUtilities}.
 *
 * @param scores - `[candidates]`, higher is better.
 * @throws Llama4RecError `E_ARGUMENT` if a score is not finite.
 */
export function rankUtilities(scores: ArrayLike<number>): Float64Array {
  checkFinite("scores", scores);
  const order = Array.from(scores, (_, candidate) => candidate);
  return positionUtilities(order.sort((a, b) => scores[b] - scores[a] || a - b));
}

/**
 * Utilities of ratings that a language model predicted one by one (Llama4Rec, pointwise).
 *
 * @param ratings - `[candidates]`, predicted ratings.
 * @param scale - `rating`: the rating itself, as in the paper; `rank`: its place, see {@link rankUtilities}, so that
 * it weighs as much as the backbone's side.
 * @throws Llama4RecError `E_ARGUMENT` if a rating is not finite.
 */
export function pointwiseUtilities(
  ratings: ArrayLike<number>,
  scale: "rating" | "rank" = "rating",
): Float64Array {
  if (scale === "rank") return rankUtilities(ratings);
  checkFinite("ratings", ratings);
  return Float64Array.from(ratings);
}

/** @internal Throws `E_ARGUMENT` at the first value that is not finite. */
export function checkFinite(name: string, values: ArrayLike<number>): void {
  for (let n = 0; n < values.length; n++) {
    if (!Number.isFinite(values[n])) throw argumentError(`${name}[${n}]`, "a finite number", values[n]);
  }
}
