import test from "ava";
import { Random } from "../../lib/data/random.js";
import { holm, pairedBootstrap, summarize } from "../../lib/evaluation/summary.js";
import type { RankingMetrics } from "../../lib/metrics/ranking.js";

function metrics(value: number): RankingMetrics {
  return { "hr@3": value, "ndcg@3": value / 2, "hr@5": value, "ndcg@5": 1, "hr@10": value, "ndcg@10": 0 };
}

test("mean and sample standard deviation over seeds, by hand", (t) => {
  const summary = summarize([metrics(0.25), metrics(0.5), metrics(0.75)]);
  t.is(summary.seeds, 3);
  t.is(summary.mean["hr@3"], 0.5);
  t.is(summary.mean["ndcg@3"], 0.25);
  t.is(summary.spread?.["hr@3"], 0.25);
  t.is(summary.spread?.["ndcg@3"], 0.125);
  t.is(summary.spread?.["ndcg@5"], 0);
});

test("errors of ratings are summarized alike", (t) => {
  const summary = summarize([
    { rmse: 1, mae: 0.5 },
    { rmse: 2, mae: 0.5 },
  ]);
  t.deepEqual(summary, { mean: { rmse: 1.5, mae: 0.5 }, spread: { rmse: Math.SQRT1_2, mae: 0 }, seeds: 2 });
});

test("one seed has no spread, none is refused", (t) => {
  t.deepEqual(summarize([metrics(0.5)]), { mean: metrics(0.5), spread: null, seeds: 1 });
  t.throws(() => summarize([]), { code: "E_ARGUMENT" });
});

test("the bootstrap interval of a mean is the normal one, about 1.96 standard errors each side", (t) => {
  const random = new Random(3);
  const differences = Float64Array.from({ length: 400 }, () => random.next() - 0.5);
  const { mean, low, high, p } = pairedBootstrap(differences, { seed: 1 });
  const error = Math.sqrt(1 / 12 / 400);
  t.is(mean, differences.reduce((sum, value) => sum + value) / 400);
  t.true(Math.abs(mean - low - 1.96 * error) < 0.1 * error);
  t.true(Math.abs(high - mean - 1.96 * error) < 0.1 * error);
  const zero = low <= 0 && high >= 0;
  t.is(p > 0.05, zero);
});

test("a difference that every user has is as sure as the resamples allow", (t) => {
  const gain = pairedBootstrap(new Float64Array(30).fill(0.25), { seed: 1, resamples: 999 });
  t.deepEqual(gain, { mean: 0.25, low: 0.25, high: 0.25, p: 2 / 1000 });
});

test("no difference is p = 1, and loss and gain mirror each other", (t) => {
  t.is(pairedBootstrap(new Float64Array(30), { seed: 1, resamples: 100 }).p, 1);
  const gain = Float64Array.from({ length: 50 }, (_, n) => (n % 3) - 0.9);
  const up = pairedBootstrap(gain, { seed: 1, resamples: 2000 });
  const down = pairedBootstrap(
    gain.map((value) => -value),
    { seed: 1, resamples: 2000 },
  );
  t.is(up.p, down.p);
  t.true(Math.abs(up.low + down.high) < 1e-12);
});

test("a seed repeats the bootstrap to the bit, another one draws anew", (t) => {
  const differences = Float64Array.from({ length: 40 }, (_, n) => (n % 5) - 1.8);
  const once = pairedBootstrap(differences, { seed: 9, resamples: 500 });
  t.deepEqual(pairedBootstrap(differences, { seed: 9, resamples: 500 }), once);
  t.notDeepEqual(pairedBootstrap(differences, { seed: 10, resamples: 500 }), once);
});

test("the bootstrap refuses no users, numbers that are not finite, and no resamples", (t) => {
  t.throws(() => pairedBootstrap(new Float64Array(0), { seed: 1 }), { code: "E_ARGUMENT" });
  t.throws(() => pairedBootstrap(Float64Array.of(0, Number.NaN), { seed: 1 }), {
    code: "E_ARGUMENT",
    message: "differences[1]: expected a finite number, got NaN",
  });
  t.throws(() => pairedBootstrap(Float64Array.of(1), { seed: 1, resamples: 0 }), { code: "E_ARGUMENT" });
});

test("Holm's correction, by hand", (t) => {
  t.deepEqual(holm([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06]); // 3 x .01, then 2 x .03, then max(.06, .04)
  t.deepEqual(holm([0.5, 0.75]), [1, 1]);
  t.deepEqual(holm([0.25]), [0.25]);
  t.deepEqual(holm([]), []);
  t.throws(() => holm([0.1, 1.1]), { code: "E_ARGUMENT", message: /^pValues\[1\]: / });
});
