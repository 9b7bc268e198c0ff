/** Choice of alpha_1 and alpha_2 on validation users; needs no new answer of the language model. */

import { MetricAccumulator, type RankingMetrics } from "../metrics/ranking.js";
import { argumentError } from "../native/errors.js";
import { aggregate } from "./aggregate.js";
import { adaptiveWeight, type LongTailRange, type WeightForm } from "./weight.js";

/** One pair of the grid. */
export interface AlphaPair {
  /** Scale: the weight of the sparsest user. */
  alpha1: number;
  /** Cut-off: the floor of the scaled coefficient. */
  alpha2: number;
}

const GRID_VALUES = [0.1, 0.3, 0.5, 0.7, 0.9];

/**
 * The paper's grid, alpha_1 and alpha_2 each from {.1, .3, .5, .7, .9} (Llama4Rec, arXiv 2401.13870), after (0, 0),
 * the backbone alone: 26 pairs.
 */
export const alphaGrid: readonly AlphaPair[] = [
  { alpha1: 0, alpha2: 0 },
  ...GRID_VALUES.flatMap((alpha1) => GRID_VALUES.map((alpha2) => ({ alpha1, alpha2 }))),
];

/** One held-out user: candidates, what both sides make of them, and where the held-out item is. */
export interface HeldOutUser {
  /** `[k']`, item indices in the backbone's order. */
  candidates: Int32Array;
  /** `[k']`, utilities of the conventional model. */
  recommender: Float64Array;
  /** `[k']` utilities of the language model, by mode (say `listwise`, `pointwise`); null or absent = no answer. */
  languageModel: Readonly<Partial<Record<string, Float64Array | null>>>;
  /** l_u, from the interactions that are known: training only, where this user is to choose. */
  coefficient: number;
  /** Place of the held-out item among the candidates, from 1; 0 where it is not among them. */
  heldOut: number;
}

/** One row of the table: a pair, a mode of the language model, and the metrics over all validation users. */
export interface AlphaPoint extends AlphaPair {
  /** Mode of the language model; null for the backbone alone. */
  mode: string | null;
  metrics: RankingMetrics;
}

/** Result of {@link chooseAlpha}. */
export interface AlphaChoice {
  /** The winning row of `points`. */
  best: AlphaPoint;
  /** Every row: the backbone alone, then the grid for each mode. */
  points: AlphaPoint[];
}

/**
 * Chooses mode and weights by NDCG@5 on validation; ties go to the higher NDCG@10, then to the smaller alpha_1, then
 * to the smaller alpha_2, so that the language model is preferred only where it helps. The denominators are all users
 * passed; those whose held-out item is not a candidate are misses whatever the weights.
 *
 * With the places 1 to 10 as utilities on both sides, a weight of .1 or less cannot change any order: such rows equal
 * the backbone's.
 *
 * @param users - All validation users.
 * @param range - Range of the coefficients over all users of the training data, the same data that `coefficient` counts.
 * @param form - Reading of Eq. 7.
 * @throws Llama4RecError `E_ARGUMENT` if there are no users or a user's numbers are out of range.
 */
export function chooseAlpha(
  users: readonly HeldOutUser[],
  range: LongTailRange,
  form: WeightForm = "scaled",
): AlphaChoice {
  if (users.length === 0) throw argumentError("users", "at least one validation user", users);
  users.forEach(({ heldOut, candidates }, n) => {
    if (!Number.isInteger(heldOut) || heldOut < 0 || heldOut > candidates.length) {
      throw argumentError(`users[${n}].heldOut`, `a place from 0 to ${candidates.length}`, heldOut);
    }
  });
  const modes = [...new Set(users.flatMap((user) => Object.keys(user.languageModel)))];
  const points = alphaGrid.flatMap((pair) =>
    (pair.alpha1 === 0 ? [null] : modes).map((mode) => ({
      ...pair,
      mode,
      metrics: evaluateMixture(users, mode, ({ coefficient }) =>
        adaptiveWeight(coefficient, range, { ...pair, form }),
      ),
    })),
  );
  return { best: points.reduce((best, point) => (isBetter(point, best) ? point : best)), points };
}

/**
 * Metrics of the mixed lists. Users whose held-out item is not a candidate are misses; they stay in the denominator.
 *
 * @param mode - Mode of the language model; null for the backbone alone.
 * @param weight - alpha_u of a user, in [0, 1].
 * @throws Llama4RecError `E_ARGUMENT` as {@link aggregate}.
 */
export function evaluateMixture(
  users: readonly HeldOutUser[],
  mode: string | null,
  weight: (user: HeldOutUser) => number,
): RankingMetrics {
  const metrics = new MetricAccumulator();
  for (const user of users) {
    const { candidates, recommender, languageModel, heldOut } = user;
    if (heldOut === 0) {
      metrics.add(0);
      continue;
    }
    const order = aggregate({
      candidates,
      recommender,
      languageModel: mode === null ? null : (languageModel[mode] ?? null),
      alpha: weight(user),
    });
    metrics.add(order.indexOf(candidates[heldOut - 1]) + 1);
  }
  return metrics.result();
}

/** Metrics come from integer counts, so equal ones are equal to the bit. */
function isBetter(a: AlphaPoint, b: AlphaPoint): boolean {
  const order =
    a.metrics["ndcg@5"] - b.metrics["ndcg@5"] ||
    a.metrics["ndcg@10"] - b.metrics["ndcg@10"] ||
    b.alpha1 - a.alpha1 ||
    b.alpha2 - a.alpha2;
  return order > 0;
}
