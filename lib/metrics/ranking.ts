/**
 * Metrics of one relevant item per user (leave-one-out). A rank is 1-based; 0 means that the list does not hold
 * the item, which is a miss at every cut-off.
 */

import { argumentError } from "../native/errors.js";

/** The cut-offs that every table reports. */
export const CUTOFFS = [3, 5, 10] as const;

/** One of {@link CUTOFFS}. */
export type Cutoff = (typeof CUTOFFS)[number];

/** Means over users, in [0, 1], keyed `hr@3`, `ndcg@3`, `hr@5`, `ndcg@5`, `hr@10`, `ndcg@10`. */
export type RankingMetrics = Record<`${"hr" | "ndcg"}@${Cutoff}`, number>;

/** The longest list that any metric looks at. */
const DEPTH = Math.max(...CUTOFFS);

/** Hit rate of one user: 1 where `rank` is within the first `cutoff` places, else 0. */
export function hitRate(rank: number, cutoff: number): number {
  return rank >= 1 && rank <= cutoff ? 1 : 0;
}

/** NDCG of one user with one relevant item: `1 / log2(rank + 1)` within the first `cutoff` places, else 0. */
export function ndcg(rank: number, cutoff: number): number {
  return rank >= 1 && rank <= cutoff ? 1 / Math.log2(rank + 1) : 0;
}

/**
 * Counts users by rank and turns the counts into metrics. It holds integers only, so shards merged in any order
 * give the same bits as one pass.
 *
 * @example
 * ```ts
 * const metrics = new MetricAccumulator();
 * for (const rank of ranks) metrics.add(rank);
 * console.log(metrics.result()["ndcg@5"], metrics.count);
 * ```
 */
export class MetricAccumulator {
  /** Users by rank: entry 0 holds those without a hit, entry r those with rank r. */
  readonly #usersByRank = new Float64Array(DEPTH + 1);
  #count = 0;

  /** Users seen so far: the denominator of every metric. */
  get count(): number {
    return this.#count;
  }

  /**
   * Adds one user.
   *
   * @param rank - 1-based place of the relevant item, 0 where the list does not hold it.
   * @throws Llama4RecError `E_ARGUMENT` if the rank is negative or no integer.
   */
  add(rank: number): void {
    checkRank("rank", rank);
    this.#usersByRank[rank <= DEPTH ? rank : 0] += 1;
    this.#count += 1;
  }

  /** Adds the users of another accumulator, which stays as it is. */
  merge(other: MetricAccumulator): void {
    for (let rank = 0; rank <= DEPTH; rank++) this.#usersByRank[rank] += other.#usersByRank[rank];
    this.#count += other.#count;
  }

  /** Means over the users added; all zero where there are none. */
  result(): RankingMetrics {
    return {
      "hr@3": this.#mean(hitRate, 3),
      "ndcg@3": this.#mean(ndcg, 3),
      "hr@5": this.#mean(hitRate, 5),
      "ndcg@5": this.#mean(ndcg, 5),
      "hr@10": this.#mean(hitRate, 10),
      "ndcg@10": this.#mean(ndcg, 10),
    };
  }

  #mean(metric: (rank: number, cutoff: number) => number, cutoff: Cutoff): number {
    let sum = 0;
    for (let rank = 1; rank <= cutoff; rank++) sum += this.#usersByRank[rank] * metric(rank, cutoff);
    return this.#count === 0 ? 0 : sum / this.#count;
  }
}

/**
 * NDCG of every user, the values that {@link MetricAccumulator} averages: what a paired test over users compares.
 *
 * @param ranks - `[users]`, 1-based, 0 = not in the list.
 * @returns `[users]`, in [0, 1].
 * @throws Llama4RecError `E_ARGUMENT` if a rank is negative or no integer.
 */
export function ndcgPerUser(ranks: ArrayLike<number>, cutoff: number = 5): Float64Array {
  return Float64Array.from(ranks, (rank, user) => {
    checkRank(`ranks[${user}]`, rank);
    return ndcg(rank, cutoff);
  });
}

/**
 * Root mean squared error, in units of the rating.
 *
 * @throws Llama4RecError `E_ARGUMENT` if the lengths differ or are 0.
 */
export function rmse(predicted: ArrayLike<number>, actual: ArrayLike<number>): number {
  return Math.sqrt(meanOf(predicted, actual, (error) => error * error));
}

/**
 * Mean absolute error, in units of the rating.
 *
 * @throws Llama4RecError `E_ARGUMENT` if the lengths differ or are 0.
 */
export function mae(predicted: ArrayLike<number>, actual: ArrayLike<number>): number {
  return meanOf(predicted, actual, Math.abs);
}

function meanOf(
  predicted: ArrayLike<number>,
  actual: ArrayLike<number>,
  loss: (error: number) => number,
): number {
  if (actual.length === 0) throw argumentError("actual", "at least one rating", "none");
  if (predicted.length !== actual.length) {
    throw argumentError("predicted", `${actual.length} ratings, one for each actual`, `${predicted.length}`);
  }
  let sum = 0;
  for (let i = 0; i < actual.length; i++) sum += loss(predicted[i] - actual[i]);
  return sum / actual.length;
}

function checkRank(name: string, rank: number): void {
  if (!Number.isInteger(rank) || rank < 0) {
    throw argumentError(name, "an integer from 1, or 0 for not in the list", rank);
  }
}
