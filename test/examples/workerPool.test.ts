/** A pool of threads over one folder. */
import test from "ava";
import { Recommender } from "llama4rec";
import type { PoolRequest } from "../../docs/examples/poolWorker.js";
import { RecommenderPool } from "../../docs/examples/workerPool.js";
import { folderOf } from "../datasets/temporary.js";
import { shop, shopFolder } from "./parts.js";

test("threads that open one folder answer batches as the main thread does", async (t) => {
  const folder = await shopFolder(t, {});
  await using alone = await Recommender.open(folder);
  const pool = await RecommenderPool.open(folder, 3);
  const batches = Array.from({ length: 12 }, (_, batch) =>
    Array.from({ length: 20 }, (_, n): PoolRequest => ({ user: shop.users.idAt(20 * batch + n), k: 5 })),
  );
  const answers = await Promise.all(batches.map((batch) => pool.recommendMany(batch)));
  for (const [at, batch] of batches.entries())
    for (const [n, list] of answers[at].entries()) {
      const expected = alone.recommendSync(batch[n]);
      t.deepEqual([list.ids, list.scores], [expected.ids, expected.scores]);
    }

  const [[first]] = batches;
  await t.throwsAsync(pool.recommendMany([first, { user: 1, k: 0 }]), { message: /^requests\[1\]\.k: / });
  const running = batches.map((batch) => pool.recommendMany(batch));
  await pool.close();
  for (const lists of await Promise.all(running)) t.is(lists.length, 20, "none is lost");
  await pool.close();
  t.throws(() => pool.recommendMany([first]), { message: /close/ });
});

test("what cannot cross to a thread, and a folder that is none, are errors", async (t) => {
  await using pool = await RecommenderPool.open(await shopFolder(t, {}), 1);
  const user = (() => 7) as unknown as number;
  await t.throwsAsync(pool.recommendMany([{ user }]), { any: true, message: /could not be cloned/ });
  t.is((await pool.recommendMany([{ history: [3] }])).length, 1, "it goes on");
  await t.throwsAsync(RecommenderPool.open(folderOf(t, {}), 2), {
    any: true,
    message: /expected a recommender's folder/,
  });
});
