/** The figures of the closed-form rankers and of MF on MovieLens, which prove reading, splitting, masking and metrics. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import {
  type Dataset,
  openDataset,
  resolveDataFolder,
  type Split,
  split,
  type TrainView,
} from "../../lib/data/index.js";
import { MetricAccumulator, type RankingMetrics } from "../../lib/metrics/ranking.js";
import { evaluateRanking, type Masking } from "../../lib/models/fullRanking.js";
import type { Ranker } from "../../lib/models/ranker.js";
import { ease } from "../../lib/models/reference/ease.js";
import { popularity } from "../../lib/models/reference/popularity.js";
import { findBackbone } from "../../lib/models/registry.js";
import { train } from "../../lib/training/train.js";

const opened = new Map<string, Promise<Dataset>>();

/** Runs a check where the data set is; elsewhere passes with a message that says what is missing. */
function withData(
  name: string,
  title: string,
  check: (t: ExecutionContext, dataset: Dataset) => Promise<void>,
): void {
  test.serial(`${name}: ${title}`, async (t) => {
    const data = join(resolveDataFolder(), name);
    if (!existsSync(data)) {
      t.pass(`skipped: no ${data} (set LLAMA4REC_DATA)`);
      return;
    }
    const dataset = opened.get(name) ?? openDataset({ data });
    opened.set(name, dataset);
    await check(t, await dataset);
  });
}

const order = ["hr@3", "ndcg@3", "hr@5", "ndcg@5", "hr@10", "ndcg@10"] as const;
const written = (metrics: RankingMetrics): string =>
  order.map((name) => metrics[name].toFixed(4).replace("0.", ".")).join(" ");

function figures(ranker: Ranker, parts: Split, masking: Masking = "seen"): string {
  const { metrics, users } = evaluateRanking(ranker, parts.train, parts.test, { masking });
  ranker.dispose();
  return `${users}: ${written(metrics)}`;
}

withData("ml-100k", "popularity, masked and not", async (t, dataset) => {
  const parts = split(dataset);
  t.is(figures(popularity(parts.train), parts), "927: .0324 .0236 .0453 .0289 .0820 .0408");
  t.is(figures(popularity(parts.train), parts, "none"), "927: .0194 .0133 .0248 .0155 .0539 .0251");
});

withData("ml-100k", "EASE, masked and not", async (t, dataset) => {
  const parts = split(dataset);
  const byLambda = async (lambda: number): Promise<Ranker> => ease(parts.train, { lambda });
  t.is(figures(await byLambda(100), parts), "927: .0647 .0497 .0949 .0620 .1370 .0755");
  t.is(figures(await byLambda(300), parts), "927: .0572 .0448 .0917 .0589 .1359 .0732");
  t.is(figures(await byLambda(100), parts, "none"), "927: .0259 .0189 .0313 .0211 .0561 .0290");
});

/** Reference rows "input weighted": `recency^age + .05`, age 0 for the last training item. */
const recencyWeighted = (view: TrainView, lambda: number, recency: number): Promise<Ranker> =>
  ease(view, { lambda, recency, recencyFloor: 0.05 });

withData("ml-100k", "EASE, newer input items weighing more", async (t, dataset) => {
  const parts = split(dataset);
  t.is(
    figures(await recencyWeighted(parts.train, 300, 0.8), parts),
    "927: .0734 .0547 .1165 .0721 .1704 .0895",
  );
  const all = split(dataset, { likeThreshold: null });
  t.regex(figures(await recencyWeighted(all.train, 500, 0.8), all), /\.1809 \.0913$/);
});

withData("ml-100k", "all interactions instead of likes", async (t, dataset) => {
  const parts = split(dataset, { likeThreshold: null });
  t.regex(figures(popularity(parts.train), parts), /\.0830 \.0439$/);
  t.regex(figures(await ease(parts.train, { lambda: 100 }), parts), /\.1362 \.0682$/);
});

