import type { PairSource } from "../augmentation/pairAugmentation.js";
import { promptAugmenter } from "../augmentation/promptAugmentation.js";
import type { Dataset } from "../data/dataset.js";
import { type Protocol, type Split, split } from "../data/split.js";
import { requireTitles } from "../data/titles.js";
import { checked } from "../llm/checks.js";
import type { LanguageModel } from "../llm/languageModel.js";
import type { OrderMode } from "../llm/ordering/types.js";
import { type BackboneDefinition, resolveHyperparameters } from "../models/backbone.js";
import { evaluateRanking, type Masking } from "../models/fullRanking.js";
import type { TrainedRanker } from "../models/ranker.js";
import { isRegistered } from "../models/registry.js";
import { cpuInfo, threads } from "../native/addon.js";
import { argumentError } from "../native/errors.js";
import { type EpochReport, type TrainOptions, type TrainResult, train } from "../training/train.js";
import { type Choice, chooseWeights, evaluateMixtures, modeOf, weightsOf } from "./mixture.js";
import { checkModes, type RefinedRow, rankModes, ratingScale, refine } from "./refinement.js";
import type { ExperimentReport, SegmentReport } from "./report.js";
import { chooseRivals, evaluateRivals } from "./rivals.js";
import {
  measureRanks,
  type SeedFigures,
  type Segment,
  type SegmentedMetrics,
  type Segments,
  segmentsOf,
  summarizeSegment,
} from "./segments.js";
import { StageClock, type StageProgress } from "./stages.js";
import { type Augmentation, methodOf, stillTrue, type TaskMethod } from "./tasks.js";

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
  /** Whether items the user has already stay in the ranking; default: as the protocol has it for the task. */
  readonly masking?: Masking;
  /** One run each. Default `[1]`. */
  readonly seeds?: readonly number[];
  /** Null or absent: the conventional side only. */
  readonly languageModel?: NamedLanguageModel | null;
  /** Ways in which the language model orders candidates, of which validation chooses one; default {@link rankModes}. */
  readonly modes?: readonly OrderMode[];
  /** Values over the backbone's defaults. */
  readonly hyperparameters?: Readonly<Record<string, number>>;
  /** Where the pairs of data augmentation come from, default `backbone`. */
  readonly pairSource?: PairSource;
  /** The data set was generated: the report says so. */
  readonly demonstration?: boolean;
  /** Threads that training may use; default: as the pool is set. */
  readonly threads?: number;
  readonly onProgress?: (progress: StageProgress) => void;
  readonly signal?: AbortSignal;
}

/** What all stages of one run share. */
interface Job {
  /** As given, the language model behind its checks. */
  readonly options: ExperimentOptions;
  readonly method: TaskMethod;
  readonly masking: Masking;
  /** All ratings that occur in the data set, ascending. */
  readonly scale: readonly number[];
  readonly parts: Split;
  /** Of the test rows. */
  readonly segments: Segments;
  readonly clock: StageClock;
  /** Every model trained, freed when the job ends, however it ends. */
  readonly trained: TrainedRanker[];
}

/** What one seed brought up to the choice of alpha. */
interface SeedRun {
  readonly seed: number;
  readonly base: TrainResult;
  readonly augmented: TrainResult | null;
  readonly augmentation: Augmentation | null;
  readonly validation: readonly RefinedRow[];
}

/** What one seed brought on the test rows. */
interface FinalRun extends SeedFigures {
  /** Test rows with candidates as the language model orders them. */
  readonly rows: readonly RefinedRow[];
}

/**
 * The main job: rivals, backbone, data augmentation, retraining, prompt augmentation, aggregation, final evaluation
 * (Llama4Rec, arXiv 2401.13870, direct and sequential recommendation). Validation rows choose epochs, lambda, alpha and mode; test
 * rows are read after the last choice alone.
 *
 * @throws Llama4RecError `E_ARGUMENT` for bad options, data too small to split, or a language model with a catalogue
 *   without titles; `E_DIVERGED` when training fails; the signal's reason when aborted.
 * @example
 * ```ts
 * const report = await runExperiment({ dataset: generateShop(), backbone: findBackbone("MF", "direct") });
 * console.log(report.base["ndcg@5"], report.ease["ndcg@5"]);
 * ```
 */
