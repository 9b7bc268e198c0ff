import test from "ava";
import { generateShop } from "../../lib/data/shop/index.js";
import { holm } from "../../lib/evaluation/summary.js";
import {
  gainOf,
  gainOverBetter,
  meanOverRows,
  overSeeds,
  userDifferences,
} from "../../lib/experiment/compare.js";
import { checkConfig } from "../../lib/experiment/config.js";
import type { Outcome } from "../../lib/experiment/outcome.js";
import { paperFigures } from "../../lib/experiment/paper.js";
import { PAPER_GAIN } from "../../lib/experiment/report/figures.js";
import { summarize } from "../../lib/experiment/summarize.js";
import type { Figures, RowName } from "../../lib/experiment/summary.js";
import { listBackbones } from "../../lib/models/registry.js";

const mean = (values: Iterable<number>): number => {
  const all = [...values];
  return all.reduce((sum, value) => sum + value, 0) / all.length;
};

/** A row of one seed each for every list of values, of NDCG@5 or of squared errors. */
function outcome(row: RowName, primary: "ndcg@5" | "rmse", seeds: readonly (readonly number[])[]): Outcome {
  return {
    row,
    seeds: seeds.map((values, at) => ({
      seed: at + 1,
      metrics: { [primary]: primary === "rmse" ? Math.sqrt(mean(values)) : mean(values) },
      users: Array.from(values.keys()),
      values,
    })),
    mixing: null,
    changed: null,
  };
}

test("NDCG: the mean of the users' differences is the difference of the metrics", (t) => {
  const base = outcome("base", "ndcg@5", [
    [0, 1, 0.5],
    [0, 0, 1],
  ]);
  const ours = outcome("llama4rec", "ndcg@5", [
    [1, 1, 0],
    [0, 0.5, 1],
  ]);
  const differences = userDifferences(ours, base);
  t.deepEqual(
    [...differences],
    [
      [0, 0.5],
      [1, 0.25],
      [2, -0.25],
    ],
  );
  const gap = overSeeds(ours).metrics["ndcg@5"] - overSeeds(base).metrics["ndcg@5"];
  t.true(Math.abs(mean(differences.values()) - gap) < 1e-12);
});

test("RMSE: the same over two seeds, each on the scale of its own errors", (t) => {
  const base = outcome("base", "rmse", [
    [4, 1, 0],
    [9, 0.25, 2],
  ]);
  const ours = outcome("llama4rec", "rmse", [
    [1, 1, 0.25],
    [4, 0.25, 4],
  ]);
  const gap = overSeeds(ours).metrics.rmse - overSeeds(base).metrics.rmse;
  t.true(gap < -0.1);
  t.true(Math.abs(mean(userDifferences(ours, base).values()) - gap) < 1e-12);
  const same = outcome("ift", "rmse", [[0, 0, 0]]);
  t.deepEqual([...userDifferences(same, same).values()], [0, 0, 0]);
});

test("a user whom only some seeds have counts with those", (t) => {
  const rows = (row: RowName, first: readonly number[], second: readonly number[]): Outcome => ({
    ...outcome(row, "ndcg@5", []),
    seeds: [
      { seed: 1, metrics: { "ndcg@5": mean(first) }, users: [7, 9], values: first },
      { seed: 2, metrics: { "ndcg@5": mean(second) }, users: [9], values: second },
    ],
  });
  const differences = userDifferences(rows("ift", [1, 1], [0.5]), rows("base", [0, 1], [0]));
  t.deepEqual(
    [...differences],
    [
      [7, 1],
      [9, 0.25],
    ],
  );
  t.deepEqual(meanOverRows([differences, new Map([[9, 0.75]])]), [1, 0.5]);
});

test("mean and sample deviation over seeds", (t) => {
  const { metrics, spread } = overSeeds(outcome("base", "ndcg@5", [[0.1], [0.2], [0.6]]));
  t.true(Math.abs(metrics["ndcg@5"] - 0.3) < 1e-12);
  t.true(Math.abs((spread?.["ndcg@5"] ?? 0) - Math.sqrt(0.07)) < 1e-12);
  t.is(overSeeds(outcome("base", "ndcg@5", [[0.1]])).spread, null);
});

