import type { BackboneDefinition, Hyperparameters } from "../models/backbone.js";
import { Llama4RecError } from "../native/errors.js";
import { checkOptions } from "../training/arguments.js";
import { type DefinitionSource, moduleText } from "../training/definition.js";
import { identityOf } from "../training/identity.js";
import { TrainingDivergedError, type TrainOptions, train, type Validation } from "../training/train.js";
import { rowsOfValidation, validationText } from "../training/validation.js";
import type { Objective } from "./trial.js";

/** What trials of a ranking backbone are trained and measured on. */
export interface RankingTrialOptions
  extends Pick<
    TrainOptions,
    "backbone" | "view" | "seed" | "evaluateEvery" | "patience" | "threads" | "signal" | "worker"
  > {
  readonly validation: Validation;
  /** Values of any trial: those of the hyper-parameters that are not searched count. */
  readonly hyperparameters: Hyperparameters;
}

/**
 * Trials that are scored by a ranking metric on validation rows, where higher is better.
 * @throws Llama4RecError `E_ARGUMENT` for options that {@link train} would refuse.
 */
export function rankingTrials(
  source: DefinitionSource,
  definition: BackboneDefinition,
  { hyperparameters, ...options }: RankingTrialOptions,
): Objective {
  const { view, seed, validation, evaluateEvery = 5, patience = 8 } = options;
  checkOptions(options);
  const rows = rowsOfValidation(validation, view);
  const identity = identityOf({
    definition,
    module: moduleText(source),
    view,
    hyperparameters,
    seed,
    extraPairs: null,
    insertions: null,
    validation: validationText(rows),
    evaluateEvery,
  });
  return {
    sign: 1,
    identity: { ...identity, metric: rows.metric, masking: rows.masking, patience },
    async run({ hyperparameters: values, checkpoint, onEpoch }) {
      try {
        const {
          ranker,
          epoch,
          validation: score,
        } = await train({
          ...options,
          hyperparameters: values,
          worker: options.worker ?? source.kind !== "here", // what only this thread has stays on it
          checkpoint: checkpoint === null ? undefined : { path: checkpoint },
          onEpoch,
        });
        ranker.dispose();
        if (score === null) throw new Llama4RecError("E_INTERNAL", "a trial was not validated");
        return { epoch, score };
      } catch (error) {
        if (error instanceof TrainingDivergedError) error.lastGood?.ranker.dispose();
        throw error;
      }
    },
  };
}
