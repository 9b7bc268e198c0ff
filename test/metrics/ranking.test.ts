import test from "ava";
import { hitRate, MetricAccumulator, mae, ndcg, ndcgPerUser, rmse } from "../../lib/metrics/ranking.js";

/** `1 / log2(rank + 1)`, to 15 digits. */
const DISCOUNT = { 1: 1, 2: 0.630929753571457, 3: 0.5, 4: 0.430676558073393, 7: 1 / 3 };

function accumulate(ranks: number[]): MetricAccumulator {
  const metrics = new MetricAccumulator();
  for (const rank of ranks) metrics.add(rank);
  return metrics;
}

test("a hit is a rank within the cut-off", (t) => {
  t.is(hitRate(1, 3), 1);
  t.is(hitRate(3, 3), 1);
  t.is(hitRate(4, 3), 0);
  t.is(hitRate(0, 3), 0);
});

test("NDCG of one relevant item is 1 / log2(rank + 1), 0 beyond the cut-off", (t) => {
  t.is(ndcg(1, 3), 1);
  t.true(Math.abs(ndcg(2, 3) - DISCOUNT[2]) < 1e-14);
  t.is(ndcg(3, 3), DISCOUNT[3]);
  t.is(ndcg(4, 3), 0);
  t.is(ndcg(0, 3), 0);
});

test("five users, by hand", (t) => {
  const metrics = accumulate([1, 4, 0, 7, 11]);
  const result = metrics.result();
  t.is(metrics.count, 5);
  t.deepEqual(Object.keys(result), ["hr@3", "ndcg@3", "hr@5", "ndcg@5", "hr@10", "ndcg@10"]);
  t.is(result["hr@3"], 1 / 5);
  t.is(result["hr@5"], 2 / 5);
  t.is(result["hr@10"], 3 / 5);
  t.is(result["ndcg@3"], 1 / 5);
  t.true(Math.abs(result["ndcg@5"] - (1 + DISCOUNT[4]) / 5) < 1e-14);
  t.true(Math.abs(result["ndcg@10"] - (1 + DISCOUNT[4] + DISCOUNT[7]) / 5) < 1e-14);
});

test("without users every metric is 0", (t) => {
  t.deepEqual(Object.values(new MetricAccumulator().result()), [0, 0, 0, 0, 0, 0]);
});

test("shards merge to the same bits in any order", (t) => {
  const ranks = Array.from({ length: 1000 }, (_, n) => (n * 7) % 13);
  const whole = accumulate(ranks);
  const shards = [ranks.slice(0, 100), ranks.slice(100, 101), ranks.slice(101)].map(accumulate);
  const merged = new MetricAccumulator();
  for (const shard of shards.reverse()) merged.merge(shard);
  t.is(merged.count, 1000);
  t.deepEqual(merged.result(), whole.result());
});

test("the mean of the users' NDCG is the NDCG", (t) => {
  const ranks = Int32Array.of(1, 4, 0, 7, 2);
  const perUser = ndcgPerUser(ranks, 5);
  t.deepEqual([...perUser], [1, ndcg(4, 5), 0, 0, ndcg(2, 5)]);
  const mean = perUser.reduce((sum, value) => sum + value) / 5;
  t.true(Math.abs(mean - accumulate([...ranks]).result()["ndcg@5"]) < 1e-14);
});

test("a rank is an integer from 0", (t) => {
  const metrics = new MetricAccumulator();
  for (const rank of [-1, 1.5, Number.NaN]) {
    t.throws(() => metrics.add(rank), { code: "E_ARGUMENT", message: /^rank: / });
    t.throws(() => ndcgPerUser([1, rank]), { code: "E_ARGUMENT", message: /^ranks\[1\]: / });
  }
  t.is(metrics.count, 0);
});

test("RMSE and MAE, by hand", (t) => {
  t.is(rmse([1, 2, 5], [1, 4, 1]), Math.sqrt(20 / 3));
  t.is(mae([1, 2, 5], [1, 4, 1]), 2);
});

test("RMSE and MAE want as many predictions as ratings, at least one", (t) => {
  t.throws(() => rmse([1], [1, 2]), {
    code: "E_ARGUMENT",
    message: 'predicted: expected 2 ratings, one for each actual, got "1"',
  });
  t.throws(() => mae([], []), { code: "E_ARGUMENT" });
});