withData("ml-1m", "popularity, equal counts by lower id", async (t, dataset) => {
  const parts = split(dataset);
  t.is(figures(popularity(parts.train), parts), "6032: .0126 .0095 .0204 .0126 .0400 .0188");
});

withData("ml-1m", "popularity, equal counts in the target's favour", async (t, dataset) => {
  const { train: view, test: last } = split(dataset);
  const metrics = new MetricAccumulator();
  last.users.forEach((user, row) => {
    const count = view.itemCounts[last.items[row]];
    const ahead = view.itemCounts.filter((other, item) => other > count && !view.has(user, item));
    metrics.add(ahead.length + 1);
  });
  t.is(written(metrics.result()), ".0126 .0095 .0207 .0128 .0405 .0190");
});

withData("ml-1m", "EASE, newer input items weighing more", async (t, dataset) => {
  const parts = split(dataset);
  t.is(
    figures(await recencyWeighted(parts.train, 500, 0.9), parts),
    "6032: .0542 .0401 .0836 .0522 .1351 .0688",
  );
});

withData("ml-1m", "EASE, masked", async (t, dataset) => {
  const parts = split(dataset);
  t.is(figures(await ease(parts.train, { lambda: 500 }), parts), "6032: .0328 .0245 .0499 .0315 .0879 .0437");
});

withData(
  "ml-100k",
  "MF over five seeds, epochs chosen on validation, is no worse than the paper's Base",
  async (t, dataset) => {
    const parts = split(dataset);
    const backbone = findBackbone("MF", "direct");
    const runs: RankingMetrics[] = [];
    for (const seed of [1, 2, 3, 4, 5]) {
      const { ranker } = await train({
        backbone,
        view: parts.train,
        seed,
        validate: (candidate) => evaluateRanking(candidate, parts.train, parts.validation).metrics["ndcg@10"],
      });
      runs.push(evaluateRanking(ranker, parts.train, parts.test).metrics);
      ranker.dispose();
    }
    const mean = (name: keyof RankingMetrics): number =>
      runs.reduce((sum, run) => sum + run[name] / runs.length, 0);
    t.log(order.map((name) => `${name} ${mean(name).toFixed(4)}`).join(", "));
    t.true(mean("hr@3") >= 0.0455, `HR@3 ${mean("hr@3")}`);
    t.true(mean("ndcg@5") >= 0.042, `NDCG@5 ${mean("ndcg@5")}`);
  },
);

withData(
  "ml-100k",
  "the sequential task has the direct rows of users with two training items",
  async (t, dataset) => {
    const direct = split(dataset);
    const parts = split(dataset, { leastHistory: 2 });
    t.is(parts.train.digest, direct.train.digest);
    const long = [...direct.test.users].filter((user) => direct.train.userCounts[user] >= 2);
    t.deepEqual([...parts.test.users], long);
    t.is(figures(popularity(parts.train), parts, "none"), "925: .0195 .0133 .0249 .0156 .0541 .0252");
  },
);

withData(
  "ml-100k",
  "SASRec, epoch chosen on validation, is better than the paper's Base and popularity, masked and not",
  async (t, dataset) => {
    const parts = split(dataset, { leastHistory: 2 });
    const { ranker } = await train({
      backbone: "SASRec",
      view: parts.train,
      hyperparameters: { epochs: 40 },
      seed: 1,
      validation: { heldOut: parts.validation, masking: "none" },
    });
    const open = evaluateRanking(ranker, parts.train, parts.test, { masking: "none" }).metrics;
    const masked = evaluateRanking(ranker, parts.train, parts.test).metrics;
    ranker.dispose();
    t.log(`nothing masked ${written(open)}; known items masked ${written(masked)}`);
    t.true(open["hr@5"] >= 0.0385 && open["ndcg@5"] >= 0.0205, "the paper's Base row, table 3");
    t.true(masked["hr@5"] >= 0.068 && masked["ndcg@5"] >= 0.043, "well above masked popularity");
  },
);
