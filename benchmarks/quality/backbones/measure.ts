import type { Dataset } from "../../../lib/data/dataset.js";
import { type Split, split } from "../../../lib/data/split.js";
import type { Figures } from "../../../lib/experiment/summary.js";
import { type BackboneDefinition, resolveHyperparameters, type Task } from "../../../lib/models/backbone.js";
import { evaluateRanking } from "../../../lib/models/fullRanking.js";
import { evaluateRatings } from "../../../lib/models/ratings.js";
import { type EpochReport, train } from "../../../lib/training/train.js";
import { trainRating } from "../../../lib/training/trainRating.js";

/** What one training reached on the test rows. Figures only. */
export interface Run {
  readonly seed: number;
  /** Digest of the split that it was measured on. */
  readonly split: string;
  /** As the paper masks: training items in direct recommendation, nothing in sequential. */
  readonly metrics: Figures;
  /** Of sequential backbones with known items masked; else null. */
  readonly masked: Figures | null;
  /** Test rows. */
  readonly users: number;
  /** Epoch that validation chose, and how many were run. */
  readonly epoch: number;
  readonly epochs: number;
  /** Its score there: NDCG@10 (sequential: known items masked), or RMSE. */
  readonly validation: number | null;
  /** Wall time of the training in seconds, and the threads it had. */
  readonly seconds: number;
  readonly threads: number;
}

/** Options of {@link measureBackbone}. */
export interface MeasureOptions {
  readonly hyperparameters: Readonly<Record<string, number>>;
  readonly seed: number;
  readonly threads: number;
  readonly onEpoch: (report: EpochReport) => void;
}

/** The rows of a task. Data without timestamps has no order but that of the seed, so there each seed has its own split. */
export function splitOf(dataset: Dataset, task: Task, seed: number): Split {
  const timed = dataset.interactions.timestamps !== null;
  return split(dataset, {
    protocol: "paper",
    seed: timed ? 0 : seed,
    leastHistory: task === "sequential" ? 2 : 1,
    ...(task === "rating" ? { likeThreshold: null } : {}),
  });
}

/** Trains a backbone once, with the epoch chosen on validation rows, and measures it on the test rows. */
export async function measureBackbone(
  backbone: BackboneDefinition,
  parts: Split,
  { hyperparameters, seed, threads, onEpoch }: MeasureOptions,
): Promise<Run> {
  const resolved = resolveHyperparameters(backbone, hyperparameters);
  const common = { view: parts.train, hyperparameters: resolved, seed, threads, onEpoch };
  const start = performance.now();
  const seconds = (): number => Math.round((performance.now() - start) / 100) / 10;
  if (backbone.task === "rating") {
    const result = await trainRating({ ...common, backbone, validation: { heldOut: parts.validation } });
    using predictor = result.predictor;
    const took = seconds();
    const { rmse, mae } = evaluateRatings(predictor, parts.test);
    return { ...about(result), metrics: { rmse, mae }, masked: null, seconds: took };
  }
  const result = await train({
    ...common,
    backbone,
    validation: { heldOut: parts.validation, metric: "ndcg@10", masking: "seen" },
  });
  using ranker = result.ranker;
  const took = seconds();
  const measured = (masking: "seen" | "none"): Figures =>
    evaluateRanking(ranker, parts.final, parts.test, { masking }).metrics;
  return backbone.task === "direct"
    ? { ...about(result), metrics: measured("seen"), masked: null, seconds: took }
    : { ...about(result), metrics: measured("none"), masked: measured("seen"), seconds: took };

  function about({ epoch, validation, history }: Pick<typeof result, "epoch" | "validation" | "history">) {
    return {
      seed,
      split: parts.digest,
      users: parts.test.users.length,
      epoch,
      epochs: history.length,
      validation,
      threads,
    };
  }
}
