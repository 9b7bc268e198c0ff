/** Choices on validation rows and figures on test rows, from cells alone: no model is asked or trained here. */

import { aggregate } from "../aggregation/aggregate.js";
import type { LearnedWeight } from "../aggregation/crossFit.js";
import { kendallTau } from "../aggregation/features.js";
import { learnRankingWeight, type RankingLearningRow } from "../aggregation/learnedWeight.js";
import {
  chooseAlpha,
  chooseUniformAlpha,
  evaluateMixture,
  type HeldOutUser,
  mixedPlace,
} from "../aggregation/tuning.js";
import { positionUtilities } from "../aggregation/utility.js";
import { adaptiveWeight } from "../aggregation/weight.js";
import { learnedAlpha } from "../aggregation/weightModel.js";
import { MetricAccumulator, ndcgPerUser } from "../metrics/ranking.js";
import type { ListName, Lists, RankedRow, RankingCell } from "./cell.js";
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
import type { Mixing, ModeFigures, RowName } from "./summary.js";

/** A row ready to be mixed. */
interface Candidate extends HeldOutUser {
  readonly row: RankedRow;
}

/** A mode of asking and the weight of its answer for a row; a null mode is the backbone alone. */
interface Rule {
  readonly mode: string | null;
  /** Null where there is none: a learned weight reads the answer, and not all rows have one. */
  readonly weight: (candidate: Candidate) => number | null;
  readonly mixing: Omit<Mixing, "weights"> | null;
}

/**
 * The rows of the table for one backbone, from its cells of all seeds. Mode and weights of each row are chosen by NDCG@5 over the
 * validation rows of all seeds together, then applied to the test rows.
 */
export function rankingOutcome(cells: readonly RankingCell[], config: ExperimentConfig): BackboneOutcome {
  const [{ backbone }] = cells;
  const outcomes: Outcome[] = [];
  const modes: ModeFigures[] = [];
  let curve: BackboneOutcome["curve"] = null;
  let helped: BackboneOutcome["helped"] = null;
  for (const name of config.rows) {
    const options = listsOf(name)
      .filter((list) => cells.every(({ lists }) => lists[list] !== undefined))
      .map((list) => {
        const validation = cells.flatMap((cell) => candidatesOf(cell, list, "validation"));
        return { list, validation, ...ruleOf(name, validation, config) };
      });
    if (options.length === 0) continue;
    const scoreOf = ({ rule, validation }: (typeof options)[number]): number =>
      evaluateMixture(validation, rule.mode, (candidate) => rule.weight(candidate) ?? 0)["ndcg@5"];
    const chosen = options.reduce((best, one) => (scoreOf(one) > scoreOf(best) ? one : best));
    const { list, validation } = chosen;
    outcomes.push(withParts(outcomeOf(name, chosen.rule, cells, list), list));
    if (name === list && !isControl(name)) modes.push(...modeFigures(backbone, name, validation));
    if (chosen.points !== null && name === "llama4rec" && chosen.rule.mode !== null) {
      const { mode, mixing } = chosen.rule;
      const points = chosen.points.filter((point) => point.mode === mode && point.form === mixing?.form);
      curve = {
        backbone,
        mode,
        base: evaluateMixture(validation, null, () => 0)["ndcg@5"],
        points: points.map(({ alpha1, alpha2, metrics }) => ({ alpha1, alpha2, value: metrics["ndcg@5"] })),
      };
    }
    if (chosen.learned !== null) helped = helpedUsers(backbone, chosen.learned);
  }
  return { backbone, outcomes, facts: cells.map(testFacts), curve, modes, helped };
}

const isControl = (row: RowName): boolean => row === "second-seed" || row === "closed-form";

interface Chosen {
  readonly rule: Rule;
  readonly points: ReturnType<typeof chooseAlpha>["points"] | null;
  readonly learned: LearnedWeight | null;
}

/** The rule of a row, chosen on validation rows. */
function ruleOf(name: RowName, validation: readonly Candidate[], { forms }: ExperimentConfig): Chosen {
  const none = { points: null, learned: null };
  const alone: Rule = { mode: null, weight: () => 0, mixing: null };
  if (name === "base") return { rule: alone, ...none };
  if (name === "ift") {
    const mode = bestMode(validation);
    return { rule: { mode, weight: () => 1, mixing: null }, ...none };
  }
  if (name === "without-adaptive") {
    const { mode, alpha } = chooseUniformAlpha(validation).best;
    const mixing = { mode, alpha1: null, alpha2: null, form: null };
    return { rule: { mode, weight: () => alpha, mixing }, ...none };
  }
  if (name === "learned") {
    const learned = modesOf(validation).map((mode) => ({
      mode,
      ...learnRankingWeight(learningRows(validation, mode), mode, { standardErrors: 1 }),
    }));
    if (learned.length === 0) return { rule: alone, ...none };
    const best = learned.reduce((found, one) => (one.gain > found.gain ? one : found));
    const mode = best.fallback ? null : best.mode;
    const mixing = { mode, alpha1: null, alpha2: null, form: null };
    const weight = (candidate: Candidate): number | null =>
      mode === null || !candidate.languageModel[mode]
        ? null
        : learnedAlpha(best.model, featuresOf(candidate, mode));
    return { rule: { mode, weight, mixing }, points: null, learned: best };
  }
  const { best, points } = chooseAlpha(validation, SCALED, { forms });
  const { mode, alpha1, alpha2, form } = best;
  const weight = ({ coefficient }: Candidate): number => adaptiveWeight(coefficient, SCALED, best);
  return { rule: { mode, weight, mixing: { mode, alpha1, alpha2, form } }, points, learned: null };
}

