/** What may be said of several runs: mean and spread over seeds, a paired bootstrap over users, Holm's correction. */

import { Random } from "../data/random.js";
import { argumentError } from "../native/errors.js";

/** Metrics of several seeds in short. */
export interface MetricSummary<Metrics> {
  /** Mean over the seeds. */
  readonly mean: Metrics;
  /** Sample standard deviation over the seeds (divisor n - 1); null with one seed, where there is none. */
  readonly spread: Metrics | null;
  /** How many seeds. */
  readonly seeds: number;
}

/**
 * Mean and spread of metrics over seeds, of rankings or of ratings.
 *
 * @param runs - One entry a seed, all with the same metrics.
 * @throws Llama4RecError `E_ARGUMENT` if there is no run.
 */
export function summarize<Metrics extends { readonly [Name in keyof Metrics]: number }>(
  runs: readonly Metrics[],
): MetricSummary<Metrics> {
  if (runs.length === 0) throw argumentError("runs", "the metrics of at least one seed", runs);
  const names = Object.keys(runs[0]) as (keyof Metrics)[];
  const of = (value: (name: keyof Metrics) => number): Metrics =>
    Object.fromEntries(names.map((name) => [name, value(name)])) as Metrics;
  const mean = of((name) => runs.reduce((sum, run) => sum + run[name], 0) / runs.length);
  const deviation = (name: keyof Metrics): number =>
    Math.sqrt(runs.reduce((sum, run) => sum + (run[name] - mean[name]) ** 2, 0) / (runs.length - 1));
  return { mean, spread: runs.length > 1 ? of(deviation) : null, seeds: runs.length };
}

/** Options of {@link pairedBootstrap}. */
export interface BootstrapOptions {
  /** Resamples drawn; 10,000 unless told. */
  resamples?: number;
  /** Seed of the draws. */
  seed: number;
}

/** Result of {@link pairedBootstrap}, in units of the differences. */
export interface BootstrapResult {
  /** Mean difference over the users. */
  mean: number;
  /** Lower end of the 95 % percentile interval. */
  low: number;
  /** Upper end of the 95 % percentile interval. */
  high: number;
  /** Two-sided p-value of "no difference", in (0, 1]. */
  p: number;
}

/**
 * Paired bootstrap over users: resamples the users' differences with replacement. The p-value inverts the
 * percentile interval: twice the smaller share of resampled means on one side of zero, with one added to the
 * counts so that it is never 0.
 *
 * @param differences - `[users]`: one user's metric of one system less that of the other, averaged over seeds.
 * @throws Llama4RecError `E_ARGUMENT` if there are no users, a difference is not finite or `resamples` is no
 * positive integer.
 */
export function pairedBootstrap(differences: Float64Array, options: BootstrapOptions): BootstrapResult {
  const { resamples = 10_000, seed } = options;
  const users = differences.length;
  if (users === 0) throw argumentError("differences", "at least one user", "none");
  const flaw = differences.findIndex((difference) => !Number.isFinite(difference));
  if (flaw >= 0) throw argumentError(`differences[${flaw}]`, "a finite number", differences[flaw]);
  if (!Number.isSafeInteger(resamples) || resamples < 1) {
    throw argumentError("resamples", "a positive integer", resamples);
  }

  const random = new Random(seed);
  const means = new Float64Array(resamples);
  for (let b = 0; b < resamples; b++) {
    let sum = 0;
    for (let n = 0; n < users; n++) sum += differences[random.below(users)];
    means[b] = sum / users;
  }
  means.sort();

  const notAbove = means.filter((mean) => mean <= 0).length;
  const notBelow = means.filter((mean) => mean >= 0).length;
  return {
    mean: differences.reduce((sum, difference) => sum + difference, 0) / users,
    low: quantile(means, 0.025),
    high: quantile(means, 0.975),
    p: Math.min(1, (2 * (Math.min(notAbove, notBelow) + 1)) / (resamples + 1)),
  };
}

/** Quantile of sorted values, linear between neighbours. */
function quantile(sorted: Float64Array, share: number): number {
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
}

/**
 * Holm's step-down correction for several tests (family-wise error rate).
 *
 * @param pValues - One p-value a test, in [0, 1].
 * @returns Adjusted p-values in the order of the input.
 * @throws Llama4RecError `E_ARGUMENT` if a value is no probability.
 *
 * @example
 * ```ts
 * holm([0.01, 0.04, 0.03]); // [0.03, 0.06, 0.06]
 * ```
 */
export function holm(pValues: readonly number[]): number[] {
  pValues.forEach((p, test) => {
    if (!(p >= 0 && p <= 1)) throw argumentError(`pValues[${test}]`, "a number from 0 to 1", p);
  });
  const order = pValues.map((_, test) => test).sort((a, b) => pValues[a] - pValues[b] || a - b);
  const adjusted = new Array<number>(pValues.length);
  let largest = 0;
  order.forEach((test, step) => {
    largest = Math.max(largest, Math.min(1, (pValues.length - step) * pValues[test]));
    adjusted[test] = largest;
  });
  return adjusted;
}
