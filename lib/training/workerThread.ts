/** The inside of a training thread: reads its job, trains, reports, and waits to be ended. */
import { once } from "node:events";
import { setImmediate as nextTurn } from "node:timers/promises";
import { isMainThread, workerData } from "node:worker_threads";
import { TrainView } from "../data/trainView.js";
import { type BackboneDefinition, resolveHyperparameters } from "../models/backbone.js";
import type { FrozenModel } from "../models/frozen.js";
import { setLane } from "../native/addon.js";
import { Llama4RecError } from "../native/errors.js";
import { checkPurpose, loadDefinition } from "./definition.js";
import { Divergence, runTraining, type TrainedModel, type TrainingHost } from "./loop.js";
import { type FromWorker, type SentResult, sentError, type ToWorker, type TrainingJob } from "./messages.js";
import { pack } from "./parcel.js";
import { StopFlag } from "./stopFlag.js";
import { scoreOf, validationText } from "./validation.js";

/** Thrown where the flag is seen; nobody hears of it, for the caller has rejected already. */
class Aborted extends Error {}

async function runJob(job: TrainingJob): Promise<void> {
  const { port } = job;
  port.on("message", () => {}); // keeps the thread until it is ended
  const send = (message: FromWorker, transfer: ArrayBuffer[] = []): void =>
    port.postMessage(message, transfer);
  const stop = new StopFlag(job.stop);
  const view = new TrainView(job.view);
  const { validation } = job;

  const askCaller = async (model: FrozenModel): Promise<number> => {
    using packed = pack(model);
    const answer = once(port, "message");
    send({ type: "candidate", parcel: packed.parcel }, packed.transfer);
    const [{ score }] = (await answer) as [ToWorker];
    return score;
  };
  const hostFor = (definition: BackboneDefinition): TrainingHost => ({
    validate:
      validation === null
        ? null
        : validation === "caller"
          ? askCaller
          : (model) => scoreOf(model, definition, view, validation),
    onEpoch: (report) => send({ type: "epoch", report }),
    onStep: (report) => send({ type: "step", report }),
    onCheckpoint: (report) => send({ type: "checkpoint", report }),
    checkAborted() {
      if (stop.aborted) throw new Aborted();
    },
    work: (body) => body(),
    turn: () => nextTurn(),
    whole: (body) => stop.whole(body),
  });
  /** Sends a model; its native object belongs to this thread until the caller ends it. */
  const sendModel = (trained: TrainedModel, message: (result: SentResult) => FromWorker): void => {
    const { parcel, transfer } = pack(trained.model);
    const { model: _, ...rest } = trained;
    send(message({ ...rest, parcel }), transfer);
  };

  try {
    setLane(job.threads, true);
    const definition = await loadDefinition(job.source);
    checkPurpose(definition, job.purpose);
    const trained = await runTraining(
      {
        ...job,
        definition,
        view,
        hyperparameters: resolveHyperparameters(definition, job.hyperparameters),
        validation: validationText(validation),
      },
      hostFor(definition),
    );
    sendModel(trained, (result) => ({ type: "result", result }));
  } catch (error) {
    if (error instanceof Divergence) {
      const { message, epoch, step, lastGood } = error;
      if (lastGood === null) send({ type: "diverged", message, epoch, step, lastGood });
      else sendModel(lastGood, (result) => ({ type: "diverged", message, epoch, step, lastGood: result }));
    } else send({ type: "failed", error: sentError(error) });
  }
}

if (isMainThread) throw new Llama4RecError("E_INTERNAL", "this module is the inside of a worker thread");
await runJob(workerData as TrainingJob);
