/** Choice of the weights of rankings on validation users; needs no new answer of the language model. */

import { MetricAccumulator, type RankingMetrics } from "../metrics/ranking.js";
import { argumentError } from "../native/errors.js";
import { aggregate } from "./aggregate.js";
import {
  type AdaptiveSetting,
  type AlphaSearchOptions,
  adaptiveRules,
  type Choice,
  chooseBest,
  type UniformSetting,
  uniformRules,
  type WeightRule,
} from "./choice.js";
import type { LongTailRange } from "./weight.js";

/** One held-out user: candidates, what both sides make of them, and where the held-out item is. */
export interface HeldOutList {
  /** `[k']`, item indices in the backbone's order. */
  candidates: Int32Array;
  /** `[k']`, utilities of the conventional model. */
  recommender: Float64Array;
  /** `[k']` utilities of the language model, by mode (say `listwise`, `pointwise`); null or absent = no answer. */
  languageModel: Readonly<Partial<Record<string, Float64Array | null>>>;
  /** Place of the held-out item among the candidates, from 1; 0 where it is not among them. */
  heldOut: number;
}

/** A held-out user with what Eq. 7 weighs by. */
export interface HeldOutUser extends HeldOutList {
  /** l_u, from the interactions that are known: training only, where this user is to choose. */
  coefficient: number;
}

/** What one setting gives over all validation users. */
export interface RankingResult {
  /** Mode of the language model; null for the backbone alone. */
  mode: string | null;
  metrics: RankingMetrics;
}

/** One row of the table of {@link chooseAlpha}. */
export interface AlphaPoint extends AdaptiveSetting, RankingResult {}

/** One row of the table of {@link chooseUniformAlpha}. */
export interface UniformPoint extends UniformSetting, RankingResult {}

/** Result of {@link chooseAlpha}: the backbone alone, then the grid for each form and mode. */
export type AlphaChoice = Choice<AlphaPoint>;

/**
 * Chooses mode and weights by NDCG@5 on validation; ties go to the higher NDCG@10, then to the smaller alpha_1, the
 * smaller alpha_2, the form asked for first, so that the language model is preferred only where it helps. The
 * denominators are all users passed; those whose held-out item is not a candidate are misses whatever the weights.
 *
 * With the places 1 to 10 as utilities on both sides, a weight of .1 or less cannot change any order: such rows equal
 * the backbone's.
 *
 * @param users - All validation users.
 * @param range - Range of the coefficients over all users of the training data, the same data that `coefficient` counts.
 * @throws Llama4RecError `E_ARGUMENT` if there are no users or forms, or a user's numbers are out of range.
 */
export function chooseAlpha(
  users: readonly HeldOutUser[],
  range: LongTailRange,
  options: AlphaSearchOptions = {},
): AlphaChoice {
  return choose(users, adaptiveRules(range, options));
}

/**
 * Chooses mode and one weight for all users in the same way, from 0, .1, .. 1: the ablation "without adaptive
 * aggregation" (Llama4Rec, Table 5).
 *
 * @param users - All validation users.
 * @throws Llama4RecError `E_ARGUMENT` if there are no users or a user's numbers are out of range.
 */
export function chooseUniformAlpha(users: readonly HeldOutUser[]): Choice<UniformPoint> {
  return choose(users, uniformRules());
}

/**
 * Metrics of the mixed lists. Users whose held-out item is not a candidate are misses; they stay in the denominator.
 *
 * @param mode - Mode of the language model; null for the backbone alone.
 * @param weight - alpha_u of a user, in [0, 1].
 * @throws Llama4RecError `E_ARGUMENT` as {@link aggregate}.
 */
export function evaluateMixture<U extends HeldOutList>(
  users: readonly U[],
  mode: string | null,
  weight: (user: U) => number,
): RankingMetrics {
  const metrics = new MetricAccumulator();
  for (const user of users) metrics.add(mixedPlace(user, mode, weight(user)));
  return metrics.result();
}

/** @internal Place of the held-out item in the mixed list, from 1; 0 where it is not a candidate. */
export function mixedPlace(user: HeldOutList, mode: string | null, alpha: number): number {
  const { candidates, recommender, languageModel, heldOut } = user;
  if (heldOut === 0) return 0;
  const order = aggregate({
    candidates,
    recommender,
    languageModel: mode === null ? null : (languageModel[mode] ?? null),
    alpha,
  });
  return order.indexOf(candidates[heldOut - 1]) + 1;
}

/** @internal Throws `E_ARGUMENT` where there are no users or a held-out place is none. */
export function checkUsers(users: readonly HeldOutList[]): void {
  if (users.length === 0) throw argumentError("users", "at least one validation user", users);
  users.forEach(({ heldOut, candidates }, n) => {
    if (!Number.isInteger(heldOut) || heldOut < 0 || heldOut > candidates.length) {
      throw argumentError(`users[${n}].heldOut`, `a place from 0 to ${candidates.length}`, heldOut);
    }
  });
}

/** The first rule is the backbone alone; the others are tried in every mode. */
function choose<S extends object>(
  users: readonly HeldOutUser[],
  rules: readonly WeightRule<S>[],
): Choice<S & RankingResult> {
  checkUsers(users);
  const modes = [...new Set(users.flatMap((user) => Object.keys(user.languageModel)))];
  const points = rules.flatMap(({ setting, weight }, n) =>
    (n === 0 ? [null] : modes).map((mode) => ({
      ...setting,
      mode,
      metrics: evaluateMixture(users, mode, ({ coefficient }) => weight(coefficient)),
    })),
  );
  return chooseBest(points, (a, b) => compareMetrics(a.metrics, b.metrics));
}

/** Metrics come from integer counts, so equal ones are equal to the bit. */
function compareMetrics(a: RankingMetrics, b: RankingMetrics): number {
  return a["ndcg@5"] - b["ndcg@5"] || a["ndcg@10"] - b["ndcg@10"];
}
