import test from "ava";
import type { BackboneOutcome, SeedOutcome } from "../../lib/experiment/outcome.js";
import { segmentations } from "../../lib/experiment/segments.js";

/** One backbone, one seed: values of Base and of the whole method for users who have so many interactions. */
function planted(
  interactions: readonly number[],
  value: (user: number) => readonly [base: number, ours: number],
  primary: "ndcg@5" | "rmse" = "ndcg@5",
): BackboneOutcome {
  const users = Array.from(interactions.keys());
  const seed = (side: 0 | 1): SeedOutcome => {
    const values = users.map((user) => value(user)[side]);
    const mean = values.reduce((sum, one) => sum + one, 0) / values.length;
    return { seed: 1, metrics: { [primary]: primary === "rmse" ? Math.sqrt(mean) : mean }, users, values };
  };
  return {
    backbone: "MF",
    outcomes: [
      { row: "base", seeds: [seed(0)], mixing: null, changed: null },
      { row: "llama4rec", seeds: [seed(1)], mixing: null, changed: 0 },
    ],
    facts: [{ seed: 1, interactions, popularity: interactions.map(() => 3) }],
    curve: null,
    modes: [],
    helped: null,
  };
}

const bucketsBy = (all: readonly BackboneOutcome[], by: "activity" | "popularity") =>
  segmentations(all).find((one) => one.by === by)?.buckets ?? [];

test("terciles: every row in one bucket, from the fewest interactions to the most", (t) => {
  const sizes = [9, 1, 2, 7, 3, 8, 4, 5, 6];
  const buckets = bucketsBy([planted(sizes, (user) => [0, sizes[user] <= 3 ? 1 : 0])], "activity");
  t.deepEqual(
    buckets.map(({ label, rows }) => [label, rows]),
    [
      ["up to 3 interactions", 3],
      ["4 to 6 interactions", 3],
      ["7 to 9 interactions", 3],
    ],
  );
  t.deepEqual(
    buckets.map(({ base, ours, difference }) => [base, ours, difference.mean]),
    [
      [0, 1, 1],
      [0, 0, 0],
      [0, 0, 0],
    ],
  );
});

test("rows of equal size stay together, however many they are", (t) => {
  const sizes = [1, 1, 1, 1, 1, 1, 1, 2, 5];
  const buckets = bucketsBy([planted(sizes, () => [0, 0])], "activity");
  t.deepEqual(
    buckets.map(({ label, rows }) => [label, rows]),
    [
      ["up to 1 interactions", 7],
      ["2 to 5 interactions", 2],
    ],
  );
  t.deepEqual(
    bucketsBy([planted(sizes, () => [0, 0])], "popularity").map(({ rows }) => rows),
    [9],
  );
});

test("deciles from 3,000 users on, counted once over seeds and backbones", (t) => {
  const sizes = (count: number) => Array.from({ length: count }, (_, user) => user % 500);
  const many = bucketsBy([planted(sizes(3000), () => [0, 0])], "activity");
  t.is(many.length, 10);
  t.true(many.every(({ rows }) => rows === 300));
  const few = planted(sizes(1500), () => [0, 0]);
  const pooled = bucketsBy([few, few], "activity");
  t.is(pooled.length, 3);
  t.is(
    pooled.reduce((sum, { rows }) => sum + rows, 0),
    3000,
  );
});

test("RMSE: the difference of a bucket is that of the two figures beside it", (t) => {
  const sizes = [1, 1, 1, 5, 5, 5, 9, 9, 9];
  const buckets = bucketsBy(
    [planted(sizes, (user) => [sizes[user] ** 2, (sizes[user] - 0.5) ** 2], "rmse")],
    "activity",
  );
  t.deepEqual(
    buckets.map(({ base, ours }) => [base, ours]),
    [
      [1, 0.5],
      [5, 4.5],
      [9, 8.5],
    ],
  );
  for (const { difference } of buckets) t.true(Math.abs(difference.mean + 0.5) < 1e-12, `${difference.mean}`);
});

test("without both rows there is nothing to cut", (t) => {
  const one = planted([1, 2, 3], () => [0, 0]);
  t.deepEqual(segmentations([{ ...one, outcomes: one.outcomes.slice(1) }]), []);
});