test("gains are relative, positive where better", (t) => {
  t.is(gainOf("ndcg@5", 0.75, 0.5), 50);
  t.is(gainOf("rmse", 0.75, 1), 25);
  t.is(gainOf("mae", 1.5, 1), -50);
  t.is(gainOf("hr@3", 0.1, 0), 0);
});

test("the gain is over the better of two rows, metric by metric", (t) => {
  const ours = { "hr@3": 0.3, "ndcg@3": 0.3, "hr@5": 0.3, "ndcg@5": 0.3, "hr@10": 9, "ndcg@10": 9 };
  const base = { "hr@3": 0.2, "ndcg@3": 0.2, "hr@5": 0.3, "ndcg@5": 0.1, "hr@10": 1, "ndcg@10": 1 };
  const ift = { "hr@3": 0.1, "ndcg@3": 0.25, "hr@5": 0.1, "ndcg@5": 0.4, "hr@10": 1, "ndcg@10": 1 };
  t.true(Math.abs(gainOverBetter(ours, base, ift) - (50 + 20 + 0 - 25) / 4) < 1e-9);
  t.true(Math.abs(gainOverBetter(ours, base, null) - (50 + 50 + 0 + 200) / 4) < 1e-9);
  const rated = gainOverBetter({ rmse: 0.9, mae: 0.6 }, { rmse: 1, mae: 1 }, { rmse: 2, mae: 0.8 });
  t.true(Math.abs(rated - (10 + 25) / 2) < 1e-9);
});

test("on the paper's own tables it is the paper's gain; of ratings that is over Base alone", (t) => {
  for (const task of ["direct", "sequential", "rating"] as const) {
    const gains = ["ml-100k", "ml-1m", "book-crossing"].flatMap((dataset) =>
      listBackbones(task).map(({ name }) => {
        const row = (which: RowName): Figures => paperFigures(dataset, name, which) ?? t.fail(name);
        return gainOverBetter(row("llama4rec"), row("base"), task === "rating" ? null : row("ift"));
      }),
    );
    // One cell of the paper, MF on Book-Crossing, is off by .44.
    t.true(Math.abs(mean(gains) - PAPER_GAIN[task]) < 0.02, `${task}: ${mean(gains)}`);
  }
});

test("p-values are corrected over the backbones of each row by itself", (t) => {
  const users = 60;
  const values = (better: number): number[] =>
    Array.from({ length: users }, (_, user) => (user % 7 === 0 ? 0.5 : 0) + (user % 5 === 0 ? better : 0));
  const rows = (gains: Readonly<Record<string, number>>): Outcome[] =>
    Object.entries(gains).map(([row, gain]) => outcome(row as RowName, "ndcg@5", [values(gain)]));
  const facts = [{ seed: 1, interactions: values(0), popularity: values(0) }];
  const none = { facts, curve: null, modes: [], helped: null };
  const summary = summarize({
    config: checkConfig({
      name: "planted",
      data: "shop",
      task: "direct",
      backbones: ["MF", "SGL"],
      seeds: 1,
      models: { augmented: "a.gguf", plain: "b.gguf" },
      rows: ["base", "llama4rec", "second-seed"],
    }),
    dataset: generateShop({ users: 60, items: 60, interactions: 600 }),
    masking: "seen",
    models: [],
    outcomes: [
      { backbone: "MF", outcomes: rows({ base: 0, llama4rec: 0.3, "second-seed": 0 }), ...none },
      { backbone: "SGL", outcomes: rows({ base: 0, llama4rec: 0.1, "second-seed": -0.1 }), ...none },
    ],
    cells: [],
    notes: [],
  });
  const of = (row: RowName) =>
    summary.rows.filter((one) => one.row === row).map(({ difference }) => difference);
  t.deepEqual(of("base"), [null, null]);
  for (const row of ["llama4rec", "second-seed"] as const) {
    const p = of(row).map((difference) => difference?.p ?? t.fail(row));
    t.deepEqual(
      of(row).map((difference) => difference?.holm),
      holm(p),
    );
  }
  const [first] = of("llama4rec");
  t.is(first?.holm, 2 * (first?.p ?? 0)); // two tests, not four
});
