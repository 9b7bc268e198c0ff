/** One view for several tasks: whatever one of them holds out is in none of its rows. */
import test from "ava";
import { DatasetBuilder, type SplitOptions, split, tuningView } from "../../lib/data/index.js";
import { generateShop } from "../../lib/data/shop/index.js";
import { planted, titlesOf } from "../evaluation/canaries.js";

const shop = planted(generateShop({ users: 60, items: 80, interactions: 1200 }));
const likes: SplitOptions = { protocol: "paper" };
const everything: SplitOptions = { protocol: "standard" };

test("no held-out row of any task is in the view", (t) => {
  const view = tuningView(shop, [likes, everything]);
  let heldOut = 0;
  for (const options of [likes, everything])
    for (const { users, items } of [split(shop, options).validation, split(shop, options).test])
      users.forEach((user, row) => {
        heldOut++;
        t.false(view.has(user, items[row]));
      });
  t.true(heldOut > 150, `${heldOut} rows`);
  for (let user = 0; user < view.userCount; user++)
    t.false(titlesOf(view, user).some((title) => title.startsWith("Canary")));
});

test("the likes held out by one task would be training rows of the other", (t) => {
  const { train } = split(shop, everything);
  const { test: last } = split(shop, likes);
  t.true(last.users.some((user, row) => train.has(user, last.items[row])));
});

test("all that every task may see stays, in order: low ratings too", (t) => {
  const view = tuningView(shop, [likes, everything]);
  const [ofLikes, all] = [split(shop, likes).train, split(shop, everything).train];
  const threshold = shop.likeThreshold ?? 0;
  for (let user = 0; user < view.userCount; user++) {
    const kept = all.itemsOf(user).filter((item, place) => {
      const low = all.ratings[all.offsets[user] + place] < threshold;
      return low || ofLikes.has(user, item);
    });
    t.deepEqual(view.itemsOf(user), kept);
  }
  t.true(view.ratings.some((rating) => rating < threshold));
  t.deepEqual([view.userCount, view.itemCount], [all.userCount, all.itemCount]);
});

test("of one task it is that task's training view; the order of tasks does not matter", (t) => {
  for (const options of [likes, everything, {}])
    t.is(tuningView(shop, [options]).digest, split(shop, options).train.digest);
  t.is(tuningView(shop, [likes, everything]).digest, tuningView(shop, [everything, likes]).digest);
});

test("an item that is held out as a like is gone also as the low rating it had before", (t) => {
  const builder = new DatasetBuilder("changed mind", { likeThreshold: 4 });
  for (let item = 0; item < 9; item++) builder.addInteraction("all", item, 5, item);
  builder.addInteraction("one", 0, 2, 0);
  builder.addInteraction("one", 1, 2, 1);
  for (const [at, item] of [2, 3, 4].entries()) builder.addInteraction("one", item, 5, 2 + at);
  builder.addInteraction("one", 0, 5, 6);
  builder.addInteraction("one", 5, 1, 7);
  builder.addInteraction("one", 6, 1, 8);
  const dataset = builder.build();
  const one = dataset.users.indexOf("one");
  t.true(split(dataset, everything).train.has(one, 0));
  t.deepEqual(split(dataset, likes).test.items.slice(-1), Int32Array.of(0));
  t.deepEqual(tuningView(dataset, [likes, everything]).itemsOf(one), Int32Array.of(1, 2, 3));
});

test("likes of a user who has too few to be split are left out, low ratings stay", (t) => {
  const builder = new DatasetBuilder("few likes", { likeThreshold: 4 });
  for (let item = 0; item < 9; item++) builder.addInteraction("all", item, 5, item);
  for (const [at, rating] of [5, 1, 2, 4, 1, 1].entries()) builder.addInteraction("few", at, rating, at);
  const dataset = builder.build();
  const few = dataset.users.indexOf("few");
  t.deepEqual(tuningView(dataset, [likes, everything]).itemsOf(few), Int32Array.of(1, 2));
});

test("data without time is cut by each task's own shuffle", (t) => {
  const builder = new DatasetBuilder("no time");
  for (let user = 0; user < 20; user++)
    for (let item = 0; item < 10; item++) builder.addInteraction(user, item);
  const dataset = builder.build();
  const splits = [1, 2].map((seed): SplitOptions => ({ seed }));
  const view = tuningView(dataset, splits);
  for (const options of splits) {
    const { validation, test: last } = split(dataset, options);
    for (const { users, items } of [validation, last])
      t.false(users.some((user, row) => view.has(user, items[row])));
  }
  t.true(view.interactionCount >= 20 * 6);
});

test("no split, or a bad one, is refused", (t) => {
  t.throws(() => tuningView(shop, []), { code: "E_ARGUMENT", message: /^splits: expected at least one/ });
  t.throws(() => tuningView(shop, [{ likeThreshold: Number.NaN }]), { code: "E_ARGUMENT" });
});
