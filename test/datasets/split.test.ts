import test from "ava";
import { DatasetBuilder, type ExternalId, split, TrainView, wholeView } from "../../lib/data/index.js";
import { generateShop } from "../../lib/data/shop/index.js";

type InteractionRow = [user: ExternalId, item: ExternalId, rating?: number, timestamp?: number];

function datasetOf(rows: InteractionRow[], likeThreshold: number | null = null) {
  const builder = new DatasetBuilder("test", { likeThreshold });
  for (const row of rows) builder.addInteraction(...row);
  return builder.build();
}

/** User 0 has items 0..count-1 in that order, so that every item is known in training. */
const everything = (count: number): InteractionRow[] =>
  Array.from({ length: count + 2 }, (_, item): InteractionRow => [0, item, 5, item]);

test("the last item is the test row, the one before it the validation row", (t) => {
  const {
    train,
    validation,
    test: last,
    counts,
  } = split(datasetOf([...everything(10), [1, 3, 5, 40], [1, 1, 5, 10], [1, 7, 5, 30], [1, 2, 5, 20]]));
  t.deepEqual(train.itemsOf(1), Int32Array.of(1, 2));
  t.deepEqual(validation.users, Int32Array.of(1));
  t.deepEqual(validation.items, Int32Array.of(7));
  t.deepEqual(last.users, Int32Array.of(1));
  t.deepEqual(last.items, Int32Array.of(3));
  t.is(counts.testRows, 1);
  t.is(counts.skippedUnseenTestItems, 1);
  t.is(counts.skippedUnseenValidationItems, 1);
});

test("equal timestamps keep the order of the file", (t) => {
  const {
    train,
    validation,
    test: last,
  } = split(datasetOf([...everything(10), [1, 9, 5, 7], [1, 4, 5, 7], [1, 6, 5, 7], [1, 2, 5, 7]]));
  t.deepEqual(train.itemsOf(1), Int32Array.of(9, 4));
  t.deepEqual([validation.items[0], last.items[0]], [6, 2]);
});

test("paper sees likes only, standard sees everything unless told", (t) => {
  const rows: InteractionRow[] = [...everything(10), [1, 1, 4, 1], [1, 2, 3, 2], [1, 3, 5, 3], [1, 4, 4, 4]];
  const dataset = datasetOf(rows, 4);
  t.deepEqual(split(dataset).train.itemsOf(1), Int32Array.of(1));
  t.is(split(dataset).counts.skippedRatings, 1);
  t.deepEqual(split(dataset, { protocol: "standard" }).train.itemsOf(1), Int32Array.of(1, 2));
  t.deepEqual(split(dataset, { protocol: "standard", likesOnly: true }).train.itemsOf(1), Int32Array.of(1));
  t.deepEqual(split(dataset, { likeThreshold: 3 }).train.itemsOf(1), Int32Array.of(1, 2));
  t.deepEqual(split(dataset, { likeThreshold: null }).train.itemsOf(1), Int32Array.of(1, 2));
  t.is(split(dataset, { likeThreshold: 5 }).counts.skippedShortUsers, 1);
});

test("users with one or two items are left out, rows and all", (t) => {
  const dataset = datasetOf([...everything(5), ["one", 1, 5, 1], ["two", 2, 5, 1], ["two", 3, 5, 2]]);
  const { train, counts } = split(dataset);
  t.deepEqual([...train.userCounts], [5, 0, 0]);
  t.is(counts.users, 1);
  t.is(counts.skippedShortUsers, 2);
  t.throws(() => split(datasetOf([["one", 1]])), { code: "E_ARGUMENT", message: /at least 3.*none in test/ });
});

test("an item a user has more than once counts at its earliest", (t) => {
  const {
    train,
    validation,
    test: last,
    counts,
  } = split(
    datasetOf([
      ...everything(10),
      [1, 1, 5, 1],
      [1, 2, 5, 2],
      [1, 3, 4, 3],
      [1, 1, 2, 9],
      [1, 4, 5, 4],
      [1, 2, 5, 9],
    ]),
  );
  t.deepEqual(train.itemsOf(1), Int32Array.of(1, 2));
  t.deepEqual([validation.items[0], last.items[0]], [3, 4]);
  t.is(counts.skippedRepeats, 2);
});

test("without timestamps the order is a shuffle by the seed", (t) => {
  const rows: InteractionRow[] = [];
  for (let user = 0; user < 20; user++)
    for (let item = 0; item < 8; item++) rows.push([`u${user}`, `i${item}`]);
  const dataset = datasetOf(rows);
  const digest = (seed?: number) => split(dataset, { seed }).digest;
  t.is(digest(), digest(0));
  t.is(digest(5), digest(5));
  t.not(digest(5), digest(6));
  const lasts = split(dataset, { seed: 5 }).test.items;
  t.true(new Set(lasts).size > 3, "users are shuffled apart");
});

