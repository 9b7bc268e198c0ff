import { Llama4RecError } from "../native/errors.js";
import type { TrainResult } from "./options.js";

/** The loss, a gradient or a parameter is no longer finite; code `E_DIVERGED`. */
export class TrainingDivergedError extends Llama4RecError {
  /** Epoch in which it happened, from 1. */
  readonly epoch: number;
  /** Step in which it happened, from 1, counted over all epochs. */
  readonly step: number;
  /** The best validated state, else the one at the end of the last finished epoch; null in the first epoch. */
  readonly lastGood: TrainResult | null;

  constructor(message: string, where: { epoch: number; step: number }, lastGood: TrainResult | null) {
    super("E_DIVERGED", message);
    this.epoch = where.epoch;
    this.step = where.step;
    this.lastGood = lastGood;
  }
}
