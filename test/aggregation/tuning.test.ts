import test from "ava";
import { alphaGrid } from "../../lib/aggregation/choice.js";
import { chooseAlpha, chooseUniformAlpha, type HeldOutUser } from "../../lib/aggregation/tuning.js";
import { positionUtilities } from "../../lib/aggregation/utility.js";
import { longTailCoefficient, longTailRange } from "../../lib/aggregation/weight.js";

const TEN = Array.from({ length: 10 }, (_, n) => n);
const COUNTS = Int32Array.of(1, 3, 7);
const RANGE = longTailRange(COUNTS);

/** A user with `count` interactions whose held-out item the backbone puts at `heldOut`; `orders` by mode. */
function user(count: number, heldOut: number, orders: Record<string, number[] | null>): HeldOutUser {
  const languageModel = Object.entries(orders).map(([mode, order]) => [
    mode,
    order && positionUtilities(order),
  ]);
  return {
    candidates: Int32Array.from(TEN, (n) => 50 + n),
    recommender: positionUtilities(TEN),
    languageModel: Object.fromEntries(languageModel),
    coefficient: longTailCoefficient(count),
    heldOut,
  };
}

/** The candidates with the one at `place` (from 1) moved to the front. */
const first = (place: number): number[] => [place - 1, ...TEN.filter((n) => n !== place - 1)];

test("the grid is the backbone alone and the paper's 25 pairs", (t) => {
  t.is(alphaGrid.length, 26);
  t.deepEqual(alphaGrid[0], { alpha1: 0, alpha2: 0 });
  t.deepEqual(alphaGrid[25], { alpha1: 0.9, alpha2: 0.9 });
  t.is(new Set(alphaGrid.map((pair) => JSON.stringify(pair))).size, 26);
});

test("a language model that is right for everyone gets weight, one that is wrong gets none", (t) => {
  const right = chooseAlpha(
    [1, 3, 7].map((count) => user(count, 4, { listwise: first(4) })),
    RANGE,
  );
  t.is(right.best.metrics["ndcg@3"], 1);
  t.is(right.best.mode, "listwise");
  const wrong = chooseAlpha(
    [1, 3, 7].map((count) => user(count, 1, { listwise: [...TEN].reverse() })),
    RANGE,
  );
  t.deepEqual([wrong.best.alpha1, wrong.best.alpha2, wrong.best.mode], [0, 0, null]);
});

test("right for the sparse user and wrong for the heavy one chooses a high scale and a low floor", (t) => {
  const { best } = chooseAlpha(
    [user(1, 6, { listwise: first(6) }), user(7, 1, { listwise: [...TEN].reverse() })],
    RANGE,
  );
  t.is(best.metrics["ndcg@5"], 1);
  t.true(best.alpha1 >= 0.9 && best.alpha2 <= 0.5, JSON.stringify(best));
});

test("of equal points the smallest weights win", (t) => {
  // From place 2 to 1 takes a weight above one half for everyone: .7 for the sparsest, whatever the floor.
  const { best } = chooseAlpha([user(1, 2, { listwise: [1, 0, ...TEN.slice(2)] })], RANGE);
  t.deepEqual([best.alpha1, best.alpha2], [0.7, 0.1]);
});

test("a tie in NDCG@5 goes to the higher NDCG@10", (t) => {
  const users = [user(1, 10, { near: [...TEN.slice(0, 8), 9, 8], far: [...TEN.slice(0, 6), 9, 6, 7, 8] })];
  const { best, points } = chooseAlpha(users, RANGE);
  t.is(best.metrics["ndcg@5"], 0);
  t.is(best.mode, "far");
  t.is(best.metrics["ndcg@10"], Math.max(...points.map((point) => point.metrics["ndcg@10"])));
});