/** The order of the language model alone that is best on validation rows. */
function bestMode(validation: readonly Candidate[]): string | null {
  const alone = modesOf(validation).map((mode) => ({
    mode,
    value: evaluateMixture(validation, mode, () => 1)["ndcg@5"],
  }));
  return alone.length === 0 ? null : alone.reduce((best, one) => (one.value > best.value ? one : best)).mode;
}

function outcomeOf(row: RowName, rule: Rule, cells: readonly RankingCell[], list: ListName): Outcome {
  const weights: number[] = [];
  let asked = 0;
  let changed = 0;
  const seeds = cells.map((cell): SeedOutcome => {
    const test = candidatesOf(cell, list, "test");
    const metrics = new MetricAccumulator();
    const places = test.map((candidate) => {
      const known = rule.weight(candidate);
      if (known !== null) weights.push(known);
      const weight = known ?? 0;
      const place = mixedPlace(candidate, rule.mode, weight);
      metrics.add(place);
      if (candidate.heldOut > 0) {
        asked++;
        if (isChanged(candidate, rule.mode, weight)) changed++;
      }
      return place;
    });
    return {
      seed: cell.seed,
      metrics: metrics.result(),
      users: test.map((candidate) => candidate.row.user),
      values: [...ndcgPerUser(places, 5)],
    };
  });
  return {
    row,
    seeds,
    mixing: rule.mixing && { ...rule.mixing, weights: spreadOf(weights) },
    changed: row === "base" || asked === 0 ? null : changed / asked,
  };
}

function isChanged(
  { candidates, recommender, languageModel }: Candidate,
  mode: string | null,
  alpha: number,
): boolean {
  if (mode === null) return false;
  const order = aggregate({ candidates, recommender, languageModel: languageModel[mode] ?? null, alpha });
  return order.some((candidate, place) => candidate !== place);
}

/** Rows of a list of one cell; candidates go by their places in the backbone's order. */
function candidatesOf(cell: RankingCell, list: ListName, part: keyof Lists<RankedRow>): Candidate[] {
  const rows = cell.lists[list]?.[part] ?? [];
  return rows.map((row) => {
    const candidates = Int32Array.from({ length: row.candidates }, (_, place) => place);
    return {
      row,
      candidates,
      recommender: positionUtilities(candidates),
      languageModel: Object.fromEntries(
        Object.entries(row.utilities).map(([mode, utilities]) => [
          mode,
          utilities && Float64Array.from(utilities),
        ]),
      ),
      coefficient: row.coefficient,
      heldOut: row.place,
    };
  });
}

function learningRows(validation: readonly Candidate[], mode: string): RankingLearningRow[] {
  return validation.map((candidate) => ({
    candidates: candidate.candidates,
    recommender: candidate.recommender,
    languageModel: candidate.languageModel,
    heldOut: candidate.heldOut,
    user: candidate.row.user,
    interactions: candidate.row.interactions,
    features: candidate.languageModel[mode] ? featuresOf(candidate, mode) : [],
  }));
}

/** As `featureNames` calls them. */
function featuresOf({ row, recommender, languageModel }: Candidate, mode: string): number[] {
  const agreement = kendallTau(recommender, languageModel[mode] ?? []);
  return [Math.log1p(row.interactions), row.entropy, agreement, row.margins[mode] ?? 0];
}

function modesOf(rows: readonly Candidate[]): string[] {
  return [...new Set(rows.flatMap(({ languageModel }) => Object.keys(languageModel)))];
}

/** What each way of asking is worth by itself. */
function modeFigures(backbone: string, row: RowName, validation: readonly Candidate[]): ModeFigures[] {
  return modesOf(validation).map((mode) => ({
    backbone,
    row,
    mode,
    asked: validation.filter(({ languageModel }) => mode in languageModel).length,
    answered: validation.filter(({ languageModel }) => languageModel[mode]).length,
    metrics: evaluateMixture(validation, mode, () => 1),
  }));
}
