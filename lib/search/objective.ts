import type { HeldOut } from "../data/heldOut.js";
import { type MetricName, RANKING_METRICS } from "../metrics/names.js";
import type { BackboneDefinition, Hyperparameters } from "../models/backbone.js";
import type { Masking } from "../models/fullRanking.js";
import { argumentError, Llama4RecError } from "../native/errors.js";
import { checkOptions } from "../training/arguments.js";
import { type DefinitionSource, moduleText } from "../training/definition.js";
import { identityOf } from "../training/identity.js";
import { RatingDivergedError, TrainingDivergedError, type TrainOptions, train } from "../training/train.js";
import { ratingSchedule, trainRating } from "../training/trainRating.js";
import { ratedRows, rowsOfValidation, validationText } from "../training/validation.js";
import type { Objective } from "./trial.js";

/** Rows that choose, and by what. */
export interface SearchValidation {
  /** At least one row; never test rows, which choose nothing. */
  readonly heldOut: HeldOut;
  /** Default `ndcg@10`, of a rating backbone `rmse`. */
  readonly metric?: MetricName;
  /** Of rankings; default `seen`: what the view holds is left out. */
  readonly masking?: Masking;
}

/** What trials are trained and measured on. */
export interface ObjectiveOptions
  extends Pick<
    TrainOptions,
    "backbone" | "view" | "seed" | "evaluateEvery" | "patience" | "threads" | "signal" | "worker"
  > {
  readonly validation: SearchValidation;
  /** Values of any trial: those of the hyper-parameters that are not searched count. */
  readonly hyperparameters: Hyperparameters;
}

/**
 * Trials of a backbone, scored on validation rows: by a ranking metric, or a rating backbone's by its error.
 * @throws Llama4RecError `E_ARGUMENT` for options that {@link train} or {@link trainRating} would refuse.
 */
export function objectiveOf(
  source: DefinitionSource,
  definition: BackboneDefinition,
  options: ObjectiveOptions,
): Objective {
  const isRating = definition.task === "rating";
  const { scored, rows, run } = isRating ? ratingTrials(options) : rankingTrials(options);
  const { hyperparameters, view, seed } = options;
  const { evaluateEvery = 5, patience = 8 } = isRating ? ratingSchedule(options) : options;
  const identity = identityOf({
    ...{ definition, view, hyperparameters, seed, evaluateEvery },
    module: moduleText(source),
    extraPairs: null,
    insertions: null,
    validation: rows,
  });
  const worker = options.worker ?? source.kind !== "here"; // what only this thread has stays on it
  return {
    sign: isRating ? -1 : 1,
    identity: { ...identity, ...scored, patience },
    async run({ hyperparameters: values, checkpoint, onEpoch }) {
      const { epoch, validation } = await run({
        hyperparameters: values,
        worker,
        checkpoint: checkpoint === null ? undefined : { path: checkpoint },
        onEpoch,
      });
      if (validation === null) throw new Llama4RecError("E_INTERNAL", "a trial was not validated");
      return { epoch, score: validation };
    },
  };
}

/** What an objective of one kind is made of. */
interface Trials {
  /** How scores are measured, by name. */
  readonly scored: Readonly<Record<string, string>>;
  /** The validation rows and how they are measured, as text. */
  readonly rows: string;
  /** Trains, and frees the model. */
  run(
    values: Pick<TrainOptions, "hyperparameters" | "worker" | "checkpoint" | "onEpoch">,
  ): Promise<{ readonly epoch: number; readonly validation: number | null }>;
}

function rankingTrials({ validation: given, ...options }: ObjectiveOptions): Trials {
  const { metric } = given;
  if (metric === "rmse" || metric === "mae")
    throw argumentError("validation.metric", `one of ${RANKING_METRICS.join(", ")}`, metric);
  const validation = { ...given, metric };
  checkOptions({ ...options, validation });
  const rows = rowsOfValidation(validation, options.view);
  return {
    scored: { metric: rows.metric, masking: rows.masking },
    rows: validationText(rows),
    async run(values) {
      try {
        const { ranker, ...result } = await train({ ...options, validation, ...values });
        ranker.dispose();
        return result;
      } catch (error) {
        if (error instanceof TrainingDivergedError) error.lastGood?.ranker.dispose();
        throw error;
      }
    },
  };
}

function ratingTrials({ validation: given, ...options }: ObjectiveOptions): Trials {
  const { heldOut, metric } = given;
  if (metric !== undefined && metric !== "rmse" && metric !== "mae")
    throw argumentError("validation.metric", "rmse or mae", metric);
  const validation = { heldOut, metric };
  checkOptions({ ...options, validation });
  const rows = ratedRows(validation, options.view);
  return {
    scored: { metric: rows.metric },
    rows: validationText(rows),
    async run(values) {
      try {
        const { predictor, ...result } = await trainRating({ ...options, validation, ...values });
        predictor.dispose();
        return result;
      } catch (error) {
        if (error instanceof RatingDivergedError) error.lastGood?.predictor.dispose();
        throw error;
      }
    },
  };
}
