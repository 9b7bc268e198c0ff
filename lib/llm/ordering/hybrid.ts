import { orderOf } from "../ranking.js";
import { labelScores } from "./labels.js";
import { listingScores } from "./listing.js";
import { drawnPairs, share } from "./pairwise.js";
import { pointwiseScores } from "./pointwise.js";
import type { Asking, HybridParts, OrderInput } from "./types.js";

/** Constants of RecRanker's release: C1 a place of the backbone, C2 a won pair, C3 a place among the first five listed. */
const [PLACE, PAIR, LISTED] = [0.05, 0.5, 0.025];
/** Titles that the listwise part rewards. */
const LISTED_TITLES = 5;

/** @internal The three parts of RecRanker (arXiv 2312.16018), asked at once; null if all three are without an answer. */
export async function hybridParts(
  asking: Asking,
  input: OrderInput,
): Promise<{ parts: HybridParts; consistency: number | null } | null> {
  const listwise = asking.options.listwise === "listing" ? listingScores : labelScores;
  const [ratings, pairs, listed] = await Promise.all([
    pointwiseScores(asking, input),
    drawnPairs(asking, input),
    listwise(asking, input),
  ]);
  if (ratings === null && pairs === null && listed === null) return null;
  const parts = {
    pointwise: ratings,
    pairwise: pairs,
    listwise: listed && orderOf(listed),
  };
  return { parts, consistency: pairs && share(pairs, ({ winner }) => winner !== null) };
}

/**
 * The parts as RecRanker's release adds them: `rating + C1 * (k' - place)`, `C2` for a won pair, half of it each without a
 * winner, `C3 * (5 - place)` for the first five listed; places from 0, the backbone's first. A part without an answer adds
 * nothing.
 *
 * @param candidates - How many candidates there are, k'.
 * @returns `[candidates]`, higher is better.
 */
export function hybridScores(
  { pointwise, pairwise, listwise }: HybridParts,
  candidates: number,
): Float64Array {
  const scores = new Float64Array(candidates);
  for (let place = 0; place < candidates; place++) {
    if (pointwise) scores[place] += pointwise[place] + PLACE * (candidates - place);
    if (listwise && place < LISTED_TITLES) scores[listwise[place]] += LISTED * (LISTED_TITLES - place);
  }
  for (const { first, second, winner } of pairwise ?? []) {
    scores[first] += winner === null ? PAIR / 2 : winner === first ? PAIR : 0;
    scores[second] += winner === null ? PAIR / 2 : winner === second ? PAIR : 0;
  }
  return scores;
}
