/** Differences between rows of a table, user by user. */

import { pairedBootstrap, summarize } from "../evaluation/summary.js";
import type { Outcome, SeedOutcome } from "./outcome.js";
import type { Difference, Figures } from "./summary.js";

/** Seed of the resampling. */
const SEED = 1;

/**
 * Per user the difference of the primary metric, averaged over the seeds in which both rows have the user. NDCG@5: ours less
 * theirs. RMSE: squared errors over the sum of both RMSE, so that their mean over a seed's rows is the difference of the RMSE.
 */
export function userDifferences(ours: Outcome, theirs: Outcome): Map<number, number> {
  const sums = new Map<number, { sum: number; count: number }>();
  for (const [at, mine] of ours.seeds.entries()) {
    const other = theirs.seeds[at];
    const scale = scaleOf(mine, other);
    for (const [row, user] of mine.users.entries()) {
      const entry = sums.get(user) ?? { sum: 0, count: 0 };
      entry.sum += (mine.values[row] - other.values[row]) / scale;
      entry.count++;
      sums.set(user, entry);
    }
  }
  return new Map(Array.from(sums, ([user, { sum, count }]) => [user, sum / count]));
}

/** What differences of the values are divided by, so that their mean is that of the primary metric. */
function scaleOf(ours: SeedOutcome, theirs: SeedOutcome): number {
  if (!("rmse" in ours.metrics)) return 1;
  return ours.metrics.rmse + theirs.metrics.rmse || 1;
}

/** Mean and interval of differences over users. */
export function differenceOf(differences: Iterable<number>): Difference {
  const values = Float64Array.from(differences);
  return { ...pairedBootstrap(values, { seed: SEED }), holm: null };
}

/** Mean of several differences of each user: over the backbones of a table. */
export function meanOverRows(all: readonly ReadonlyMap<number, number>[]): number[] {
  const users = new Set(all.flatMap((one) => [...one.keys()]));
  return Array.from(users, (user) => {
    const found = all.map((one) => one.get(user)).filter((value) => value !== undefined);
    return found.reduce((sum, value) => sum + value, 0) / found.length;
  });
}

/** Mean and sample standard deviation over seeds; null with one. */
export function overSeeds({ seeds }: Outcome): { metrics: Figures; spread: Figures | null } {
  const { mean, spread } = summarize(seeds.map(({ metrics }) => metrics));
  return { metrics: mean, spread };
}

/** Relative gain in per cent, positive is better. */
export function gainOf(metric: string, ours: number, theirs: number): number {
  if (theirs === 0) return 0;
  const change = (100 * (ours - theirs)) / theirs;
  return metric === "rmse" || metric === "mae" ? -change : change;
}

/**
 * Mean over all metrics of the paper's tables of the gain over the better of two rows, in per cent. The paper's own figures of
 * rankings are so; those of ratings, where IFT is a row of its own, are over Base alone, which is easier.
 */
export function gainOverBetter(ours: Figures, first: Figures, second: Figures | null): number {
  const names = "rmse" in ours ? ["rmse", "mae"] : ["hr@3", "ndcg@3", "hr@5", "ndcg@5"];
  const gains = names.map((name) => {
    const rivals = second === null ? [first[name]] : [first[name], second[name]];
    const better = name in { rmse: 0, mae: 0 } ? Math.min(...rivals) : Math.max(...rivals);
    return gainOf(name, ours[name], better);
  });
  return gains.reduce((sum, gain) => sum + gain, 0) / gains.length;
}
