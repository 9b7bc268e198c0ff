/** A pool of threads that answer batches for the main thread, which stays free: each opens the same folder. */
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { MessageChannel, Worker } from "node:worker_threads";
import type { Recommendation } from "llama4rec";
import type { Answer, PoolRequest, Question } from "./poolWorker.js";

interface Member {
  readonly thread: Worker;
  /** Batches that it has and has not answered. */
  running: number;
}

export class RecommenderPool implements AsyncDisposable {
  readonly #members: readonly Member[];
  readonly #running = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  private constructor(threads: readonly Worker[]) {
    this.#members = threads.map((thread) => ({ thread, running: 0 }));
  }

  /** Resolves when all threads have opened the folder; rejects as `Recommender.open` when one cannot. */
  static async open(folder: string, threads = availableParallelism()): Promise<RecommenderPool> {
    const script = new URL("./poolWorker.js", import.meta.url);
    const workers = Array.from({ length: threads }, () => new Worker(script, { workerData: { folder } }));
    try {
      await Promise.all(workers.map((worker) => once(worker, "message")));
    } catch (error) {
      await Promise.all(workers.map((worker) => worker.terminate()));
      throw error;
    }
    return new RecommenderPool(workers);
  }

  /** Lists of many requests, in their order, by the thread that has the least to do. */
  recommendMany(requests: readonly PoolRequest[]): Promise<Recommendation[]> {
    if (this.#closing !== undefined) throw new Error("pool: used after close()");
    const member = this.#members.reduce((least, each) => (each.running < least.running ? each : least));
    const answer = ask(member, requests).finally(() => this.#running.delete(answer));
    this.#running.add(answer);
    return answer;
  }

  /** Lets the batches that run have their answers, then the threads close their recommenders and end. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#running);
    const ended = this.#members.map(async ({ thread }) => {
      thread.postMessage(null);
      await once(thread, "exit");
    });
    await Promise.all(ended);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Each batch brings a channel for its answer, which is closed when the thread dies. */
async function ask(member: Member, requests: readonly PoolRequest[]): Promise<Recommendation[]> {
  const { port1: here, port2: reply } = new MessageChannel();
  const question: Question = { requests, reply };
  member.running++;
  try {
    member.thread.postMessage(question, [reply]);
    const died = once(here, "close").then(() => Promise.reject(new Error("pool: the thread has ended")));
    const [answer]: Answer[] = await Promise.race([once(here, "message"), died]);
    if ("error" in answer) throw answer.error;
    return answer.lists;
  } finally {
    member.running--;
    here.close();
  }
}
