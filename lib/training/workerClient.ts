import type { MessagePort } from "node:worker_threads";
import type { Caller } from "./caller.js";
import {
  type FromWorker,
  receivedError,
  type SentResult,
  type ToWorker,
  type TrainingJob,
} from "./messages.js";
import { askedScore, type Outcome } from "./outcome.js";
import { runThread } from "./ownThread.js";
import type { Parcel } from "./parcel.js";

/**
 * Trains on a thread of its own, which has ended when the promise settles, however it does.
 * @throws Llama4RecError `E_WORKER` when the thread died, and what the training threw there; TrainingDivergedError; the
 *   signal's reason; whatever a callback threw; `E_ARGUMENT` when the view cannot be cloned.
 */
export function trainInWorker<Served extends Disposable, Result>(
  job: Omit<TrainingJob, "stop" | "port">,
  caller: Caller<Served>,
  outcome: Outcome<Served, Result>,
): Promise<Result> {
  return runThread<TrainingJob, FromWorker, Result>({
    module: new URL("./workerThread.js", import.meta.url),
    name: "training",
    job,
    unchecked: "view: expected titles and attributes of texts",
    signal: caller.signal,
    receive: (message, port) => receive(message, port, caller, outcome),
  });
}

/** Acts on one message; gives the result once it is there. */
async function receive<Served extends Disposable, Result>(
  message: FromWorker,
  port: MessagePort,
  caller: Caller<Served>,
  outcome: Outcome<Served, Result>,
): Promise<Result | null> {
  const resultOf = ({ parcel, ...trained }: SentResult): Result =>
    outcome.result(served(parcel, outcome), trained);
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
      port.postMessage({ score: await validated(message.parcel, caller, outcome) } satisfies ToWorker);
      return null;
    case "result":
      return resultOf(message.result);
    case "diverged": {
      const { lastGood } = message;
      throw outcome.diverged(message.message, message, lastGood === null ? null : resultOf(lastGood));
    }
    case "failed":
      throw receivedError(message.error);
  }
}

/** Takes a lease of its own on what the parcel is served by, and copies nothing. */
function served<Served extends Disposable, Result>(
  { model, engine }: Parcel,
  outcome: Outcome<Served, Result>,
): Served {
  return outcome.serve(model, engine);
}

async function validated<Served extends Disposable, Result>(
  parcel: Parcel,
  { validate }: Caller<Served>,
  outcome: Outcome<Served, Result>,
): Promise<number> {
  using candidate = served(parcel, outcome);
  return await askedScore(candidate, validate);
}
