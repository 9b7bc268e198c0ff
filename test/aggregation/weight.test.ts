import test from "ava";
import { alphaGrid } from "../../lib/aggregation/choice.js";
import {
  adaptiveWeight,
  adaptiveWeights,
  longTailCoefficient,
  longTailRange,
} from "../../lib/aggregation/weight.js";
import { Random } from "../../lib/data/random.js";

const close = (a: number, b: number) => Math.abs(a - b) < 1e-14;

/** Users with 1, 3, 7 interactions: l = log 2, log 4, log 8, so x = 1, 1/2, 0. */
const COUNTS = Int32Array.of(1, 3, 7);

test("the long-tail coefficient is log(N + 1)", (t) => {
  t.is(longTailCoefficient(0), 0);
  t.true(close(longTailCoefficient(7), 2.0794415416798357));
  for (const count of [-1, 0.5, Number.NaN]) {
    t.throws(() => longTailCoefficient(count), { code: "E_ARGUMENT", message: /^interactions: / });
  }
});

test("weights by hand: alpha1 * max(x, alpha2)", (t) => {
  const [sparse, middle, heavy] = adaptiveWeights(COUNTS, { alpha1: 0.5, alpha2: 0.3 });
  t.is(sparse, 0.5);
  t.true(close(middle, 0.25));
  t.is(heavy, 0.15);
});

test("weights by hand, alternative form: max(alpha1 * x, alpha2)", (t) => {
  const [sparse, middle, heavy] = adaptiveWeights(COUNTS, { alpha1: 0.5, alpha2: 0.3, form: "alternative" });
  t.is(sparse, 0.5);
  t.is(middle, 0.3);
  t.is(heavy, 0.3);
});

test("at every grid point weights lie in [alpha1 * alpha2, alpha1], the sparsest user gets alpha1, and more interactions never weigh more", (t) => {
  const random = new Random(1);
  const counts = Int32Array.from({ length: 200 }, () => 1 + random.below(500)).sort();
  for (const { alpha1, alpha2 } of alphaGrid) {
    const weights = adaptiveWeights(counts, { alpha1, alpha2 });
    t.is(weights[0], alpha1);
    t.is(weights[199], alpha1 * alpha2);
    for (let n = 1; n < 200; n++) t.true(weights[n] <= weights[n - 1]);
  }
});

test("where all users are alike, all get the floor", (t) => {
  const same = Int32Array.of(4, 4, 4);
  t.deepEqual([...adaptiveWeights(same, { alpha1: 0.5, alpha2: 0.5 })], [0.25, 0.25, 0.25]);
  t.deepEqual([...adaptiveWeights(same, { alpha1: 0.5, alpha2: 0.5, form: "alternative" })], [0.5, 0.5, 0.5]);
});

test("a user outside the training range is treated as the nearest one inside", (t) => {
  const range = longTailRange(COUNTS);
  const options = { alpha1: 0.7, alpha2: 0.1 };
  t.is(adaptiveWeight(longTailCoefficient(0), range, options), 0.7);
  t.is(adaptiveWeight(longTailCoefficient(1000), range, options), 0.7 * 0.1);
});

test("refuses weights out of range and no users", (t) => {
  t.throws(() => adaptiveWeights(COUNTS, { alpha1: 1.1, alpha2: 0 }), { message: /^alpha1: / });
  t.throws(() => adaptiveWeights(COUNTS, { alpha1: Number.NaN, alpha2: 0 }), { message: /^alpha1: / });
  t.throws(() => adaptiveWeights(COUNTS, { alpha1: 0.5, alpha2: 1 }), { message: /^alpha2: / });
  t.throws(() => adaptiveWeights(new Int32Array(0), { alpha1: 0.5, alpha2: 0 }), { message: /^counts: / });
  t.throws(() => adaptiveWeights(Int32Array.of(1, -1), { alpha1: 0.5, alpha2: 0 }), { code: "E_ARGUMENT" });
  t.throws(() => adaptiveWeight(Number.NaN, longTailRange(COUNTS), { alpha1: 0.5, alpha2: 0 }), {
    message: /^coefficient: /,
  });
});
