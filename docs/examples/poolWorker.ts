/** A thread of `workerPool.ts`: opens the folder for itself and answers what the main thread asks. */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { type Recommendation, Recommender, type RecommendRequest } from "llama4rec";

/** A request that can cross to another thread. */
export type PoolRequest = Omit<RecommendRequest, "signal">;

export interface Question {
  readonly requests: readonly PoolRequest[];
  readonly reply: MessagePort;
}

export type Answer = { readonly lists: Recommendation[] } | { readonly error: unknown };

if (parentPort === null) throw new Error("poolWorker: expected to run as a worker thread");
const port = parentPort;
// Item vectors are mapped, once for all threads. A language model for each would be one too many.
const recommender = await Recommender.open(workerData.folder, { languageModel: false });

port.on("message", async (question: Question | null) => {
  if (question === null) {
    await recommender.close();
    port.close(); // nothing is left to do, and the thread ends
    return;
  }
  const { requests, reply } = question;
  const answer: Answer = await recommender.recommendMany(requests).then(
    (lists) => ({ lists }),
    (error: unknown) => ({ error }),
  );
  reply.postMessage(answer);
});
port.postMessage("open");
