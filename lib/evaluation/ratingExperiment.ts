import type { Dataset } from "../data/dataset.js";
import { requireRatings } from "../data/requireRatings.js";
import { type Protocol, type Split, split } from "../data/split.js";
import { type Hyperparameters, type RatingDefinition, resolveHyperparameters } from "../models/backbone.js";
import { evaluateRatings, type Rater } from "../models/ratings.js";
import { isRegistered } from "../models/registry.js";
import { cpuInfo, threads } from "../native/addon.js";
import { argumentError } from "../native/errors.js";
import type { RatingTrainOptions, RatingTrainResult } from "../training/options.js";
import { trainRating } from "../training/trainRating.js";
import { chooseRatingRivals, type RatingRivalChoice, ratingRivals } from "./ratingRivals.js";
import { StageClock, type StageProgress } from "./stages.js";
import { summarize } from "./summary.js";

/** Errors of a rating model over the test rows, in units of the rating. */
export interface RatingMetrics {
  readonly rmse: number;
  readonly mae: number;
}

/** Options of {@link runRatingExperiment}. */
export interface RatingExperimentOptions {
  readonly dataset: Dataset;
  readonly backbone: RatingDefinition;
  /** Default `paper`. */
  readonly protocol?: Protocol;
  /** One run each. Default `[1]`. */
  readonly seeds?: readonly number[];
  /** Values over the backbone's defaults. */
  readonly hyperparameters?: Readonly<Record<string, number>>;
  /** The data set was generated: the report says so. */
  readonly demonstration?: boolean;
  /** Threads that training may use; default: as the pool is set. */
  readonly threads?: number;
  readonly onProgress?: (progress: StageProgress) => void;
  readonly signal?: AbortSignal;
}

/** Everything that one run of the rating task found. The same input gives the same report, apart from `timings`. */
export interface RatingReport {
  readonly dataset: {
    readonly name: string;
    readonly users: number;
    readonly items: number;
    readonly interactions: number;
    /** Whether rows have timestamps; without, the order within a user is a shuffle. */
    readonly ordered: boolean;
    /** Training ratings. */
    readonly train: number;
    /** Users left out for having fewer than three ratings. */
    readonly leftOut: number;
    /** Test rows left out: nobody has rated the item in training. */
    readonly testRowsLeftOut: number;
    /** True for generated data: a demonstration, never evidence. */
    readonly demonstration: boolean;
  };
  readonly task: "rating";
  readonly backbone: string;
  readonly protocol: Protocol;
  readonly seeds: readonly number[];
  /** Test rows, one a user. */
  readonly users: number;
  /** Mean of the item's training ratings alone. */
  readonly itemMean: RatingMetrics;
  /** Mean and damped biases. */
  readonly biases: RatingMetrics;
  /** The same with factors of what is left. */
  readonly factors: RatingMetrics;
  /** The backbone; mean over seeds. */
  readonly base: RatingMetrics;
  /** Sample standard deviation over seeds; null with one seed. */
  readonly spread: RatingMetrics | null;
  /** What validation chose. */
  readonly chosen: RatingRivalChoice & {
    /** Epoch by seed. */
    readonly epochs: readonly number[];
  };
  readonly hyperparameters: Hyperparameters;
  /** Processor and instruction-set level. */
  readonly device: string;
  /** Seconds by stage and in all, and the threads they were measured with. */
  readonly timings: {
    readonly threads: number;
    readonly stages: Readonly<Record<string, number>>;
    readonly total: number;
  };
}

/**
 * Rating prediction: leave-last-out, a backbone beside the bias models (Llama4Rec, arXiv 2401.13870, table 4). Validation
 * rows choose epochs, damping and ridge; test rows are read after the last choice alone.
 *
 * @throws Llama4RecError `E_ARGUMENT` for bad options, data without ratings or too small to split, `E_DIVERGED` when
 *   training fails; the signal's reason when aborted.
 * @example
 * ```ts
 * const report = await runRatingExperiment({ dataset, backbone: findBackbone("DeepFM", "rating") });
 * console.log(report.base.rmse, report.biases.rmse);
 * ```
 */
