import test from "ava";
import { type HybridAnswers, hybridUtilities } from "../../lib/aggregation/hybrid.js";
import { rankUtilities } from "../../lib/aggregation/utility.js";

const near = (a: Float64Array | null, b: readonly number[]): boolean =>
  a !== null && a.length === b.length && b.every((value, n) => Math.abs(value - a[n]) < 1e-12);

test("pointwise: rating + .05 a place of the backbone, ten for the first of ten", (t) => {
  const ratings = [3, 3, 5, 4, 3, 3, 3, 3, 3, 2];
  const utilities = hybridUtilities(10, { pointwise: ratings });
  t.true(
    near(
      utilities,
      ratings.map((rating, index0) => rating + 0.05 * (10 - index0)),
    ),
  );
});

test("a rating that did not parse counts 3", (t) => {
  t.true(near(hybridUtilities(2, { pointwise: [null, 4] }), [3.1, 4.05]));
});

test("pairwise: .5 to the winner, .25 each where the two orders contradict each other", (t) => {
  const pairwise = [
    { first: 0, second: 3, winner: 3 },
    { first: 1, second: 2, winner: null },
  ];
  t.true(near(hybridUtilities(4, { pairwise }), [0, 0.25, 0.25, 0.5]));
});

test("listwise: .025 a place for the first five titles, none below and none for those not named", (t) => {
  t.true(near(hybridUtilities(7, { listwise: [6, 5, 4, 3, 2, 1] }), [0, 0, 0.025, 0.05, 0.075, 0.1, 0.125]));
});

test("the hybrid is the sum of what is there; nothing at all is no answer", (t) => {
  const answers: HybridAnswers = {
    pointwise: [4, 4],
    pairwise: [{ first: 0, second: 1, winner: 1 }],
    listwise: [1],
  };
  t.true(near(hybridUtilities(2, answers), [4.1, 4.05 + 0.5 + 0.125]));
  t.true(near(hybridUtilities(2, { ...answers, pairwise: null }), [4.1, 4.05 + 0.125]));
  t.is(hybridUtilities(2, {}), null);
  t.is(hybridUtilities(2, { pointwise: null, pairwise: null, listwise: null }), null);
});

test("constants are options, and ranks put the sum on the scale of places", (t) => {
  const utilities = hybridUtilities(3, { pointwise: [1, 1, 2], listwise: [2] }, { c1: 1, c3: 2, places: 1 });
  t.true(near(utilities, [4, 3, 5]));
  t.deepEqual([...rankUtilities(utilities ?? [])], [-2, -3, -1]);
});

test("refuses what is no answer of these candidates", (t) => {
  const refused = (answers: HybridAnswers, message: RegExp) =>
    t.throws(() => hybridUtilities(3, answers), { code: "E_ARGUMENT", message });
  refused({ pointwise: [1, 2] }, /^pointwise: /);
  refused({ pointwise: [1, 2, Number.NaN] }, /^pointwise\[2\]: /);
  refused({ pairwise: [{ first: 0, second: 3, winner: 0 }] }, /^pairwise\[0\]\.second: /);
  refused({ pairwise: [{ first: 0, second: 1, winner: 2 }] }, /^pairwise\[0\]\.winner: /);
  refused({ listwise: [0, 3] }, /^listwise\[1\]: /);
  refused({ listwise: [0, 1, 0] }, /^listwise\[2\]: /);
});