test("a timestamped split does not depend on the seed, its digest does on the protocol", (t) => {
  const dataset = datasetOf(everything(6));
  t.is(split(dataset, { seed: 1 }).digest, split(dataset, { seed: 2 }).digest);
  t.not(split(dataset).digest, split(dataset, { protocol: "standard" }).digest);
});

test("the digest is over all that is learnt from and measured on, held-out ratings among it", (t) => {
  const rows: InteractionRow[] = [...everything(6), [1, 1, 5, 1], [1, 2, 5, 2], [1, 3, 5, 3]];
  const digest = (row: number, rating: number): string => {
    const changed = rows.map((one, index): InteractionRow => {
      const [user, item, given, time] = one;
      return [user, item, index === row ? rating : given, time];
    });
    return split(datasetOf(changed), { protocol: "standard" }).digest;
  };
  for (const row of [rows.length - 3, rows.length - 2, rows.length - 1]) {
    t.is(digest(row, 5), digest(0, 5));
    t.not(digest(row, 4), digest(0, 5), `row ${row}`);
  }
});

test("bad options are named", (t) => {
  const dataset = datasetOf(everything(6));
  const bad = { protocol: "random" };
  // @ts-expect-error: what a caller without types may pass
  t.throws(() => split(dataset, bad), { code: "E_ARGUMENT", message: /^protocol: .*"random"/ });
  t.throws(() => split(dataset, { likeThreshold: Number.NaN }), { code: "E_ARGUMENT", message: /NaN/ });
});

test("a training view answers by user, by item and by pair", (t) => {
  const { train } = split(
    datasetOf([...everything(6), [1, 5, 3, 1], [1, 0, 4, 2], [1, 1, 5, 3], [1, 2, 5, 4]]),
  );
  t.is(train.userCount, 2);
  t.is(train.itemCount, 8);
  t.is(train.interactionCount, 8);
  t.deepEqual(train.offsets, Int32Array.of(0, 6, 8));
  t.deepEqual(train.itemsOf(1), Int32Array.of(5, 0));
  t.deepEqual(train.ratings.subarray(6), Float32Array.of(3, 4));
  t.deepEqual(train.sortedItems().items.subarray(6), Int32Array.of(0, 5));
  t.deepEqual(train.itemCounts, Int32Array.of(2, 1, 1, 1, 1, 2, 0, 0));
  t.deepEqual(train.userCounts, Int32Array.of(6, 2));
  const pairs = [0, 1].map((user) => Array.from({ length: 8 }, (_, item) => train.has(user, item)));
  const [y, n] = [true, false];
  t.deepEqual(pairs, [
    [y, y, y, y, y, y, n, n],
    [y, n, n, n, n, y, n, n],
  ]);
});

test("a structured clone of a training view makes an equal one", (t) => {
  const { train } = split(datasetOf(everything(6)));
  const clone = new TrainView(structuredClone(train));
  t.is(clone.digest, train.digest);
  t.deepEqual(clone.titles, train.titles);
});

test("a training view checks its columns", (t) => {
  const { train } = split(datasetOf(everything(6)));
  const refuses = (change: object, message: RegExp) =>
    t.throws(() => new TrainView({ ...train, ...change }), { code: "E_ARGUMENT", message });
  refuses({ offsets: Int32Array.of(0) }, /^offsets/);
  refuses({ items: new Int32Array(1) }, /^items/);
  refuses({ ratings: new Float32Array(1) }, /^ratings/);
  const [last, rows] = [train.userCount, train.items.length];
  const items = (place: number, item: number) => ({ items: train.items.with(place, item) });
  refuses(items(2, -1), /^items\[2\]: expected an index in 0\.\.\d+, got -1/);
  refuses(items(3, train.itemCount), /^items\[3\]: expected an index in 0\.\.\d+, got \d+/);
  refuses(items(1, train.items[0]), /^items\[1\]: expected each item of user 0 once, got "\d+ again"/);
  refuses({ offsets: train.offsets.with(0, 1) }, /^offsets\[0\]: expected 0, got 1/);
  refuses({ offsets: Int32Array.of(0, rows + 1, rows), userCount: 2 }, /^offsets\[1\]: expected 0\.\./);
  refuses({ offsets: Int32Array.of(0, rows, 1, rows), userCount: 3 }, /^offsets\[2\]: expected \d+\.\./);
  t.notThrows(
    () => new TrainView({ ...train, userCount: last + 1, offsets: Int32Array.of(...train.offsets, rows) }),
  );
});