export async function runRatingExperiment(options: RatingExperimentOptions): Promise<RatingReport> {
  const { dataset, backbone, protocol = "paper", seeds = [1], signal } = options;
  if (seeds.length === 0) throw argumentError("seeds", "at least one seed", seeds);
  const hyperparameters = resolveHyperparameters(backbone, options.hyperparameters);
  requireRatings(dataset);
  const clock = new StageClock(options.onProgress ?? (() => {}));
  const parts = await clock.time("split", () => split(dataset, { protocol, likeThreshold: null }));
  for (const { name, users } of [parts.validation, parts.test])
    if (users.length === 0)
      throw argumentError("dataset", `at least one ${name} row whose item somebody has in training`, "none");

  const trained: RatingTrainResult[] = [];
  try {
    for (const seed of seeds) {
      signal?.throwIfAborted();
      trained.push(await clock.time("train", () => fitModel(seed, parts, options, hyperparameters, clock)));
    }
    const { train: view, validation } = parts;
    const rivalChoice = await clock.time("rivals", () => chooseRatingRivals(view, validation));

    // Whatever reads test rows comes here, after all choices.
    const { final, test } = parts;
    const measure = (model: Rater): RatingMetrics => {
      const { rmse, mae } = evaluateRatings(model, test);
      return { rmse, mae };
    };
    const figures: RatingMetrics[] = [];
    for (const [index, seed] of seeds.entries()) {
      using predictor = await finalPredictor(trained[index], seed, parts, options);
      figures.push(await clock.time("evaluate", () => measure(predictor)));
    }
    const { mean, spread } = summarize(figures);
    const rivals = await clock.time("rivals", () => {
      const { itemMean, biases, factors } = ratingRivals(final, rivalChoice);
      return { itemMean: measure(itemMean), biases: measure(biases), factors: measure(factors) };
    });
    return {
      dataset: {
        ...dataset.describe(),
        train: view.interactionCount,
        leftOut: parts.counts.skippedShortUsers,
        testRowsLeftOut: parts.counts.skippedUnseenTestItems,
        demonstration: options.demonstration ?? false,
      },
      task: "rating",
      backbone: backbone.name,
      protocol,
      seeds,
      users: test.users.length,
      ...rivals,
      base: mean,
      spread,
      chosen: { ...rivalChoice, epochs: trained.map(({ epoch }) => epoch) },
      hyperparameters,
      device: `cpu (${cpuInfo().level})`,
      timings: { threads: threads(), ...clock.finish() },
    };
  } finally {
    for (const { predictor } of trained) predictor.dispose();
  }
}

type Fit = Pick<RatingTrainOptions, "view" | "hyperparameters" | "seed" | "validation" | "onEpoch">;

function trainOn(
  { backbone, signal, threads: count = threads() }: RatingExperimentOptions,
  rest: Fit,
): Promise<RatingTrainResult> {
  return trainRating({ backbone, signal, worker: isRegistered(backbone), threads: count, ...rest });
}

async function fitModel(
  seed: number,
  parts: Split,
  options: RatingExperimentOptions,
  hyperparameters: Hyperparameters,
  clock: StageClock,
): Promise<RatingTrainResult> {
  return await trainOn(options, {
    view: parts.train,
    hyperparameters,
    seed,
    validation: { heldOut: parts.validation },
    onEpoch: ({ epoch, epochs, loss, best }) =>
      clock.report({
        stage: `train ${options.backbone.name}, seed ${seed}`,
        done: epoch,
        total: epochs,
        note: `loss ${loss.toFixed(4)}${best === null ? "" : `, best RMSE ${best.toFixed(4)}`}`,
      }),
  });
}

/** The model for the test: as chosen, or fitted again where the final view holds more than the training view. */
async function finalPredictor(
  chosen: RatingTrainResult,
  seed: number,
  { final, train }: Split,
  options: RatingExperimentOptions,
): Promise<RatingTrainResult["predictor"]> {
  if (final === train) return chosen.predictor;
  chosen.predictor.dispose();
  const hyperparameters = { ...chosen.hyperparameters, epochs: chosen.epoch };
  return (await trainOn(options, { view: final, hyperparameters, seed })).predictor;
}
