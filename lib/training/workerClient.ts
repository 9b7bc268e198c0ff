import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { describe, Llama4RecError } from "../native/errors.js";
import { TrainingDivergedError } from "./diverged.js";
import {
  type FromWorker,
  receivedError,
  type SentResult,
  type ToWorker,
  type TrainingJob,
} from "./messages.js";
import type { TrainOptions, TrainResult } from "./options.js";
import { type Parcel, unpack } from "./parcel.js";
import { StopFlag } from "./stopFlag.js";

/** Between two looks whether a checkpoint is written, in milliseconds. */
const pollInterval = 2;

/** What the starting thread does meanwhile. */
export type Caller = Pick<TrainOptions, "validate" | "onEpoch" | "onStep" | "onCheckpoint" | "signal">;

/**
 * Trains on a thread of its own, which has ended when the promise settles, however it does.
 * @throws Llama4RecError `E_WORKER` when the thread died, and what the training threw there; TrainingDivergedError; the
 *   signal's reason; whatever a callback threw.
 */
export async function trainInWorker(job: Omit<TrainingJob, "stop">, caller: Caller): Promise<TrainResult> {
  const { signal } = caller;
  const stop = new StopFlag();
  const worker = new Worker(new URL("./workerThread.js", import.meta.url), {
    workerData: { ...job, stop: stop.memory } satisfies TrainingJob,
    name: "llama4rec training",
  });
  let alive = true;
  let onAbort = (): void => {};
  let result: TrainResult;
  try {
    result = await new Promise<TrainResult>((resolve, reject) => {
      onAbort = () => reject(signal?.reason);
      signal?.addEventListener("abort", onAbort, { once: true });
      if (signal?.aborted) onAbort();
      worker.on("message", (message: FromWorker) => receive(message, worker, caller).then(settle, reject));
      const settle = (found: TrainResult | null): void => {
        if (found !== null) resolve(found);
      };
      worker.on("error", (error) => reject(deathOf(error)));
      worker.on("messageerror", (error) => reject(deathOf(error)));
      worker.on("exit", (code) => {
        alive = false;
        reject(deathOf(code));
      });
    });
  } finally {
    signal?.removeEventListener("abort", onAbort);
    worker.removeAllListeners("message"); // a result that is still on its way is nobody's
    stop.abort();
    // In the middle of a checkpoint the thread tidies up first.
    while (alive && stop.writing) await sleep(pollInterval);
    await worker.terminate();
  }
  if (signal?.aborted) {
    result.ranker.dispose();
    throw signal.reason;
  }
  return result;
}

/** Acts on one message; gives the result once it is there. */
async function receive(message: FromWorker, worker: Worker, caller: Caller): Promise<TrainResult | null> {
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
      worker.postMessage({ score: await validated(message.parcel, caller) } satisfies ToWorker);
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
  return validate === undefined ? Number.NaN : await validate(candidate);
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
