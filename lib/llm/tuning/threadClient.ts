import { setTimeout as sleep } from "node:timers/promises";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { describe, Llama4RecError } from "../../native/errors.js";
import { receivedError, type SentError } from "../../training/messages.js";
import { StopFlag } from "../../training/stopFlag.js";
import { threadFlags } from "../../training/threadFlags.js";
import type { TuneJob, TuneReport } from "./options.js";
import type { TunedWeights } from "./tunedModel.js";

/** What a tuning thread is given. */
export interface TuneThreadJob extends TuneJob {
  readonly threads: number;
  /** Memory of a {@link StopFlag}. */
  readonly stop: SharedArrayBuffer;
  /** What the two threads talk over. Transferred. */
  readonly port: MessagePort;
}

/** What a tuning thread says. */
export type FromTuneThread =
  | { readonly type: "progress"; readonly report: TuneReport }
  | { readonly type: "result"; readonly tuned: TunedWeights }
  | { readonly type: "failed"; readonly error: SentError };

/** What the starting thread does meanwhile. */
export interface TuneCaller {
  readonly signal?: AbortSignal;
  readonly onProgress?: (report: TuneReport) => void;
  readonly threads: number;
}

/** Between two looks whether a checkpoint is written, in milliseconds. */
const pollInterval = 2;

/**
 * Tunes on a thread of its own, which has ended when the promise settles, however it does.
 * @throws Llama4RecError `E_WORKER` when the thread died, and what the tuning threw there; the signal's reason; whatever
 *   the callback threw.
 */
export async function tuneInWorker(job: TuneJob, caller: TuneCaller): Promise<TunedWeights> {
  const { signal, onProgress, threads } = caller;
  const stop = new StopFlag();
  const { port1: port, port2 } = new MessageChannel();
  const workerData: TuneThreadJob = { ...job, threads, stop: stop.memory, port: port2 };
  const worker = new Worker(new URL("./thread.js", import.meta.url), {
    workerData,
    transferList: [port2],
    execArgv: threadFlags(process.execArgv),
    name: "llama4rec tuning",
  });
  let alive = true;
  let onAbort = (): void => {};
  try {
    return await new Promise<TunedWeights>((resolve, reject) => {
      onAbort = () => reject(signal?.reason);
      signal?.addEventListener("abort", onAbort, { once: true });
      if (signal?.aborted) onAbort();
      port.on("message", (message: FromTuneThread) => {
        if (message.type === "result") resolve(message.tuned);
        else if (message.type === "failed") reject(receivedError(message.error));
        else
          try {
            onProgress?.(message.report);
          } catch (error) {
            reject(error);
          }
      });
      worker.on("error", (error) => reject(deathOf(error)));
      port.on("messageerror", (error) => reject(deathOf(error)));
      worker.on("exit", (code) => {
        alive = false;
        reject(deathOf(`exit code ${code}`));
      });
    });
  } finally {
    signal?.removeEventListener("abort", onAbort);
    port.removeAllListeners("message");
    port.close();
    stop.abort();
    // In the middle of a checkpoint the thread tidies up first.
    while (alive && stop.writing) await sleep(pollInterval);
    await worker.terminate();
  }
}

/** What became of a thread that ended before its result. */
function deathOf(cause: unknown): Llama4RecError {
  const why = cause instanceof Error ? cause.message : typeof cause === "string" ? cause : describe(cause);
  return new Llama4RecError("E_WORKER", `the tuning thread died: ${why}`, { cause });
}
