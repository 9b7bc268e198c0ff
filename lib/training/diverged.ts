import { Llama4RecError } from "../native/errors.js";
import type { RatingTrainResult, TrainResult } from "./options.js";

/** What both kinds of a diverged training say. */
abstract class Diverged<Result> extends Llama4RecError {
  /** Epoch in which it happened, from 1. */
  readonly epoch: number;
  /** Step in which it happened, from 1, counted over all epochs. */
  readonly step: number;
  /** The best validated state, else the one at the end of the last finished epoch; null in the first epoch. */
  readonly lastGood: Result | null;

  constructor(message: string, where: { epoch: number; step: number }, lastGood: Result | null) {
    super("E_DIVERGED", message);
    this.epoch = where.epoch;
    this.step = where.step;
    this.lastGood = lastGood;
  }
}

/** The loss, a gradient or a parameter is no longer finite; code `E_DIVERGED`. */
export class TrainingDivergedError extends Diverged<TrainResult> {}

/** The same of a rating model. */
export class RatingDivergedError extends Diverged<RatingTrainResult> {}
