import { existsSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { type Dataset, openDataset, resolveDataFolder, type Split, split } from "../../lib/data/index.js";

/** Runs a check where the data set is; elsewhere passes with a message that says what is missing. */
function withData(name: string, title: string, check: (t: ExecutionContext, dataset: Dataset) => void): void {
  test.serial(`${name}: ${title}`, async (t) => {
    const data = join(resolveDataFolder(), name);
    if (existsSync(data)) check(t, await openDataset({ data }));
    else t.pass(`skipped: no ${data} (set LLAMA4REC_DATA)`);
  });
}

/** HR and NDCG at 3, 5, 10 of ranking by training count, training items masked, ties by lower index. */
function popularity({ train, test: targets }: Split): string[] {
  const ranks = Array.from(targets.users, (user, row) => {
    const target = targets.items[row];
    const count = train.itemCounts[target];
    let rank = 1;
    train.itemCounts.forEach((other, item) => {
      const ahead = other > count || (other === count && item < target);
      if (ahead && !train.has(user, item)) rank++;
    });
    return rank;
  });
  const mean = (values: number[]) =>
    (values.reduce((sum, value) => sum + value, 0) / ranks.length).toFixed(4);
  return [3, 5, 10].flatMap((k) => [
    mean(ranks.map((rank) => (rank <= k ? 1 : 0))),
    mean(ranks.map((rank) => (rank <= k ? 1 / Math.log2(rank + 1) : 0))),
  ]);
}

withData("ml-100k", "counts, protocol and popularity are the published ones", (t, dataset) => {
  t.deepEqual(dataset.describe(), {
    name: "ml-100k",
    users: 943,
    items: 1682,
    interactions: 100_000,
    ordered: true,
  });
  t.is(dataset.titles[0], "Toy Story (1995)");
  const parts = split(dataset);
  t.is(parts.counts.users, 942);
  t.is(parts.counts.testRows, 927);
  t.is(parts.counts.skippedUnseenTestItems, 15);
  t.deepEqual(popularity(parts), ["0.0324", "0.0236", "0.0453", "0.0289", "0.0820", "0.0408"]);
});

withData("ml-1m", "counts, protocol and popularity are the published ones", (t, dataset) => {
  t.deepEqual(dataset.describe(), {
    name: "ml-1m",
    users: 6040,
    items: 3883,
    interactions: 1_000_209,
    ordered: true,
  });
  t.is(new Set(dataset.interactions.items).size, 3706);
  const parts = split(dataset);
  t.is(parts.counts.users, 6035);
  t.is(parts.counts.testRows, 6032);
  t.deepEqual(popularity(parts), ["0.0126", "0.0095", "0.0204", "0.0126", "0.0400", "0.0188"]);
});

withData("book-crossing", "the subset is the published one, every item with a title", (t, dataset) => {
  t.deepEqual(dataset.describe(), {
    name: "book-crossing",
    users: 6851,
    items: 9085,
    interactions: 115_219,
    ordered: false,
  });
  t.true(dataset.titles.every((title) => title !== "" && !title.startsWith("Item ")));
  const { users, items, ratings, timestamps } = dataset.interactions;
  t.is(timestamps, null);
  t.true(ratings.every((rating) => rating >= 1 && rating <= 10));
  for (const column of [users, items]) {
    const counts = new Map<number, number>();
    for (const index of column) counts.set(index, (counts.get(index) ?? 0) + 1);
    t.true(Math.min(...counts.values()) >= 5);
  }
});
