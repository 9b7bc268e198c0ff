import { aggregate } from "../aggregation/aggregate.js";
import { chooseAlpha, type ValidationUser } from "../aggregation/tuning.js";
import { positionUtilities } from "../aggregation/utility.js";
import {
  adaptiveWeight,
  type LongTailRange,
  longTailCoefficient,
  longTailRange,
} from "../aggregation/weight.js";
import { type AugmentedPairs, augmentPairs, type PairSource } from "../augmentation/dataAugmentation.js";
import { promptAugmenter } from "../augmentation/promptAugmentation.js";
import type { Dataset } from "../data/dataset.js";
import type { HeldOut } from "../data/heldOut.js";
import { type Protocol, type Split, split } from "../data/split.js";
import type { TrainView } from "../data/trainView.js";
import { checked } from "../llm/checks.js";
import type { LanguageModel, RankMode } from "../llm/languageModel.js";
import { MetricAccumulator, type RankingMetrics } from "../metrics/ranking.js";
import { type BackboneDefinition, resolveHyperparameters } from "../models/backbone.js";
import type { FactorRanker } from "../models/ranker.js";
import { ease } from "../models/reference/ease.js";
import { popularity } from "../models/reference/popularity.js";
import { cpuInfo, threads } from "../native/addon.js";
import { argumentError } from "../native/errors.js";
import { type EpochReport, type TrainResult, train } from "../training/trainer.js";
import { evaluateRanking } from "./ranking.js";
import { type RefinedRow, rankModes, refine } from "./refinement.js";
import type { AlphaReport, ExperimentReport } from "./report.js";
import { chooseEaseLambda, easeLambdas } from "./rivals.js";
import { summarize } from "./summary.js";

/** Progress of {@link runExperiment}. */
export interface StageProgress {
  /** What is being done, for a person: "train MF, seed 1". */
  readonly stage: string;
  readonly done: number;
  readonly total: number;
  /** A few words beside the bar. */
  readonly note?: string;
}

/** A language model with the name it goes by in the report. */
export interface NamedLanguageModel {
  readonly name: string;
  readonly model: LanguageModel;
}

/** Options of {@link runExperiment}. */
export interface ExperimentOptions {
  readonly dataset: Dataset;
  readonly backbone: BackboneDefinition;
  /** Default `paper`. */
  readonly protocol?: Protocol;
  /** One run each. Default `[1]`. */
  readonly seeds?: readonly number[];
  /** Null or absent: the conventional side only. */
  readonly languageModel?: NamedLanguageModel | null;
  /** Values over the backbone's defaults. */
  readonly hyperparameters?: Readonly<Record<string, number>>;
  /** Where the pairs of data augmentation come from, default `backbone`. */
  readonly pairSource?: PairSource;
  /** The data set was generated: the report says so. */
  readonly demonstration?: boolean;
  readonly onProgress?: (progress: StageProgress) => void;
  readonly signal?: AbortSignal;
}

/** What one seed brought up to the choice of alpha. */
interface SeedRun {
  readonly seed: number;
  readonly base: TrainResult;
  readonly augmented: TrainResult | null;
  readonly pairs: AugmentedPairs | null;
  readonly validation: readonly RefinedRow[];
}

/**
 * The main job: rivals, backbone, data augmentation, retraining, prompt augmentation, aggregation, final evaluation
 * (Llama4Rec, arXiv 2401.13870, direct recommendation). Validation rows choose epochs, lambda, alpha and mode; test
 * rows are read by the last stage alone.
 *
 * @throws Llama4RecError `E_ARGUMENT` for bad options or data too small to split, `E_DIVERGED` when training fails;
 *   the signal's reason when aborted.
 * @example
 * ```ts
 * const report = await runExperiment({ dataset: generateShop(), backbone: findBackbone("MF", "direct") });
 * console.log(report.base["ndcg@5"], report.ease["ndcg@5"]);
 * ```
 */
