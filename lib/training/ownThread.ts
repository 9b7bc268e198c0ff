import { setTimeout as sleep } from "node:timers/promises";
import type { MessagePort, Worker } from "node:worker_threads";
import { describe, Llama4RecError } from "../native/errors.js";
import { StopFlag } from "./stopFlag.js";
import { threadFlags } from "./threadFlags.js";

/** What a thread hears of its caller by. */
export interface ThreadLink {
  /** Memory of a {@link StopFlag}. */
  readonly stop: SharedArrayBuffer;
  /** What the two threads talk over: that of the worker itself belongs to whatever modules it loads. Transferred. */
  readonly port: MessagePort;
}

/** A thread that does one job and says what comes of it. */
export interface OwnThread<Job extends ThreadLink, Message, Result> {
  /** The module that it runs. */
  readonly module: URL;
  /** What it does, for its name and errors: "training". */
  readonly name: string;
  /** Crosses by structured clone. */
  readonly job: Omit<Job, keyof ThreadLink>;
  /** The argument that may hold what cannot cross, and what was expected of it: of the rest all has been looked at. */
  readonly unchecked: string;
  /** Ends it early. */
  readonly signal: AbortSignal | undefined;
  /** Acts on one message; gives the result once it is there. What it throws ends the thread. */
  receive(message: Message, port: MessagePort): Promise<Result | null>;
}

/** Node's module, which takes milliseconds to load. */
const workerThreads = () => process.getBuiltinModule("node:worker_threads");

/** Between two looks whether a checkpoint is written, in milliseconds. */
const pollInterval = 2;

/**
 * Runs a thread until its result is there. It has ended when the promise settles, however it does.
 * @throws Llama4RecError `E_WORKER` when the thread died, `E_ARGUMENT` when the job cannot be cloned; the signal's reason;
 *   whatever `receive` threw.
 */
export async function runThread<Job extends ThreadLink, Message, Result>(
  thread: OwnThread<Job, Message, Result>,
): Promise<Result> {
  const { name, signal } = thread;
  const stop = new StopFlag();
  const { MessageChannel } = workerThreads();
  const { port1: port, port2 } = new MessageChannel();
  const worker = start(thread, { stop: stop.memory, port: port2 });
  let alive = true;
  let onAbort = (): void => {};
  try {
    return await new Promise<Result>((resolve, reject) => {
      onAbort = () => reject(signal?.reason);
      signal?.addEventListener("abort", onAbort, { once: true });
      if (signal?.aborted) onAbort();
      port.on("message", (message: Message) => thread.receive(message, port).then(settle, reject));
      const settle = (found: Result | null): void => {
        if (found !== null) resolve(found);
      };
      worker.on("error", (error) => reject(deathOf(name, error)));
      port.on("messageerror", (error) => reject(deathOf(name, error)));
      worker.on("exit", (code) => {
        alive = false;
        reject(deathOf(name, code));
      });
    });
  } finally {
    signal?.removeEventListener("abort", onAbort);
    port.removeAllListeners("message"); // a result that is still on its way is nobody's
    port.close();
    stop.abort();
    // In the middle of a checkpoint the thread tidies up first.
    while (alive && stop.writing) await sleep(pollInterval);
    await worker.terminate();
  }
}

function start<Job extends ThreadLink, Message, Result>(
  { module, name, job, unchecked }: OwnThread<Job, Message, Result>,
  link: ThreadLink,
): Worker {
  try {
    return new (workerThreads().Worker)(module, {
      workerData: { ...job, ...link },
      transferList: [link.port],
      execArgv: threadFlags(process.execArgv),
      name: `llama4rec ${name}`,
    });
  } catch (cause) {
    link.port.close();
    if (!(cause instanceof DOMException)) throw cause;
    throw new Llama4RecError("E_ARGUMENT", `${unchecked}: ${cause.message}`, { cause });
  }
}

/** What became of a thread that ended before its result. */
function deathOf(name: string, cause: unknown): Llama4RecError {
  if (typeof cause === "number")
    return new Llama4RecError(
      "E_WORKER",
      `the ${name} thread left with exit code ${cause} before its result`,
    );
  const why = cause instanceof Error ? cause.message : describe(cause);
  return new Llama4RecError("E_WORKER", `the ${name} thread died: ${why}`, { cause });
}
