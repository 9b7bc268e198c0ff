/** Choices on validation rows and errors on test rows, from cells alone: no model is asked or trained here. */

import type { LearnedWeight } from "../aggregation/crossFit.js";
import { ratingWeightFeatures } from "../aggregation/features.js";
import { learnRatingWeight, type RatingLearningRow } from "../aggregation/learnedWeight.js";
import {
  chooseRatingAlpha,
  chooseUniformRatingAlpha,
  evaluateRatingMixture,
  type HeldOutRating,
  mixRatings,
} from "../aggregation/ratingMix.js";
import { adaptiveWeight } from "../aggregation/weight.js";
import { learnedAlpha } from "../aggregation/weightModel.js";
import { mae, rmse } from "../metrics/ranking.js";
import type { ListName, Lists, RatedRow, RatingCell } from "./cell.js";
import type { ExperimentConfig } from "./config.js";
import {
  type BackboneOutcome,
  helpedUsers,
  listsOf,
  type Outcome,
  SCALED,
  type SeedOutcome,
  spreadOf,
  testFacts,
  withParts,
} from "./outcome.js";
import type { Mixing, RowName } from "./summary.js";

/** How ratings are asked for: there is one way. */
const MODE = "rating";
/** A prediction that moves by less than this counts as unchanged. */
const CHANGE = 0.05;

interface Rated extends HeldOutRating {
  readonly row: RatedRow;
}

interface Rule {
  /** Null where there is none: a learned weight reads the answer, and not all rows have one. */
  readonly weight: (rated: Rated) => number | null;
  readonly mixing: Omit<Mixing, "weights"> | null;
  readonly points: ReturnType<typeof chooseRatingAlpha>["points"] | null;
  readonly learned: LearnedWeight | null;
}

/**
 * The rows of the table for one backbone, from its cells of all seeds. The weights of each row are chosen by RMSE over the validation
 * rows of all seeds together, then applied to the test rows.
 */
export function ratingOutcome(cells: readonly RatingCell[], config: ExperimentConfig): BackboneOutcome {
  const [{ backbone }] = cells;
  const outcomes: Outcome[] = [];
  let curve: BackboneOutcome["curve"] = null;
  let helped: BackboneOutcome["helped"] = null;
  for (const name of config.rows) {
    const options = listsOf(name)
      .filter((list) => cells.every(({ lists }) => lists[list] !== undefined))
      .map((list) => {
        const validation = cells.flatMap((cell) => ratedRows(cell, list, "validation"));
        return { list, validation, rule: ruleOf(name, validation, config) };
      });
    if (options.length === 0) continue;
    const errorOf = ({ rule, validation }: (typeof options)[number]): number =>
      evaluateRatingMixture(validation, (rated) => rule.weight(rated) ?? 0).rmse;
    const { list, validation, rule } = options.reduce((best, one) =>
      errorOf(one) < errorOf(best) ? one : best,
    );
    outcomes.push(withParts(outcomeOf(name, rule, cells, list), list));
    if (rule.points !== null && name === "llama4rec")
      curve = {
        backbone,
        mode: MODE,
        base: evaluateRatingMixture(validation, () => 0).rmse,
        points: rule.points
          .filter(({ form }) => form === rule.mixing?.form)
          .map(({ alpha1, alpha2, metrics }) => ({ alpha1, alpha2, value: metrics.rmse })),
      };
    if (rule.learned !== null) helped = helpedUsers(backbone, rule.learned);
  }
  return { backbone, outcomes, facts: cells.map(testFacts), curve, modes: [], helped };
}

function ruleOf(name: RowName, validation: readonly Rated[], { forms }: ExperimentConfig): Rule {
  const none = { points: null, learned: null };
  if (name === "base") return { weight: () => 0, mixing: null, ...none };
  if (name === "ift") return { weight: () => 1, mixing: null, ...none };
  if (name === "without-adaptive") {
    const { alpha } = chooseUniformRatingAlpha(validation).best;
    return { weight: () => alpha, mixing: { mode: MODE, alpha1: null, alpha2: null, form: null }, ...none };
  }
  if (name === "learned") {
    const learned = learnRatingWeight(validation.map(learningRow), { standardErrors: 1 });
    const weight = (rated: Rated): number | null =>
      learned.fallback || rated.languageModel === null
        ? null
        : learnedAlpha(learned.model, featuresOf(rated));
    const mode = learned.fallback ? null : MODE;
    return { weight, mixing: { mode, alpha1: null, alpha2: null, form: null }, points: null, learned };
  }
  const { best, points } = chooseRatingAlpha(validation, SCALED, { forms });
  const { alpha1, alpha2, form } = best;
  const mode = alpha1 === 0 ? null : MODE;
  return {
    weight: ({ coefficient }) => adaptiveWeight(coefficient, SCALED, best),
    mixing: { mode, alpha1, alpha2, form },
    points,
    learned: null,
  };
}

function outcomeOf(row: RowName, rule: Rule, cells: readonly RatingCell[], list: ListName): Outcome {
  const weights: number[] = [];
  let rows = 0;
  let changed = 0;
  const seeds = cells.map((cell): SeedOutcome => {
    const test = ratedRows(cell, list, "test");
    const predicted = test.map((rated) => {
      const weight = rule.weight(rated);
      if (weight !== null) weights.push(weight);
      const rating = mixRatings(rated, weight ?? 0);
      rows++;
      if (Math.abs(rating - rated.recommender) > CHANGE) changed++;
      return rating;
    });
    const actual = test.map((rated) => rated.actual);
    return {
      seed: cell.seed,
      metrics: { rmse: rmse(predicted, actual), mae: mae(predicted, actual) },
      users: test.map((rated) => rated.row.user),
      values: predicted.map((rating, at) => (rating - actual[at]) ** 2),
    };
  });
  return {
    row,
    seeds,
    mixing: rule.mixing && { ...rule.mixing, weights: spreadOf(weights) },
    changed: row === "base" || rows === 0 ? null : changed / rows,
  };
}

function ratedRows(cell: RatingCell, list: ListName, part: keyof Lists<RatedRow>): Rated[] {
  const rows = cell.lists[list]?.[part] ?? [];
  return rows.map((row) => ({
    row,
    recommender: row.recommender,
    languageModel: row.other,
    actual: row.truth,
    coefficient: row.coefficient,
  }));
}

function learningRow(rated: Rated): RatingLearningRow {
  const { row, recommender, languageModel, actual } = rated;
  const features = languageModel === null ? [] : featuresOf(rated);
  return { recommender, languageModel, actual, user: row.user, interactions: row.interactions, features };
}

function featuresOf({ row, recommender, languageModel }: Rated): number[] {
  const { interactions, entropy, margin } = row;
  return ratingWeightFeatures({
    interactions,
    entropy,
    recommender,
    languageModel: languageModel ?? recommender,
    certainty: margin ?? 0,
  });
}