export async function runExperiment(options: ExperimentOptions): Promise<ExperimentReport> {
  const { dataset, backbone, protocol = "paper", seeds = [1], signal } = options;
  // Whoever wrote the model: nothing malformed gets past the check, and what it throws becomes "no answer".
  const languageModel = options.languageModel
    ? { ...options.languageModel, model: checked(options.languageModel.model) }
    : null;
  if (seeds.length === 0) throw argumentError("seeds", "at least one seed", seeds);
  const hyperparameters = resolveHyperparameters(backbone, options.hyperparameters);
  const clock = stageClock(options.onProgress ?? (() => {}));
  const parts = clock.time("split", () => split(dataset, { protocol }));

  if (parts.test.users.length === 0)
    throw argumentError("dataset", "at least one test row whose item somebody has in training", "none");

  const rivals = await clock.timeAsync("rivals", () => evaluateRivals(parts, clock.report));

  const runs: SeedRun[] = [];
  for (const seed of seeds) {
    signal?.throwIfAborted();
    runs.push(await runSeed(seed, parts, { ...options, languageModel }, clock));
  }

  const range = longTailRange(parts.final.userCounts.filter((count) => count > 0));
  const alpha =
    languageModel === null ? null : clock.time("choose alpha", () => choose(runs, parts.train, range));

  const finals: FinalMetrics[] = [];
  const testLists = { asked: 0, answered: 0 };
  for (const run of runs)
    finals.push(
      await evaluateFinal(run, parts, { ...options, languageModel }, clock, alpha, range, testLists),
    );

  const base = summarize(finals.map((final) => final.base));
  const optional = (pick: (final: FinalMetrics) => RankingMetrics | null) => {
    const found = finals.map(pick).filter((metrics) => metrics !== null);
    return found.length === 0 ? null : summarize(found);
  };
  const augmented = optional((final) => final.augmented);
  const llm = optional((final) => final.llm);
  const llama4rec = optional((final) => final.llama4rec);
  const timings = clock.finish();
  return {
    dataset: {
      ...dataset.describe(),
      train: parts.train.interactionCount,
      leftOut: parts.counts.skippedShortUsers,
      demonstration: options.demonstration ?? false,
    },
    task: backbone.task,
    backbone: backbone.name,
    protocol,
    seeds,
    users: parts.test.users.length,
    popularity: rivals.popularity,
    ease: rivals.ease,
    base: base.mean,
    augmented: augmented?.mean ?? null,
    llm: llm?.mean ?? null,
    llama4rec: llama4rec?.mean ?? null,
    spread:
      base.spread === null
        ? null
        : {
            base: base.spread,
            augmented: augmented?.spread ?? null,
            llm: llm?.spread ?? null,
            llama4rec: llama4rec?.spread ?? null,
          },
    alpha: alpha === null ? null : { ...alpha, weights: weightsOf(parts.test, parts.final, range, alpha) },
    chosen: {
      easeLambda: rivals.lambda,
      epochs: runs.map((run) => ({ base: run.base.epoch, augmented: run.augmented?.epoch ?? null })),
    },
    hyperparameters,
    languageModel:
      languageModel === null
        ? null
        : {
            name: languageModel.name,
            id: languageModel.model.id,
            pairs: {
              asked: total(runs, (run) => run.pairs?.asked ?? 0),
              answered: total(runs, (run) => run.pairs?.answered ?? 0),
              consistent: total(runs, (run) => run.pairs?.consistent ?? 0),
            },
            lists: {
              asked: testLists.asked + total(runs, (run) => countLists(run.validation).asked),
              answered: testLists.answered + total(runs, (run) => countLists(run.validation).answered),
            },
          },
    device: `cpu (${cpuInfo().level})`,
    timings: {
      threads: threads(),
      interactionsPerSecond: Math.round(
        total(runs, (run) => run.base.history.length * parts.train.interactionCount) / timings.stages.train,
      ),
      ...timings,
    },
  };
}

/** Popularity and EASE on the final rows, lambda chosen on validation. */
async function evaluateRivals(parts: Split, report: (progress: StageProgress) => void) {
  const steps = easeLambdas.length + 1;
  const progress = (done: number): void => report({ stage: "popularity and EASE", done, total: steps });
  progress(0);
  const lambda = await chooseEaseLambda(parts, easeLambdas, progress);
  using byEase = await ease(parts.final, { lambda });
  using byPopularity = popularity(parts.final);
  const result = {
    lambda,
    popularity: evaluateRanking(byPopularity, parts.final, parts.test).metrics,
    ease: evaluateRanking(byEase, parts.final, parts.test).metrics,
  };
  progress(steps);
  return result;
}

