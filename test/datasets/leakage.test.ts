import test from "ava";
import { DatasetBuilder, split, TrainView } from "../../lib/data/index.js";

/** Ratings that only held-out rows have: wherever one turns up, a held-out row has leaked. */
const VALIDATION_RATING = 77;
const TEST_RATING = 99;
const USERS = 30;
const PLANTED_USERS = 5;

/**
 * Every user has eight of ten items in training. The first users have canaries, items of their own that nobody else has,
 * as validation and test row, with indices too high to be a count of anything; the others have the two items they lack.
 */
function plantedDataset() {
  const builder = new DatasetBuilder("canary");
  for (let item = 0; item < 1000; item++) builder.addItem(item);
  for (let user = 0; user < USERS; user++) {
    for (let age = 2; age < 10; age++) builder.addInteraction(user, (user + age) % 10, 1, age);
    const planted = user < PLANTED_USERS;
    builder.addInteraction(user, planted ? 1000 + user : user % 10, VALIDATION_RATING, 50);
    builder.addInteraction(user, planted ? 2000 + user : (user + 1) % 10, TEST_RATING, 60);
  }
  return builder.build();
}

/** Adds every number reachable from a value, typed arrays with the whole buffers behind them, getters included. */
function collect(value: unknown, numbers: Set<number>, seen = new Set<unknown>()): void {
  if (typeof value === "number") numbers.add(value);
  if (value === null || typeof value !== "object" || seen.has(value)) return;
  seen.add(value);
  if (value instanceof Int32Array) for (const number of new Int32Array(value.buffer)) numbers.add(number);
  else if (value instanceof Float32Array)
    for (const number of new Float32Array(value.buffer)) numbers.add(number);
  else {
    const getters = value instanceof TrainView ? Reflect.ownKeys(TrainView.prototype) : [];
    for (const name of [...Reflect.ownKeys(value), ...getters])
      collect(Reflect.get(value, name), numbers, seen);
  }
}

test("no held-out row can be reached from a training view", (t) => {
  const dataset = plantedDataset();
  const { train, validation, test: last } = split(dataset, { protocol: "standard" });
  const perUser = Array.from({ length: USERS }, (_, user) => train.itemsOf(user));
  const numbers = new Set<number>();
  collect([train, train.sortedItems(), perUser, structuredClone(train)], numbers);
  t.true(numbers.has(dataset.items.indexOf(9)), "the walk sees training items");
  t.false(numbers.has(VALIDATION_RATING));
  t.false(numbers.has(TEST_RATING));

  for (let planted = 0; planted < PLANTED_USERS; planted++)
    for (const item of [1000 + planted, 2000 + planted].map((id) => dataset.items.indexOf(id))) {
      t.false(numbers.has(item));
      t.is(train.itemCounts[item], 0);
      for (let user = 0; user < USERS; user++) t.false(train.has(user, item));
    }

  for (const { users, items } of [validation, last]) {
    t.is(users.length, USERS - PLANTED_USERS, "items that nobody has in training are skipped");
    users.forEach((user, row) => {
      t.false(train.has(user, items[row]));
      t.false(perUser[user].includes(items[row]));
      t.is(perUser[user].length, 8);
    });
  }
});

test("a training view is the same whatever the held-out rows hold", (t) => {
  const build = (swap: boolean) => {
    const builder = new DatasetBuilder("swap");
    for (let user = 0; user < 10; user++) {
      for (let item = 0; item < 6; item++) builder.addInteraction(user, item, 1, item);
      builder.addInteraction(user, swap ? 7 : 6, 1, 10);
      builder.addInteraction(user, swap ? 6 : 7, 1, 11);
    }
    return split(builder.build());
  };
  t.is(build(false).train.digest, build(true).train.digest);
});
