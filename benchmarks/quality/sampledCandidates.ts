/**
 * Ranking a held-out item among a few sampled others. It tells how well a language model orders candidates, and is
 * no measure of recommendation, which is always ranked against the whole catalogue.
 */

import { cumulate, pickWeighted } from "../../lib/data/draws.js";
import { Random } from "../../lib/data/random.js";
import { MetricAccumulator } from "../../lib/metrics/ranking.js";
import type { Ranker } from "../../lib/models/ranker.js";
import { argumentError } from "../../lib/native/errors.js";

/** One item to be found among others. */
export interface CandidateRow {
  readonly user: number;
  /** The held-out item. */
  readonly target: number;
  /** The held-out item and the negatives, shuffled: its place says nothing. */
  readonly candidates: Int32Array;
}

/** Options of {@link sampleCandidates}. */
export interface CandidateOptions {
  /** `[items]` weight with which an item is drawn, at least 0; 0: never. All ones for uniform negatives. */
  readonly weights: ArrayLike<number>;
  /** Items that are no negatives of a user, beside the target: what the user has. */
  readonly isKnown: (user: number, item: number) => boolean;
  /** How many negatives. Default 9. */
  readonly negatives?: number;
  /** The draws of a user depend on it and on the user alone, not on which other rows there are. */
  readonly seed: number;
}

/**
 * Draws negatives for every row, without replacement, and shuffles the held-out item in.
 *
 * @throws Llama4RecError `E_ARGUMENT` when a user has too few items to draw from.
 */
export function sampleCandidates(
  rows: { readonly users: ArrayLike<number>; readonly items: ArrayLike<number> },
  { weights, isKnown, negatives = 9, seed }: CandidateOptions,
): CandidateRow[] {
  return Array.from(rows.users, (user, row) => {
    const target = rows.items[row];
    const random = new Random(seed, user);
    const own = Float64Array.from(weights, (weight, item) =>
      item === target || isKnown(user, item) ? 0 : weight,
    );
    const open = own.reduce((count, weight) => count + (weight > 0 ? 1 : 0), 0);
    if (open < negatives)
      throw argumentError("negatives", `at most the ${open} items that user ${user} can be given`, negatives);
    const candidates = Int32Array.of(target, ...new Int32Array(negatives));
    for (let n = 1; n <= negatives; n++) {
      candidates[n] = pickWeighted(random, cumulate(own));
      own[candidates[n]] = 0;
    }
    return { user, target, candidates: random.shuffle(candidates) };
  });
}

/** The candidates as a ranker orders them for the row's user, best first; equal scores: the lower index first. */
export function rankedBy(ranker: Ranker, { user, candidates }: CandidateRow): Int32Array {
  const { ids, counts } = ranker.topK(Int32Array.of(user), { k: candidates.length, allowed: candidates });
  return ids.subarray(0, counts[0]);
}

/** Candidates by the sum of their places in two orders, the least first; equal sums as the first order has them. */
export function fusedOrder(first: Int32Array, second: Int32Array): Int32Array {
  const sums = new Map(Array.from(first, (item, place) => [item, place + second.indexOf(item)]));
  return first.toSorted((a, b) => (sums.get(a) ?? 0) - (sums.get(b) ?? 0));
}

/** How well held-out items were found, means over rows. */
export interface CandidateMetrics {
  readonly "hr@3": number;
  readonly "ndcg@3": number;
  /** Share of the negatives that are behind the held-out item: of one held-out item the area under the ROC curve. */
  readonly auc: number;
}

/**
 * Metrics of orders, one a row, best first; a row whose order is null or does not hold the target is a miss.
 *
 * @param orders - `[rows]`
 */
export function candidateMetrics(
  rows: readonly CandidateRow[],
  orders: readonly (Int32Array | null)[],
): CandidateMetrics {
  const accumulator = new MetricAccumulator();
  let behind = 0;
  rows.forEach(({ target, candidates }, row) => {
    const rank = (orders[row]?.indexOf(target) ?? -1) + 1;
    accumulator.add(rank);
    if (rank > 0) behind += (candidates.length - rank) / (candidates.length - 1);
  });
  const { "hr@3": hr, "ndcg@3": ndcg } = accumulator.result();
  return { "hr@3": hr, "ndcg@3": ndcg, auc: rows.length === 0 ? 0 : behind / rows.length };
}