/** Base model, pairs, retrained model, and the validation rows as the language model orders them. */
async function runSeed(
  seed: number,
  parts: Split,
  options: ExperimentOptions,
  clock: StageClock,
): Promise<SeedRun> {
  const { backbone, languageModel = null, hyperparameters, signal } = options;
  // NDCG@10 rather than @5: twice the hits, so less noise in the choice of the epoch.
  const validate = (candidate: FactorRanker): number =>
    evaluateRanking(candidate, parts.train, parts.validation).metrics["ndcg@10"];
  const fitModel = (stage: string, extraPairs?: Int32Array): Promise<TrainResult> =>
    train({
      backbone,
      view: parts.train,
      hyperparameters,
      seed,
      extraPairs,
      validate,
      signal,
      onEpoch: (report) => clock.report(epochProgress(stage, report)),
    });
  const base = await clock.timeAsync("train", () => fitModel(`train ${backbone.name}, seed ${seed}`));
  if (languageModel === null) return { seed, base, augmented: null, pairs: null, validation: [] };
  const { model } = languageModel;

  const pairs = await clock.timeAsync("data augmentation", () =>
    augmentPairs(model, base.ranker, parts.train, {
      seed,
      source: options.pairSource,
      signal,
      onProgress: (done, total) =>
        clock.report({ stage: `language model writes pairs, seed ${seed}`, done, total }),
    }),
  );
  const augmented = await clock.timeAsync("retrain", () =>
    fitModel(`retrain ${backbone.name} with ${pairs.consistent} pairs, seed ${seed}`, pairs.triples),
  );
  const validation = await clock.timeAsync("refine validation", () =>
    refine(augmented.ranker, parts.train, parts.validation, {
      languageModel: model,
      augmenter: promptAugmenter(augmented.ranker, parts.train),
      signal,
      onProgress: (done, total) =>
        clock.report({ stage: `language model ranks validation, seed ${seed}`, done, total }),
    }),
  );
  return { seed, base, augmented, pairs, validation };
}

interface FinalMetrics {
  readonly base: RankingMetrics;
  readonly augmented: RankingMetrics | null;
  readonly llm: RankingMetrics | null;
  readonly llama4rec: RankingMetrics | null;
}

/** Alpha and mode, one choice for all seeds. */
type Choice = Omit<AlphaReport, "weights">;

/** The only stage that reads test rows. */
async function evaluateFinal(
  run: SeedRun,
  parts: Split,
  options: ExperimentOptions,
  clock: StageClock,
  alpha: Choice | null,
  range: LongTailRange,
  lists: { asked: number; answered: number },
): Promise<FinalMetrics> {
  const { languageModel = null, signal } = options;
  const { final, test } = parts;
  using base = await finalRanker(run.base, undefined, run.seed, parts, options);
  const baseMetrics = clock.time("evaluate", () => evaluateRanking(base, final, test).metrics);
  if (run.augmented === null || languageModel === null || alpha === null)
    return { base: baseMetrics, augmented: null, llm: null, llama4rec: null };

  using augmented = await finalRanker(run.augmented, run.pairs?.triples, run.seed, parts, options);
  const rows = await clock.timeAsync("refine test", () =>
    refine(augmented, final, test, {
      languageModel: languageModel.model,
      augmenter: promptAugmenter(augmented, final),
      modes: alpha.mode === null ? undefined : [alpha.mode],
      signal,
      onProgress: (done, total) =>
        clock.report({ stage: `language model ranks the test, seed ${run.seed}`, done, total }),
    }),
  );
  const counted = countLists(rows);
  lists.asked += counted.asked;
  lists.answered += counted.answered;
  const mode = alpha.mode ?? rankModes[0];
  const measured = (weight: (row: RefinedRow) => number): RankingMetrics => measure(rows, mode, weight);
  return {
    base: baseMetrics,
    augmented: evaluateRanking(augmented, final, test).metrics,
    llm: measured(() => 1),
    llama4rec: measured((row) =>
      adaptiveWeight(longTailCoefficient(final.userCounts[row.user]), range, alpha),
    ),
  };
}

