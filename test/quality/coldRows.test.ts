import test from "ava";
import { takeColdItems } from "../../benchmarks/quality/coldRows.js";
import { generateShop } from "../../lib/data/shop/index.js";
import { split } from "../../lib/data/split.js";
import { Llama4RecError } from "../../lib/native/errors.js";

const { train: view } = split(generateShop({ users: 120, items: 160, interactions: 2400 }), {
  protocol: "standard",
});
const cold = takeColdItems(view, { count: 30, seed: 1 });
const isCold = (item: number): boolean => cold.items.includes(item);

test("no training history holds a cold item; all else is as it was", (t) => {
  t.is(new Set(cold.items).size, 30);
  for (const item of cold.items) {
    t.is(cold.view.itemCounts[item], 0);
    t.true(view.itemCounts[item] > 0);
  }
  for (let user = 0; user < view.userCount; user++) {
    const [kept, ratings]: number[][] = [[], []];
    view.itemsOf(user).forEach((item, at) => {
      if (isCold(item)) return;
      kept.push(item);
      ratings.push(view.ratings[view.offsets[user] + at]);
    });
    t.deepEqual([...cold.view.itemsOf(user)], kept);
    const { offsets } = cold.view;
    t.deepEqual([...cold.view.ratings.subarray(offsets[user], offsets[user + 1])], ratings);
  }
  t.is(cold.view.titles, view.titles);
});

test("cold items are of middling popularity", (t) => {
  const known = [...view.itemCounts].filter((count) => count > 0).sort((a, b) => a - b);
  const [low, high] = [0.25, 0.75].map((share) => known[Math.floor(share * known.length)]);
  for (const item of cold.items) t.true(view.itemCounts[item] >= low && view.itemCounts[item] <= high);
});

test("a row: what the user had before the item taken out, and nine cold items that the user never had", (t) => {
  t.true(cold.rows.length > 100);
  for (const { user, target, candidates, items, ratings } of cold.rows) {
    const history = [...view.itemsOf(user)];
    const before = history.slice(0, history.indexOf(target));
    t.deepEqual(
      [...items],
      before.filter((item) => !isCold(item)),
    );
    t.is(ratings.length, items.length);
    t.true(items.length >= 3);
    t.is(candidates.length, 10);
    for (const item of candidates) t.true(isCold(item) && (item === target) === view.has(user, item));
  }
});

test("every interaction taken out is a row, once there is a history", (t) => {
  const all = cold.items.reduce((sum, item) => sum + view.itemCounts[item], 0);
  t.is(takeColdItems(view, { count: 30, seed: 1, leastHistory: 0 }).rows.length, all);
  t.true(cold.rows.length < all);
});

test("the seed chooses", (t) => {
  t.deepEqual(takeColdItems(view, { count: 30, seed: 1 }).rows, cold.rows);
  t.notDeepEqual(takeColdItems(view, { count: 30, seed: 2 }).items, cold.items);
});

test("refuses more items than there are, and too few for the negatives", (t) => {
  for (const count of [9, 100, 20.5])
    t.throws(() => takeColdItems(view, { count, seed: 1 }), {
      instanceOf: Llama4RecError,
      code: "E_ARGUMENT",
      message: /^count: expected an integer from 10 to/,
    });
});
