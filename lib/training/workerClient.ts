import type { MessagePort } from "node:worker_threads";
import type { Caller } from "./caller.js";
import { TrainingDivergedError } from "./diverged.js";
import {
  type FromWorker,
  receivedError,
  type SentResult,
  type ToWorker,
  type TrainingJob,
} from "./messages.js";
import type { TrainResult } from "./options.js";
import { runThread } from "./ownThread.js";
import { type Parcel, unpack } from "./parcel.js";
import { askedScore } from "./validation.js";

/**
 * Trains on a thread of its own, which has ended when the promise settles, however it does.
 * @throws Llama4RecError `E_WORKER` when the thread died, and what the training threw there; TrainingDivergedError; the
 *   signal's reason; whatever a callback threw; `E_ARGUMENT` when the view cannot be cloned.
 */
export function trainInWorker(job: Omit<TrainingJob, "stop" | "port">, caller: Caller): Promise<TrainResult> {
  return runThread<TrainingJob, FromWorker, TrainResult>({
    module: new URL("./workerThread.js", import.meta.url),
    name: "training",
    job,
    unchecked: "view: expected titles and attributes of texts",
    signal: caller.signal,
    receive: (message, port) => receive(message, port, caller),
  });
}

/** Acts on one message; gives the result once it is there. */
async function receive(message: FromWorker, port: MessagePort, caller: Caller): Promise<TrainResult | null> {
  switch (message.type) {
    case "epoch":
      caller.onEpoch?.(message.report);
      return null;
    case "step":
      caller.onStep?.(message.report);
      return null;
    case "checkpoint":
      caller.onCheckpoint?.(message.report);
      return null;
    case "candidate":
      port.postMessage({ score: await validated(message.parcel, caller) } satisfies ToWorker);
      return null;
    case "result":
      return resultOf(message.result);
    case "diverged": {
      const { lastGood } = message;
      throw new TrainingDivergedError(
        message.message,
        message,
        lastGood === null ? null : resultOf(lastGood),
      );
    }
    case "failed":
      throw receivedError(message.error);
  }
}

async function validated(parcel: Parcel, { validate }: Caller): Promise<number> {
  using candidate = unpack(parcel);
  return await askedScore(candidate, validate);
}

function resultOf({ parcel, ...rest }: SentResult): TrainResult {
  return { ranker: unpack(parcel), ...rest };
}
