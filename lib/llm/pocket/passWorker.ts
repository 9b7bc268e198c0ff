import type { Worker } from "node:worker_threads";
import { describe, Llama4RecError } from "../../native/errors.js";
import { receivedError, type SentError } from "../../training/messages.js";
import { StopFlag } from "../../training/stopFlag.js";
import { threadFlags } from "../../training/threadFlags.js";
import type { Pass } from "./pass.js";
import type { PassRunner } from "./passRunner.js";

/** What a thread of passes is started with. */
export interface PassJob {
  /** The file that holds the network. */
  readonly path: string;
  /** Its SHA-256: the thread refuses any other. */
  readonly sha256: string;
  /** Threads of the native pool that work for it at most. */
  readonly threads: number;
}

/** What is said to the thread. */
export interface ToPassThread {
  readonly pass: Pass;
  /** Memory of a {@link StopFlag}: it ends the pass before its next block. */
  readonly stop: SharedArrayBuffer;
}

/** What the thread says: once that it is ready, then one answer a pass. */
export type FromPassThread =
  | { readonly type: "ready" }
  | { readonly type: "done"; readonly values: Float32Array }
  | { readonly type: "failed"; readonly error: SentError };

/** Whoever waits for the next message. */
interface Waiting {
  resolve(message: FromPassThread): void;
  reject(error: Error): void;
}

/**
 * Runs passes on a thread of its own, which keeps no process alive. If the thread dies, this pass and all later ones are
 * rejected.
 */
export class PassWorker implements PassRunner {
  readonly #worker: Worker;
  #waiting: Waiting | null = null;
  #death: Llama4RecError | null = null;

  private constructor(job: PassJob) {
    const { Worker } = process.getBuiltinModule("node:worker_threads"); // it takes milliseconds to load
    this.#worker = new Worker(new URL("./passThread.js", import.meta.url), {
      workerData: job,
      execArgv: threadFlags(process.execArgv),
      name: "llama4rec language model",
    });
    this.#worker.on("message", (message: FromPassThread) => this.#waiting?.resolve(message));
    this.#worker.on("error", (error) =>
      this.#die(error instanceof Error ? error.message : describe(error), error),
    );
    this.#worker.on("messageerror", (error) => this.#die(error.message, error));
    this.#worker.on("exit", (code) => this.#die(`it left with exit code ${code}`));
  }

  /**
   * Resolves when the thread has read its file.
   * @throws Llama4RecError what reading threw there; `E_WORKER` when the thread died.
   */
  static async start(job: PassJob): Promise<PassWorker> {
    const runner = new PassWorker(job);
    try {
      await runner.#answer(() => {});
      return runner;
    } catch (error) {
      await runner.dispose();
      throw error;
    }
  }

  async run(pass: Pass, signal: AbortSignal): Promise<Float32Array> {
    signal.throwIfAborted();
    const stop = new StopFlag();
    const onAbort = (): void => stop.abort();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      const message = { pass, stop: stop.memory } satisfies ToPassThread;
      const answer = await this.#answer(() => this.#worker.postMessage(message));
      if (answer.type === "done") return answer.values;
      throw new Llama4RecError("E_INTERNAL", `expected the values of a pass, got ${answer.type}`);
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  async dispose(): Promise<void> {
    await this.#worker.terminate();
  }

  /** The next message after `ask`; the process lives as long. */
  async #answer(ask: () => void): Promise<FromPassThread> {
    if (this.#death !== null) throw this.#death;
    this.#worker.ref();
    try {
      const answer = await new Promise<FromPassThread>((resolve, reject) => {
        this.#waiting = { resolve, reject };
        ask();
      });
      if (answer.type === "failed") throw receivedError(answer.error);
      return answer;
    } finally {
      this.#waiting = null;
      this.#worker.unref();
    }
  }

  #die(why: string, cause?: unknown): void {
    this.#death ??= new Llama4RecError("E_WORKER", `the language model's thread died: ${why}`, { cause });
    this.#waiting?.reject(this.#death);
  }
}