test("held-out rows of users with too short a history are skipped, their training rows stay", (t) => {
  const rows: InteractionRow[] = [...everything(10), [1, 1, 5, 1], [1, 2, 5, 2], [1, 3, 5, 3]];
  const dataset = datasetOf([...rows, [2, 4, 5, 1], [2, 5, 5, 2], [2, 6, 5, 3], [2, 7, 5, 4]]);
  const all = split(dataset);
  const long = split(dataset, { leastHistory: 2 });
  t.deepEqual([...all.validation.users], [1, 2]);
  t.deepEqual([...long.validation.users], [2]);
  t.deepEqual([...long.test.users], [2]);
  t.deepEqual(long.train.itemsOf(1), all.train.itemsOf(1));
  t.is(all.counts.skippedShortHistories, 0);
  t.is(long.counts.skippedShortHistories, 1);
  t.not(long.digest, all.digest);
  for (const leastHistory of [0, 1.5, Number.NaN])
    t.throws(() => split(dataset, { leastHistory }), { code: "E_ARGUMENT", message: /leastHistory/ });
});

test("by one clock for all, training ends where eight tenths of the interactions are over", (t) => {
  // User 0 fills the clock.
  const rows: InteractionRow[] = Array.from({ length: 16 }, (_, item): InteractionRow => [0, item, 5, item]);
  rows.push([1, 3, 5, 2.5], [1, 4, 5, 17], [1, 5, 5, 17.5], [1, 6, 5, 19]); // the cuts are at 15 and 17.5
  const dataset = datasetOf(rows);
  const { train, validation, test: last, counts } = split(dataset, { holdOut: "global-time" });
  t.deepEqual([...train.itemsOf(1)], [3]);
  t.deepEqual([[...validation.users], [...validation.items]], [[1], [4]]);
  t.deepEqual([[...last.users], [...last.items]], [[1], [5]]);
  t.is(counts.skippedShortUsers, 0);
  t.not(split(dataset).digest, split(dataset, { holdOut: "global-time" }).digest);
});

test("by the clock, nothing in training is later than any held-out row, and strangers take no part", (t) => {
  const shop = generateShop({ users: 150, items: 60, interactions: 2000 });
  const { users, items, timestamps } = shop.interactions;
  const at = new Map(Array.from(users, (user, row) => [`${user} ${items[row]}`, timestamps?.[row] ?? 0]));
  const time = (user: number, item: number): number => at.get(`${user} ${item}`) ?? Number.NaN;
  const { train, validation, test: last } = split(shop, { holdOut: "global-time" });
  let latest = -Infinity;
  for (let user = 0; user < train.userCount; user++)
    for (const item of train.itemsOf(user)) latest = Math.max(latest, time(user, item));
  t.true(validation.users.length > 0 && last.users.length > 0);
  const earliest = (users: Int32Array, items: Int32Array): number =>
    Math.min(...Array.from(users, (user, row) => time(user, items[row])));
  t.true(latest < earliest(validation.users, validation.items));
  t.true(latest < earliest(last.users, last.items));
  for (const user of [...validation.users, ...last.users]) t.true(train.userCounts[user] > 0);
});

test("a clock needs timestamps", (t) => {
  const builder = new DatasetBuilder("untimed", { likeThreshold: null });
  for (let item = 0; item < 5; item++) builder.addInteraction(1, item, 5);
  t.throws(() => split(builder.build(), { holdOut: "global-time" }), {
    code: "E_ARGUMENT",
    message: /timestamps/,
  });
});

test("the whole view holds every eligible row in time order, nothing held out", (t) => {
  const shop = generateShop();
  const options = { protocol: "standard" } as const;
  const whole = wholeView(shop, options);
  const { validation, test: last } = split(shop, options);
  for (const part of [validation, last])
    for (const [row, user] of part.users.entries()) t.true(whole.has(user, part.items[row]));
  for (const [row, user] of last.users.entries()) t.is(whole.itemsOf(user).at(-1), last.items[row]);
  const liked = wholeView(
    datasetOf([...everything(3), [1, 2, 5, 9], [1, 0, 2, 8], [1, 1, 4, 7], [1, 2, 5, 6]], 4),
  );
  t.deepEqual(liked.itemsOf(1), Int32Array.of(2, 1), "likes alone, an item at its earliest");
  t.throws(() => wholeView(datasetOf([[0, 1, 1, 1]], 4)), { code: "E_ARGUMENT", message: /^dataset: / });
});
