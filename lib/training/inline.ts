import { setImmediate as nextTurn } from "node:timers/promises";
import type { TrainView } from "../data/trainView.js";
import { type BackboneDefinition, resolveHyperparameters } from "../models/backbone.js";
import type { FrozenModel } from "../models/frozen.js";
import { setLane } from "../native/addon.js";
import { type Caller, unlessAborted } from "./caller.js";
import { checkPurpose } from "./definition.js";
import { Divergence, runTraining, type TrainedModel, type TrainingHost } from "./loop.js";
import type { TrainingJob } from "./messages.js";
import { askedScore, type Outcome } from "./outcome.js";
import { scoreOf, validationText } from "./validation.js";

/** A job with what need not cross to another thread. */
export type InlineJob = Omit<TrainingJob, "source" | "view" | "threads" | "stop" | "port"> & {
  readonly definition: BackboneDefinition;
  readonly view: TrainView;
  /** Undefined: as the pool is set. */
  readonly threads: number | undefined;
};

/**
 * Trains on the calling thread, in short stretches, so that progress is drawn and an abort is seen; one validation is
 * one stretch.
 */
export async function trainInline<Served extends Disposable, Result>(
  job: InlineJob,
  caller: Caller<Served>,
  outcome: Outcome<Served, Result>,
): Promise<Result> {
  const { definition, view, validation, threads } = job;
  const { signal, validate } = caller;
  checkPurpose(definition, job.purpose);
  const askCaller = async (model: FrozenModel): Promise<number> => {
    using candidate = outcome.serve(model);
    return await askedScore(candidate, validate);
  };
  const work: TrainingHost["work"] = (body) => {
    if (threads === undefined) return body();
    setLane(threads, false);
    try {
      return body();
    } finally {
      setLane(0, false); // the thread belongs to its caller again
    }
  };
  const host: TrainingHost = {
    validate:
      validation === null
        ? null
        : validation === "caller"
          ? (model) => unlessAborted(askCaller(model), signal)
          : (model) => work(() => scoreOf(model, definition, view, validation)),
    onEpoch: (report) => caller.onEpoch?.(report),
    onStep: (report) => caller.onStep?.(report),
    onCheckpoint: (report) => caller.onCheckpoint?.(report),
    checkAborted: () => signal.throwIfAborted(),
    work,
    turn: () => nextTurn(),
    whole: (body) => body(),
  };
  const run = {
    ...job,
    hyperparameters: resolveHyperparameters(definition, job.hyperparameters),
    validation: validationText(validation),
  };
  const resultOf = ({ model, ...trained }: TrainedModel): Result =>
    outcome.result(outcome.serve(model), trained);
  try {
    return resultOf(await runTraining(run, host));
  } catch (error) {
    if (!(error instanceof Divergence)) throw error;
    const { message, lastGood } = error;
    throw outcome.diverged(message, error, lastGood === null ? null : resultOf(lastGood));
  }
}
