/** RecRanker's hybrid ranking (arXiv 2312.16018): three kinds of answers on one scale. */

import { argumentError } from "../native/errors.js";
import { checkFinite } from "./utility.js";

/** Two candidates that a language model compared, asked in both orders. */
export interface ComparedPair {
  /** Index of a candidate. */
  readonly first: number;
  /** Index of another one. */
  readonly second: number;
  /** The one preferred in both orders, `first` or `second`; null where the two answers contradict each other. */
  readonly winner: number | null;
}

/** What a language model said of a user's candidates; kinds it was not asked for or gave no answer to are left out. */
export interface HybridAnswers {
  /** `[k']`, predicted ratings by candidate in the backbone's order; null where one did not parse. */
  readonly pointwise?: ArrayLike<number | null> | null;
  /** Pairs of candidates. */
  readonly pairwise?: readonly ComparedPair[] | null;
  /** Indices of candidates, best first; it may name a few only. */
  readonly listwise?: ArrayLike<number> | null;
}

/** Constants of {@link hybridUtilities}; RecRanker's own unless told. */
export interface HybridOptions {
  /** C1, what one place of the backbone adds to a rating: .05. */
  readonly c1?: number;
  /** C2, what a won pair adds: .5. */
  readonly c2?: number;
  /** C3, what one place of the listwise answer adds: .025. */
  readonly c3?: number;
  /** How many places of the listwise answer count: 5. */
  readonly places?: number;
  /** Stands for a rating that did not parse: 3. */
  readonly missingRating?: number;
}

/**
 * Utilities of a hybrid of pointwise, pairwise and listwise answers, `S = S_pt + S_pw + S_ls` (RecRanker), the sum of
 * those that are there:
 *
 * - `S_pt = rating + C1 * (k' - index0)`, index0 = place in the backbone's list from 0; k' = 10 in RecRanker
 * - `S_pw = C2` for the winner of a pair, `C2 / 2` for both where the two orders contradict each other
 * - `S_ls = C3 * (5 - position0)` for the first five titles returned, position0 from 0; 0 for others
 *
 * They are on the scale of ratings: `rankUtilities` puts them on that of the backbone's places before they are mixed.
 *
 * @param candidates - k', how many candidates there are.
 * @returns `[k']`, by candidate; null where nothing was answered.
 * @throws Llama4RecError `E_ARGUMENT` if lengths differ, an index is out of range or a number not finite.
 *
 * @example
 * ```ts
 * hybridUtilities(2, { pointwise: [4, 4], pairwise: [{ first: 0, second: 1, winner: 1 }] }); // 4.1, 4.55
 * ```
 */
export function hybridUtilities(
  candidates: number,
  { pointwise, pairwise, listwise }: HybridAnswers,
  { c1 = 0.05, c2 = 0.5, c3 = 0.025, places = 5, missingRating = 3 }: HybridOptions = {},
): Float64Array | null {
  if (!pointwise && !pairwise && !listwise) return null;
  const utilities = new Float64Array(candidates);
  const add = (name: string, candidate: number, utility: number): void => {
    if (!Number.isInteger(candidate) || candidate < 0 || candidate >= candidates)
      throw argumentError(name, `an index below ${candidates}`, candidate);
    utilities[candidate] += utility;
  };
  if (pointwise) {
    if (pointwise.length !== candidates)
      throw argumentError("pointwise", `${candidates} ratings, one a candidate`, pointwise.length);
    const ratings = Array.from(pointwise, (rating) => rating ?? missingRating);
    checkFinite("pointwise", ratings);
    ratings.forEach((rating, index0) => {
      add("pointwise", index0, rating + c1 * (candidates - index0));
    });
  }
  pairwise?.forEach(({ first, second, winner }, n) => {
    if (winner !== null && winner !== first && winner !== second)
      throw argumentError(`pairwise[${n}].winner`, `${first}, ${second} or null`, winner);
    add(`pairwise[${n}].first`, first, winner === null ? c2 / 2 : winner === first ? c2 : 0);
    add(`pairwise[${n}].second`, second, winner === null ? c2 / 2 : winner === second ? c2 : 0);
  });
  const listed = Array.from(listwise ?? []);
  listed.forEach((candidate, position0) => {
    if (listed.indexOf(candidate) < position0)
      throw argumentError(`listwise[${position0}]`, "an index not named before", candidate);
    add(`listwise[${position0}]`, candidate, c3 * Math.max(0, places - position0));
  });
  return utilities;
}
