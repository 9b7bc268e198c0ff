import test from "ava";
import { aggregate } from "../../lib/aggregation/aggregate.js";
import { pointwiseUtilities, positionUtilities, rankUtilities } from "../../lib/aggregation/utility.js";
import { Random } from "../../lib/data/random.js";

const TEN = Array.from({ length: 10 }, (_, n) => n);
const candidates = Int32Array.from(TEN, (n) => 100 - n);
const recommender = positionUtilities(TEN);

function shuffled(random: Random): number[] {
  return random.shuffle([...TEN]);
}

test("utilities fall by one a place", (t) => {
  t.deepEqual([...positionUtilities([0, 1, 2])], [-1, -2, -3]);
  t.deepEqual([...positionUtilities([2, 0, 1])], [-2, -3, -1]);
});

test("candidates that an order leaves out follow in the backbone's order", (t) => {
  t.deepEqual([...positionUtilities([3, 1], 5)], [-3, -2, -4, -1, -5]);
  t.deepEqual([...positionUtilities([], 2)], [-1, -2]);
});

test("an order names each candidate at most once and no other", (t) => {
  t.throws(() => positionUtilities([0, 0], 2), {
    message: /^order\[1\]: expected an index not named before/,
  });
  t.throws(() => positionUtilities([0, 2], 2), { message: /^order\[1\]: expected an index below 2/ });
  t.throws(() => positionUtilities([-1], 2), { code: "E_ARGUMENT" });
});

test("scores of any scale become places, ties in the backbone's order", (t) => {
  t.deepEqual([...rankUtilities([-40.5, -12, -40.5, -3])], [-3, -2, -4, -1]);
  t.throws(() => rankUtilities([1, Number.NaN]), { message: /^scores\[1\]: / });
});

test("pointwise ratings are utilities as they are, or by rank", (t) => {
  t.deepEqual([...pointwiseUtilities([3.5, 5, 4])], [3.5, 5, 4]);
  t.deepEqual([...pointwiseUtilities([3.5, 5, 4], "rank")], [-3, -1, -2]);
  t.throws(() => pointwiseUtilities([Number.POSITIVE_INFINITY]), { message: /^ratings\[0\]: / });
});

test("an aggregation by hand", (t) => {
  // final utilities at .5: (-1-3)/2 = -2, (-2-1)/2 = -1.5, (-3-2)/2 = -2.5
  const input = { candidates: Int32Array.of(40, 7, 12), recommender: positionUtilities([0, 1, 2]) };
  const languageModel = positionUtilities([1, 2, 0]);
  t.deepEqual([...aggregate({ ...input, languageModel, alpha: 0.5 })], [7, 40, 12]);
  // at .7: -2.4, -1.3, -2.3
  t.deepEqual([...aggregate({ ...input, languageModel, alpha: 0.7 })], [7, 12, 40]);
});

test("alpha 0 is the backbone's order, alpha 1 the language model's, all between a permutation", (t) => {
  const random = new Random(1);
  for (let n = 0; n < 50; n++) {
    const order = shuffled(random);
    const input = { candidates, recommender, languageModel: positionUtilities(order) };
    t.deepEqual(aggregate({ ...input, alpha: 0 }), candidates);
    t.deepEqual(
      [...aggregate({ ...input, alpha: 1 })],
      order.map((c) => candidates[c]),
    );
    const between = aggregate({ ...input, alpha: random.next() });
    t.deepEqual([...between].sort(), [...candidates].sort());
  }
});

test("two models that agree are not reordered by any alpha", (t) => {
  for (let alpha = 0; alpha <= 1; alpha += 0.01) {
    t.deepEqual(aggregate({ candidates, recommender, languageModel: recommender, alpha }), candidates);
  }
});

test("an alpha of .1 or less changes no order of ten", (t) => {
  const orders = [[...TEN].reverse(), ...Array.from({ length: 50 }, (_, n) => shuffled(new Random(n)))];
  for (const alpha of [0.01, 0.03, 0.05, 0.07, 0.09, 0.1]) {
    for (const order of orders) {
      const languageModel = positionUtilities(order);
      t.deepEqual(aggregate({ candidates, recommender, languageModel, alpha }), candidates);
    }
  }
});

test("utilities equal on paper keep the backbone's order, for every weight in hundredths", (t) => {
  for (let percent = 0; percent <= 100; percent++) {
    for (const a of TEN) {
      for (const b of TEN) {
        // Places of the language model at which candidate 0 (place 1) and `second` (place 1 + gap) tie.
        const gap = (percent * (a - b)) / (100 - percent);
        if (!Number.isInteger(gap) || gap < 1 || gap > 9) continue;
        const pair = {
          candidates: Int32Array.of(5, 6),
          recommender: Float64Array.of(-1, -1 - gap),
          languageModel: Float64Array.of(-1 - a, -1 - b),
        };
        t.deepEqual([...aggregate({ ...pair, alpha: percent / 100 })], [5, 6], `${percent} % ${a} ${b}`);
      }
    }
  }
});

test("no answer of the language model leaves a copy of the backbone's order", (t) => {
  const result = aggregate({ candidates, recommender, languageModel: null, alpha: 0.9 });
  t.deepEqual(result, candidates);
  t.not(result, candidates);
});

test("refuses utilities that are not finite, of another length, and an alpha out of range", (t) => {
  const input = { candidates: Int32Array.of(1, 2), recommender: Float64Array.of(-1, -2), alpha: 0.5 };
  const refused = (change: object, message: RegExp) =>
    t.throws(() => aggregate({ ...input, languageModel: Float64Array.of(-1, -2), ...change }), {
      code: "E_ARGUMENT",
      message,
    });
  refused(
    { languageModel: Float64Array.of(-1, Number.NaN) },
    /^languageModel\[1\]: expected a finite number/,
  );
  refused({ recommender: Float64Array.of(Number.NEGATIVE_INFINITY, 0) }, /^recommender\[0\]: /);
  refused({ languageModel: Float64Array.of(-1) }, /^languageModel: expected 2 utilities/);
  refused({ recommender: Float64Array.of(-1), languageModel: null }, /^recommender: expected 2 utilities/);
  refused({ alpha: 1.01 }, /^alpha: /);
  refused({ alpha: Number.NaN }, /^alpha: /);
});
