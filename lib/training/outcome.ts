import { type FrozenModel, type RankingModel, rankerOf } from "../models/frozen.js";
import type { TrainedRanker } from "../models/ranker.js";
import { argumentError, Llama4RecError } from "../native/errors.js";
import { TrainingDivergedError } from "./diverged.js";
import type { TrainedModel } from "./loop.js";
import type { TrainResult } from "./options.js";

/** What is known of a trained model beside itself. */
export type Trained = Omit<TrainedModel, "model">;

/** What a training gives its caller, made on the caller's thread from a frozen model. */
export interface Outcome<Served extends Disposable, Result> {
  /** @param engine Id of the native object that serves the model already; undefined or null: none does. */
  serve(model: FrozenModel, engine?: number | null): Served;
  result(served: Served, trained: Trained): Result;
  /** What a training throws whose numbers are no longer finite. */
  diverged(message: string, where: { epoch: number; step: number }, lastGood: Result | null): Error;
  /** Frees a result that nobody will get. */
  discard(result: Result): void;
}

/**
 * What a caller makes of a candidate.
 * @throws Llama4RecError `E_ARGUMENT` when that is no finite number.
 */
export async function askedScore<Served>(
  candidate: Served,
  validate: ((candidate: Served) => number | Promise<number>) | undefined,
): Promise<number> {
  const score: unknown = await validate?.(candidate);
  if (typeof score !== "number" || !Number.isFinite(score))
    throw argumentError("validate", "a finite number", score);
  return score;
}

/** A ranker. */
export const rankingOutcome: Outcome<TrainedRanker, TrainResult> = {
  serve: (model, engine) => rankerOf(ranking(model), engine ?? undefined),
  result: (ranker, trained) => ({ ranker, ...trained }),
  diverged: (message, where, lastGood) => new TrainingDivergedError(message, where, lastGood),
  discard: ({ ranker }) => ranker.dispose(),
};

function ranking(model: FrozenModel): RankingModel {
  if (model.kind === "rating") throw new Llama4RecError("E_INTERNAL", "a rating model where one ranks");
  return model;
}
