import test from "ava";
import { HeldOut } from "../../lib/data/heldOut.js";
import { Random } from "../../lib/data/random.js";
import { factorRanker } from "../../lib/models/factorRanker.js";
import { evaluateRanking, forEachTopList } from "../../lib/models/fullRanking.js";
import { popularity } from "../../lib/models/reference/popularity.js";
import { randomView, viewOf } from "../models/planted.js";

test("full ranking by hand: masked, unmasked, and out of the ten best", (t) => {
  // Counts: item 0 three times, item 1 twice, item 2 once, the others never.
  const view = viewOf(
    [
      [0, 1],
      [0, 1],
      [0, 2],
    ],
    14,
  );
  const heldOut = new HeldOut("test", Int32Array.of(0, 1, 2), Int32Array.of(2, 13, 1));
  using ranker = popularity(view);
  const masked = evaluateRanking(ranker, view, heldOut);
  t.deepEqual([...masked.ranks], [1, 0, 1]);
  t.is(masked.users, 3);
  t.is(masked.metrics["hr@3"], 2 / 3);
  t.is(masked.metrics["ndcg@10"], 2 / 3);
  const open = evaluateRanking(ranker, view, heldOut, { masking: "none" });
  t.deepEqual([...open.ranks], [3, 0, 2]);
  t.is(open.metrics["ndcg@5"], (1 / Math.log2(4) + 1 / Math.log2(3)) / 3);
});

test("blocks do not show: every row has the rank of a whole sort", (t) => {
  const [users, items, dimension] = [600, 40, 4];
  const view = randomView(users, items, 4);
  const random = new Random(9);
  const vectors = (rows: number): Float32Array =>
    Float32Array.from({ length: rows * dimension }, () => random.below(7) - 3);
  const factors = { dimension, users: vectors(users), items: vectors(items), itemBiases: null };
  using ranker = factorRanker({ kind: "factors", name: "MF", factors });
  const targets = Int32Array.from({ length: users }, (_, user) => {
    for (;;) {
      const item = random.below(items);
      if (!view.has(user, item)) return item;
    }
  });
  const heldOut = new HeldOut("test", Int32Array.from(targets.keys()), targets);
  const score = (user: number, item: number): number => {
    let sum = 0;
    for (let d = 0; d < dimension; d++)
      sum += factors.users[user * dimension + d] * factors.items[item * dimension + d];
    return sum;
  };
  const expected = Array.from(targets, (target, user) => {
    const ahead = Array.from({ length: items }, (_, item) => item).filter(
      (item) =>
        !view.has(user, item) &&
        (score(user, item) > score(user, target) ||
          (score(user, item) === score(user, target) && item < target)),
    ).length;
    return ahead < 10 ? ahead + 1 : 0;
  });
  t.deepEqual([...evaluateRanking(ranker, view, heldOut).ranks], expected);
  const rows: number[] = [];
  forEachTopList(ranker, view, heldOut, { k: 3 }, (row, list) => {
    rows.push(row);
    t.is(list.length, 3);
    t.is(list.indexOf(targets[row]) + 1, expected[row] > 3 ? 0 : expected[row]);
  });
  t.deepEqual(rows, [...targets.keys()]);
});

test("a catalogue smaller than the lists is ranked as far as it goes; no rows give zeros", (t) => {
  const view = viewOf([[0], [1]], 3);
  using ranker = popularity(view);
  const found = evaluateRanking(ranker, view, new HeldOut("test", Int32Array.of(0, 1), Int32Array.of(2, 2)));
  t.deepEqual([...found.ranks], [2, 2]);
  const none = evaluateRanking(ranker, view, new HeldOut("test", new Int32Array(0), new Int32Array(0)));
  t.is(none.users, 0);
  t.is(none.metrics["hr@10"], 0);
});
