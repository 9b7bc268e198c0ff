/** Learning every night from what happened by day. */
import { appendFileSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import { Recommender } from "llama4rec";
import { bought, retrain, retrainNightly } from "../../docs/examples/retrainNightly.js";
import { folderOf } from "../datasets/temporary.js";
import { run } from "./parts.js";

/** A folder trained by the job itself, and its table: 40 users with 6 of 20 items. */
async function trained(t: ExecutionContext): Promise<{ folder: string; table: string }> {
  const rows = Array.from({ length: 240 }, (_, row) => {
    const [user, age] = [Math.floor(row / 6), row % 6];
    return `user-${user},item-${(user + 3 * age) % 20},${age}\n`;
  });
  const place = folderOf(t, { "orders.csv": `user,item,timestamp\n${rows.join("")}` });
  const [folder, table] = [join(place, "recommender"), join(place, "orders.csv")];
  const job = run(t, "retrainJob", folder, table);
  t.is(await job.ended, 0, job.output());
  t.regex(job.output(), /trained on 240 rows/);
  return { folder, table };
}

test("orders count at once, and outlive a swap under load until the snapshot knows them", async (t) => {
  const { folder, table } = await trained(t);
  await using recommender = await Recommender.open(folder);
  const before = recommender.snapshot;
  await bought(recommender, table, { user: "ada", item: "item-3" });
  t.deepEqual(recommender.historyOf("ada"), ["item-3"]);
  await t.throwsAsync(bought(recommender, table, { user: "ada", item: "nothing" }), { code: "E_ARGUMENT" });
  t.regex(readFileSync(table, "utf8"), /\nada,item-3,\d+\n$/, "what was refused is in no table");

  const snapshots = new Map<string, number>();
  let going = true;
  const asker = (async () => {
    for (let n = 0; going; n++) {
      const { ids, snapshot } = await recommender.recommend({ user: `user-${n % 40}`, k: 5 });
      t.is(ids.length, 5);
      snapshots.set(snapshot, (snapshots.get(snapshot) ?? 0) + 1);
      await sleep(1);
    }
  })();
  const retraining = retrain(recommender, table);
  recommender.update({ interactions: [{ user: "bob", item: "item-4" }] }); // which the training does not read
  const after = await retraining;
  while (!snapshots.has(after)) await sleep(1);
  going = false;
  await asker;
  t.not(after, before);
  t.deepEqual([...snapshots.keys()], [before, after], "answers went on, by one and then the other");
  t.deepEqual(recommender.historyOf("bob"), ["item-4"]);
  t.deepEqual(recommender.historyOf("ada"), ["item-3"]);
  await using fresh = await Recommender.open(folder);
  t.deepEqual(fresh.historyOf("ada"), ["item-3"], "the snapshot itself knows");
  t.deepEqual(fresh.historyOf("bob"), []);
});

test("every so often, until it is ended; what fails leaves the model of before", async (t) => {
  const { folder, table } = await trained(t);
  await using recommender = await Recommender.open(folder);
  const before = recommender.snapshot;
  const end = new AbortController();
  const nights = retrainNightly(recommender, table, { everyMs: 20, signal: end.signal });
  appendFileSync(table, "eve,item-7,9\n");
  while (recommender.snapshot === before) await sleep(20);
  end.abort();
  await nights;
  t.deepEqual(recommender.historyOf("eve"), ["item-7"]);
  const last = recommender.snapshot;
  rmSync(table);
  await t.throwsAsync(retrain(recommender, table), { message: /retrainJob: ended with 1/ });
  t.is(recommender.snapshot, last);
  t.is(recommender.recommendSync({ user: "user-1", k: 5 }).ids.length, 5);
});
