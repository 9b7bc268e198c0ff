import { setTimeout as sleep } from "node:timers/promises";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { describe, Llama4RecError } from "../native/errors.js";
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
import { type Parcel, unpack } from "./parcel.js";
import { StopFlag } from "./stopFlag.js";
import { threadFlags } from "./threadFlags.js";
import { askedScore } from "./validation.js";

/** Between two looks whether a checkpoint is written, in milliseconds. */
const pollInterval = 2;

/**
 * Trains on a thread of its own, which has ended when the promise settles, however it does.
 * @throws Llama4RecError `E_WORKER` when the thread died, and what the training threw there; TrainingDivergedError; the
 *   signal's reason; whatever a callback threw; `E_ARGUMENT` when the view cannot be cloned.
 */
export async function trainInWorker(
  job: Omit<TrainingJob, "stop" | "port">,
  caller: Caller,
): Promise<TrainResult> {
  const { signal } = caller;
  const stop = new StopFlag();
  const { port1: port, port2 } = new MessageChannel();
  const worker = startThread({ ...job, stop: stop.memory, port: port2 });
  let alive = true;
  let onAbort = (): void => {};
  try {
    return await new Promise<TrainResult>((resolve, reject) => {
      onAbort = () => reject(signal.reason);
      signal.addEventListener("abort", onAbort, { once: true });
      if (signal.aborted) onAbort();
      port.on("message", (message: FromWorker) => receive(message, port, caller).then(settle, reject));
      const settle = (found: TrainResult | null): void => {
        if (found !== null) resolve(found);
      };
      worker.on("error", (error) => reject(deathOf(error)));
      port.on("messageerror", (error) => reject(deathOf(error)));
      worker.on("exit", (code) => {
        alive = false;
        reject(deathOf(code));
      });
    });
  } finally {
    signal.removeEventListener("abort", onAbort);
    port.removeAllListeners("message"); // a result that is still on its way is nobody's
    port.close();
    stop.abort();
    // In the middle of a checkpoint the thread tidies up first.
    while (alive && stop.writing) await sleep(pollInterval);
    await worker.terminate();
  }
}

function startThread(job: TrainingJob): Worker {
  try {
    return new Worker(new URL("./workerThread.js", import.meta.url), {
      workerData: job,
      transferList: [job.port],
      execArgv: threadFlags(process.execArgv),
      name: "llama4rec training",
    });
  } catch (cause) {
    job.port.close();
    if (!(cause instanceof DOMException)) throw cause;
    // Of all that crosses only titles and attributes have not been looked at.
    const message = `view: expected titles and attributes of texts: ${cause.message}`;
    throw new Llama4RecError("E_ARGUMENT", message, { cause });
  }
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

/** What became of a thread that ended before its result. */
function deathOf(cause: unknown): Llama4RecError {
  if (typeof cause === "number")
    return new Llama4RecError(
      "E_WORKER",
      `the training thread left with exit code ${cause} before its result`,
    );
  const why = cause instanceof Error ? cause.message : describe(cause);
  return new Llama4RecError("E_WORKER", `the training thread died: ${why}`, { cause });
}