test("the better of the modes wins, and the table holds the backbone once and every mode at every pair", (t) => {
  const users = [1, 3, 7].map((count) =>
    user(count, 5, { listwise: [...TEN].reverse(), pointwise: first(5) }),
  );
  const { best, points } = chooseAlpha(users, RANGE);
  t.is(best.mode, "pointwise");
  t.is(points.length, 1 + 25 * 2);
  t.is(points.filter((point) => point.mode === null).length, 1);
});

test("the denominator is all users, misses and unanswered ones as well", (t) => {
  const users = [
    user(1, 1, { listwise: TEN }),
    user(3, 0, { listwise: TEN }),
    user(7, 2, { listwise: null }),
    user(7, 0, {}),
  ];
  const { points } = chooseAlpha(users, RANGE);
  for (const point of points) {
    t.is(point.metrics["hr@3"], 2 / 4);
    t.is(point.metrics["hr@10"], 2 / 4);
  }
});

test("rows whose weights are all .1 or less equal the backbone's", (t) => {
  const users = [1, 3, 7].map((count) => user(count, 4, { listwise: [...TEN].reverse() }));
  const { points } = chooseAlpha(users, RANGE);
  const timid = points.filter((point) => point.alpha1 === 0.1);
  t.is(timid.length, 5);
  for (const point of timid) t.deepEqual(point.metrics, points[0].metrics);
});

test("without any language model the backbone alone is chosen", (t) => {
  const { best, points } = chooseAlpha([user(1, 1, {})], RANGE);
  t.is(points.length, 1);
  t.is(best.mode, null);
});

test("the alternative form gives everyone at least alpha2", (t) => {
  // The heavy user needs a weight above one half: max(alpha1 * 0, alpha2) has it at .7, alpha1 * alpha2 only at .9 * .7.
  const users = [user(7, 2, { listwise: [1, 0, ...TEN.slice(2)] })];
  t.deepEqual(pairOf(chooseAlpha(users, RANGE, { forms: ["alternative"] })), [0.1, 0.7]);
  t.deepEqual(pairOf(chooseAlpha(users, RANGE)), [0.7, 0.9]);
});

test("both forms are searched when asked: the backbone once, and each point says which form", (t) => {
  const users = [user(7, 2, { listwise: [1, 0, ...TEN.slice(2)] })];
  const { best, points } = chooseAlpha(users, RANGE, { forms: ["scaled", "alternative"] });
  t.deepEqual([best.alpha1, best.alpha2, best.form], [0.1, 0.7, "alternative"]);
  t.is(points.length, 1 + 25 * 2);
  t.is(points.filter(({ form }) => form === "alternative").length, 25);
});

test("one weight for all: the smallest that is best, from the backbone alone to the language model alone", (t) => {
  // From place 4 to 1 takes more than three quarters.
  const users = [1, 7].map((count) => user(count, 4, { listwise: [3, 0, 1, 2, ...TEN.slice(4)] }));
  const { best, points } = chooseUniformAlpha(users);
  t.deepEqual([best.alpha, best.mode, best.metrics["ndcg@5"]], [0.8, "listwise", 1]);
  t.is(points.length, 11);
  t.is(points[0].mode, null);
  const wrong = chooseUniformAlpha([user(1, 1, { listwise: [...TEN].reverse() })]);
  t.is(wrong.best.alpha, 0);
});

test("refuses no users and a held-out place that is none", (t) => {
  t.throws(() => chooseUniformAlpha([]), { message: /^users: / });
  t.throws(() => chooseAlpha([user(1, 1, {})], RANGE, { forms: [] }), { message: /^forms: / });
  t.throws(() => chooseAlpha([], RANGE), { code: "E_ARGUMENT", message: /^users: / });
  for (const place of [-1, 11, 1.5]) {
    t.throws(() => chooseAlpha([user(1, place, {})], RANGE), { message: /^users\[0\]\.heldOut: / });
  }
});

function pairOf({ best }: ReturnType<typeof chooseAlpha>): number[] {
  return [best.alpha1, best.alpha2];
}
