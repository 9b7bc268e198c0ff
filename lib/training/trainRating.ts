import type { BackboneDefinition, RatingDefinition } from "../models/backbone.js";
import { predictorOf, type RatingPredictor } from "../models/ratingPredictor.js";
import { Llama4RecError } from "../native/errors.js";
import { checkOptions } from "./arguments.js";
import { unlessAborted } from "./caller.js";
import { checkPurpose, loadDefinition, sourceOf } from "./definition.js";
import { RatingDivergedError } from "./diverged.js";
import type { RatingTrainOptions, RatingTrainResult } from "./options.js";
import type { Outcome } from "./outcome.js";
import { startTraining } from "./start.js";
import { ratedRows } from "./validation.js";

/**
 * Trains a rating backbone from scratch with Adam, exactly as {@link train} does one that ranks: on a thread of its own by
 * default, with the same bits however it is run. The definition is loaded on the caller's thread too, where the predictor
 * runs it.
 *
 * @throws Llama4RecError As {@link train}, with {@link RatingDivergedError} for `E_DIVERGED`; `E_ARGUMENT` for a view whose
 *   ratings are all the same.
 * @example
 * ```ts
 * const parts = split(dataset, { protocol: "paper", likeThreshold: null });
 * const { predictor } = await trainRating({
 *   backbone: "DeepFM",
 *   view: parts.train,
 *   seed: 1,
 *   validation: { heldOut: parts.validation },
 * });
 * evaluateRatings(predictor, parts.test).rmse;
 * ```
 */
export async function trainRating(given: RatingTrainOptions): Promise<RatingTrainResult> {
  checkOptions(given);
  const options = { ...given, ...ratingSchedule(given) };
  const { view, validation, validate, signal } = options;
  const source = sourceOf(options.backbone);
  checkPurpose(source, "rating");
  const rows = validation === undefined ? null : ratedRows(validation, view);
  const loading = loadDefinition(source);
  const definition: BackboneDefinition = await (signal === undefined
    ? loading
    : unlessAborted(loading, signal));
  checkPurpose(definition, "rating");
  const result = await startTraining({
    options,
    source,
    purpose: "rating",
    validation: validate === undefined ? rows : "caller",
    extraPairs: null,
    insertions: null,
    outcome: outcomeOf(definition),
  });
  await result.predictor.learnFoldIn(view);
  return result;
}

/**
 * How often a rating model is validated: it is at its best after some ten epochs.
 * @internal
 */
export const ratingSchedule = ({
  evaluateEvery = 1,
  patience = 5,
}: Pick<RatingTrainOptions, "evaluateEvery" | "patience">): { evaluateEvery: number; patience: number } => ({
  evaluateEvery,
  patience,
});

/** A predictor over the definition. */
function outcomeOf(definition: RatingDefinition): Outcome<RatingPredictor, RatingTrainResult> {
  return {
    serve(model) {
      if (model.kind !== "rating")
        throw new Llama4RecError("E_INTERNAL", "a model that ranks where one rates");
      return predictorOf(model, definition);
    },
    result: (predictor, trained) => ({ predictor, ...trained }),
    diverged: (message, where, lastGood) => new RatingDivergedError(message, where, lastGood),
    discard: ({ predictor }) => predictor.dispose(),
  };
}