export async function runExperiment(options: ExperimentOptions): Promise<ExperimentReport> {
  const { dataset, backbone, protocol = "paper", seeds = [1], modes = rankModes, signal } = options;
  if (seeds.length === 0) throw argumentError("seeds", "at least one seed", seeds);
  const scale = ratingScale(dataset.interactions.ratings);
  checkModes(modes, scale);
  if (options.languageModel) requireTitles(dataset.titles);
  // Whoever wrote the model: nothing malformed gets past the check, and what it throws becomes "no answer".
  const languageModel = options.languageModel
    ? { ...options.languageModel, model: checked(options.languageModel.model) }
    : null;
  const hyperparameters = resolveHyperparameters(backbone, options.hyperparameters);
  const clock = new StageClock(options.onProgress ?? (() => {}));
  const method = methodOf(backbone.task);
  const masking = options.masking ?? method.masking(protocol);
  const parts = await clock.time("split", () =>
    split(dataset, { protocol, leastHistory: method.leastHistory }),
  );
  for (const { name, users } of [parts.validation, parts.test])
    if (users.length === 0)
      throw argumentError("dataset", `at least one ${name} row whose item somebody has in training`, "none");

  const job: Job = {
    options: { ...options, languageModel },
    method,
    masking,
    scale,
    parts,
    segments: segmentsOf(parts.test, parts.train),
    clock,
    trained: [],
  };
  const onRival = (stage: string, done: number, total: number): void => clock.report({ stage, done, total });
  try {
    const rivalChoice = await clock.time("rivals", () =>
      chooseRivals(parts, { task: backbone.task, masking, onProgress: onRival, signal }),
    );
    const runs: SeedRun[] = [];
    for (const seed of seeds) {
      signal?.throwIfAborted();
      runs.push(await runSeed(seed, job));
    }
    const choice =
      languageModel === null
        ? null
        : await clock.time("choose alpha", () =>
            chooseWeights(
              runs.flatMap((run) => run.validation),
              parts.train,
            ),
          );

    const rivals = await clock.time("rivals", () =>
      evaluateRivals(parts, rivalChoice, { segments: job.segments, masking, onProgress: onRival, signal }),
    );
    const finals: FinalRun[] = [];
    for (const run of runs) finals.push(await evaluateFinal(run, job, choice));

    const { mean, spread } = summarizeSegment("all", rivals, finals);
    const segmentReport = (segment: Segment): SegmentReport => ({
      users: job.segments[segment].length,
      ...summarizeSegment(segment, rivals, finals).mean,
    });
    const timings = clock.finish();
    return {
      dataset: {
        ...dataset.describe(),
        train: parts.train.interactionCount,
        leftOut: parts.counts.skippedShortUsers,
        testRowsLeftOut: {
          shortHistory: parts.counts.skippedShortHistories,
          unseenItem: parts.counts.skippedUnseenTestItems,
        },
        demonstration: options.demonstration ?? false,
      },
      task: backbone.task,
      backbone: backbone.name,
      protocol,
      masking,
      seeds,
      users: parts.test.users.length,
      ...mean,
      segments: {
        cut: job.segments.cut,
        tail: segmentReport("tail"),
        head: job.segments.head.length === 0 ? null : segmentReport("head"),
      },
      spread,
      alpha: choice === null ? null : { ...choice, weights: weightsOf(parts.test, parts.final, choice) },
      chosen: {
        easeLambda: rivalChoice.easeLambda,
        recencyEase: rivalChoice.recencyEase,
        epochs: runs.map((run) => ({ base: run.base.epoch, augmented: run.augmented?.epoch ?? null })),
      },
      hyperparameters,
      languageModel:
        languageModel === null
          ? null
          : {
              name: languageModel.name,
              id: languageModel.model.id,
              augmentation: {
                writes: method.writes,
                asked: total(runs, (run) => run.augmentation?.asked ?? 0),
                answered: total(runs, (run) => run.augmentation?.answered ?? 0),
                used: total(runs, (run) => run.augmentation?.used ?? 0),
              },
              lists: countLists([
                ...runs.flatMap((run) => run.validation),
                ...finals.flatMap((final) => final.rows),
              ]),
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
  } finally {
    for (const ranker of job.trained) ranker.dispose();
  }
}

/** Trains a model that lives until the job ends. */
async function fitModel(
  { options, trained }: Job,
  rest: Omit<TrainOptions, "backbone" | "signal">,
): Promise<TrainResult> {
  const { backbone, signal, threads: count = threads() } = options;
  const worker = isRegistered(backbone);
  const result = await train({ backbone, signal, worker, threads: count, ...rest });
  trained.push(result.ranker);
  return result;
}

/** Base model, augmentation, retrained model, and the validation rows as the language model orders them. */
async function runSeed(seed: number, job: Job): Promise<SeedRun> {
  const { parts, clock, method, masking, scale } = job;
  const { backbone, languageModel = null, hyperparameters, pairSource, signal } = job.options;
  const fitOnTrain = (stage: string, data?: Augmentation["data"]): Promise<TrainResult> =>
    fitModel(job, {
      view: parts.train,
      hyperparameters,
      seed,
      ...data,
      // NDCG@10 rather than @5: twice the hits, so less noise in the choice of the epoch.
      validation: { heldOut: parts.validation, metric: "ndcg@10", masking },
      onEpoch: (report) => clock.report(epochProgress(stage, report)),
    });
  const base = await clock.time("train", () => fitOnTrain(`train ${backbone.name}, seed ${seed}`));
  if (languageModel === null) return { seed, base, augmented: null, augmentation: null, validation: [] };
  const { model } = languageModel;

  const augmentation = await clock.time("data augmentation", () =>
    method.augment(model, base.ranker, parts.train, {
      seed,
      source: pairSource,
      signal,
      onProgress: (done, total) =>
        clock.report({ stage: `language model writes ${method.writes}, seed ${seed}`, done, total }),
    }),
  );
  const augmented = await clock.time("retrain", () =>
    fitOnTrain(
      `retrain ${backbone.name} with ${augmentation.used} ${method.writes}, seed ${seed}`,
      augmentation.data,
    ),
  );
  const validation = await clock.time("refine validation", () =>
    refine(augmented.ranker, parts.train, parts.validation, {
      languageModel: model,
      augmenter: promptAugmenter(augmented.ranker, parts.train),
      template: method.template,
      masking,
      scale,
      modes: job.options.modes,
      signal,
      onProgress: (done, total) =>
        clock.report({ stage: `language model ranks validation, seed ${seed}`, done, total }),
    }),
  );
  return { seed, base, augmented, augmentation, validation };
}

/** The models of one seed on the test rows: the only stage beside the rivals' that reads them. */
async function evaluateFinal(run: SeedRun, job: Job, choice: Choice | null): Promise<FinalRun> {
  const { final, test } = job.parts;
  const { clock, method, masking, scale, segments } = job;
  const { languageModel = null, signal } = job.options;
  const measure = (ranker: TrainedRanker): SegmentedMetrics =>
    measureRanks(segments, evaluateRanking(ranker, final, test, { masking }).ranks);
  const baseRanker = await finalRanker(run.base, undefined, run.seed, job);
  const base = await clock.time("evaluate", () => measure(baseRanker));
  if (run.augmented === null || languageModel === null || choice === null)
    return { base, augmented: null, llm: null, llama4rec: null, rows: [] };

  const augmented = await finalRanker(run.augmented, run.augmentation?.data, run.seed, job);
  const rows = await clock.time("refine test", () =>
    refine(augmented, final, test, {
      languageModel: languageModel.model,
      augmenter: promptAugmenter(augmented, final),
      template: method.template,
      masking,
      scale,
      modes: [modeOf(choice)],
      signal,
      onProgress: (done, total) =>
        clock.report({ stage: `language model ranks the test, seed ${run.seed}`, done, total }),
    }),
  );
  return {
    base,
    augmented: measure(augmented),
    ...evaluateMixtures(rows, final, { segments, choice }),
    rows,
  };
}

/** The model for the test: as chosen, or fitted again where the final view holds more than the training view. */
async function finalRanker(
  chosen: TrainResult,
  data: Augmentation["data"] | undefined,
  seed: number,
  job: Job,
): Promise<TrainedRanker> {
  const { final, train } = job.parts;
  if (final === train) return chosen.ranker;
  const hyperparameters = { ...chosen.hyperparameters, epochs: chosen.epoch };
  const known = data && stillTrue(data, final);
  return (await fitModel(job, { view: final, hyperparameters, seed, ...known })).ranker;
}

function countLists(rows: readonly RefinedRow[]): { asked: number; answered: number } {
  const asked = rows.filter((row) => row.heldOut > 0);
  const answered = asked.filter((row) =>
    Object.values(row.languageModel).some((utilities) => utilities !== null),
  );
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
