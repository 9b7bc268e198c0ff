/**
 * A recommender that knows at once what happens, and learns from it every night. Both go by one table of rows: orders are
 * appended to it, and a process of its own (`retrainJob.ts`) trains on it.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { appendFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { NewInteraction, Recommender } from "llama4rec";

const day = 24 * 60 * 60 * 1000;

/**
 * Takes an order: the next answer knows it, and the next training learns from it.
 * @param table A CSV file with the columns user, item and timestamp; its ids have no commas.
 */
export async function bought(
  recommender: Recommender,
  table: string,
  { user, item }: NewInteraction,
): Promise<void> {
  recommender.update({ interactions: [{ user, item }] }); // first, for it refuses what is wrong
  await appendFile(table, `${user},${item},${Date.now()}\n`);
}

/**
 * Trains anew and answers from that, while requests go on: those that run end on the model they began with. What `update` added
 * since the training read its rows stays added; the next training knows it.
 * @returns The snapshot that answers now.
 */
export async function retrain(recommender: Recommender, table: string): Promise<string> {
  const job = fork(new URL("./retrainJob.js", import.meta.url), [recommender.folder, table], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const [code] = await once(job, "exit");
  if (code !== 0) throw new Error(`retrainJob: ended with ${code}`);
  await recommender.reload();
  return recommender.snapshot;
}

/** Retrains every day until the signal ends it; when that fails, the model of the day before goes on answering. */
export async function retrainNightly(
  recommender: Recommender,
  table: string,
  { everyMs = day, signal }: { readonly everyMs?: number; readonly signal: AbortSignal },
): Promise<void> {
  for (;;) {
    await sleep(everyMs, null, { signal }).catch(() => {});
    if (signal.aborted) return;
    await retrain(recommender, table).catch((error: unknown) => console.error(error));
  }
}
