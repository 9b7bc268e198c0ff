import type { HeldOut } from "../data/heldOut.js";
import type { TrainView } from "../data/trainView.js";
import { evaluateRatings, givenRatings, type Rater } from "../models/ratings.js";
import { type BiasDamping, biasRater, chooseBiasDamping } from "../models/reference/bias.js";
import { residualFactors } from "../models/reference/residualFactors.js";
import { argumentError } from "../native/errors.js";

/** Ridge penalties that are tried for the factors of what biases leave. */
export const residualLambdas = [10, 15, 20, 30, 50] as const;

/** Hyper-parameters of the rivals of rating models, chosen on validation. */
export interface RatingRivalChoice {
  /** Of the biases alone. */
  readonly damping: BiasDamping;
  /** Of the factors of what they leave. */
  readonly lambda: number;
}

/** Rivals of a rating model that need no epochs, best known last. */
export interface RatingRivals {
  /** Mean of the item's ratings alone. */
  readonly itemMean: Rater;
  /** Mean and damped biases. */
  readonly biases: Rater;
  /** The same with ten factors of what is left. */
  readonly factors: Rater;
}

/**
 * Damping and ridge penalty with the least RMSE on validation; equal ones: the first.
 * @throws Llama4RecError `E_ARGUMENT` for test rows, none, or rows without ratings.
 */
export function chooseRatingRivals(view: TrainView, validation: HeldOut): RatingRivalChoice {
  if (validation.name !== "validation")
    throw argumentError(
      "validation",
      "validation rows, for test rows never choose anything",
      validation.name,
    );
  const damping = chooseBiasDamping(view, {
    users: validation.users,
    items: validation.items,
    ratings: givenRatings(validation),
  });
  const errors = residualLambdas.map((lambda) => {
    using rater = residualFactors(view, { damping, lambda });
    return evaluateRatings(rater, validation).rmse;
  });
  return { damping, lambda: residualLambdas[errors.indexOf(Math.min(...errors))] };
}

/** The rivals over a view, as chosen. */
export function ratingRivals(view: TrainView, { damping, lambda }: RatingRivalChoice): RatingRivals {
  return {
    itemMean: biasRater(view, { items: 0, users: Number.POSITIVE_INFINITY }),
    biases: biasRater(view, damping),
    factors: residualFactors(view, { damping, lambda }),
  };
}