/** The model for the test: as chosen, or fitted again where the final view holds more than the training view. */
async function finalRanker(
  chosen: TrainResult,
  extraPairs: Int32Array | undefined,
  seed: number,
  parts: Split,
  { backbone, signal }: ExperimentOptions,
): Promise<FactorRanker> {
  if (parts.final === parts.train) return chosen.ranker;
  chosen.ranker.dispose();
  const hyperparameters = { ...chosen.hyperparameters, epochs: chosen.epoch };
  return (await train({ backbone, view: parts.final, hyperparameters, seed, extraPairs, signal })).ranker;
}

function measure(
  rows: readonly RefinedRow[],
  mode: RankMode,
  weight: (row: RefinedRow) => number,
): RankingMetrics {
  const metrics = new MetricAccumulator();
  for (const row of rows) {
    if (row.heldOut === 0) {
      metrics.add(0);
      continue;
    }
    const order = aggregate({
      candidates: row.candidates,
      recommender: backboneUtilities(row),
      languageModel: row.languageModel[mode],
      alpha: weight(row),
    });
    metrics.add(order.indexOf(row.candidates[row.heldOut - 1]) + 1);
  }
  return metrics.result();
}

/** U_Rec = -s for place s of the backbone's list. */
function backboneUtilities(row: RefinedRow): Float64Array {
  return positionUtilities(row.candidates.map((_, place) => place));
}

/** Alpha and mode by NDCG@5 over the validation rows of all seeds together. */
function choose(runs: readonly SeedRun[], view: TrainView, range: LongTailRange): Choice {
  const users = runs.flatMap((run) =>
    run.validation.map(
      (row): ValidationUser => ({
        candidates: row.candidates,
        recommender: backboneUtilities(row),
        languageModel: row.languageModel,
        coefficient: longTailCoefficient(view.userCounts[row.user]),
        heldOut: row.heldOut,
      }),
    ),
  );
  const { alpha1, alpha2, mode } = chooseAlpha(users, range).best;
  return { alpha1, alpha2, mode: rankModes.find((known) => known === mode) ?? null };
}

function weightsOf(
  test: HeldOut,
  view: TrainView,
  range: LongTailRange,
  alpha: Choice,
): AlphaReport["weights"] {
  const weights = Float64Array.from(test.users, (user) =>
    adaptiveWeight(longTailCoefficient(view.userCounts[user]), range, alpha),
  );
  return {
    min: weights.reduce((least, weight) => Math.min(least, weight), 1),
    mean: weights.reduce((sum, weight) => sum + weight, 0) / weights.length,
    max: weights.reduce((most, weight) => Math.max(most, weight), 0),
  };
}

function countLists(rows: readonly RefinedRow[]): { asked: number; answered: number } {
  const asked = rows.filter((row) => row.heldOut > 0);
  const answered = asked.filter((row) => rankModes.some((mode) => row.languageModel[mode] !== null));
  return { asked: asked.length, answered: answered.length };
}

function total<T>(entries: readonly T[], count: (entry: T) => number): number {
  return entries.reduce((sum, entry) => sum + count(entry), 0);
}

function epochProgress(stage: string, report: EpochReport): StageProgress {
  const validated = report.best === null ? "" : `, best NDCG@10 ${report.best.toFixed(4)}`;
  return {
    stage,
    done: report.epoch,
    total: report.epochs,
    note: `loss ${report.loss.toFixed(4)}${validated}`,
  };
}

type StageClock = ReturnType<typeof stageClock>;

/** Adds up wall-clock seconds by stage. */
function stageClock(report: (progress: StageProgress) => void) {
  const stages: Record<string, number> = {};
  const start = performance.now();
  const note = (stage: string, from: number): void => {
    stages[stage] = (stages[stage] ?? 0) + (performance.now() - from) / 1000;
  };
  return {
    report,
    time<T>(stage: string, body: () => T): T {
      const from = performance.now();
      const result = body();
      note(stage, from);
      return result;
    },
    async timeAsync<T>(stage: string, body: () => Promise<T>): Promise<T> {
      const from = performance.now();
      const result = await body();
      note(stage, from);
      return result;
    },
    finish: () => ({ stages, total: (performance.now() - start) / 1000 }),
  };
}
