import type { Dataset } from "../data/dataset.js";
import { type Protocol, split, wholeView } from "../data/split.js";
import type { RatingDefinition } from "../models/backbone.js";
import type { RatingPredictor } from "../models/ratingPredictor.js";
import { argumentError } from "../native/errors.js";
import type { RatingTrainOptions } from "../training/options.js";
import { trainRating } from "../training/trainRating.js";
import type { ProgressBars } from "./progress.js";

/** What a model that rates is made of. */
export interface RaterPlan {
  readonly dataset: Dataset;
  readonly backbone: RatingDefinition;
  readonly protocol: Protocol;
  readonly seed: number;
}

/** @throws Llama4RecError `E_ARGUMENT` for a data set whose ratings are all the same. */
export function checkRated({ name, interactions: { ratings } }: Dataset): void {
  if (ratings.every((rating) => rating === ratings[0]))
    throw argumentError("--rater", "a data set with ratings that differ", name);
}

/**
 * A model that rates, for a recommender's folder: validation rows choose the epochs, then it is trained so long on all rows.
 * @throws Llama4RecError As {@link trainRating}.
 */
export async function trainedRater(
  { dataset, backbone, protocol, seed }: RaterPlan,
  bars: ProgressBars,
  signal: AbortSignal,
): Promise<RatingPredictor> {
  const parts = { protocol, likeThreshold: null };
  const trained = async (
    stage: string,
    options: Pick<RatingTrainOptions, "view" | "hyperparameters" | "validation">,
  ) =>
    trainRating({
      ...{ backbone: backbone.name, seed, signal },
      ...options,
      onEpoch: ({ epoch, epochs, loss }) => bars.update(stage, epoch, epochs, `loss ${loss.toFixed(4)}`),
    });
  const { train: view, validation } = split(dataset, parts);
  const { predictor, epoch, hyperparameters } = await trained(`train ${backbone.name}`, {
    view,
    validation: { heldOut: validation },
  });
  predictor.dispose();
  const whole = await trained(`train ${backbone.name} on all rows`, {
    view: wholeView(dataset, parts),
    hyperparameters: { ...hyperparameters, epochs: epoch },
  });
  return whole.predictor;
}
