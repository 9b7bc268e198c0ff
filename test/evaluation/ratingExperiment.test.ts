/** The rating task end to end on the generated shop: rivals on the same rows, choices on validation, the same report twice. */
import test from "ava";
import { DatasetBuilder } from "../../lib/data/builder.js";
import { HeldOut } from "../../lib/data/heldOut.js";
import { generateShop } from "../../lib/data/shop/index.js";
import { split } from "../../lib/data/split.js";
import { runRatingExperiment } from "../../lib/evaluation/ratingExperiment.js";
import { chooseRatingRivals, ratingRivals } from "../../lib/evaluation/ratingRivals.js";
import { evaluateRatings } from "../../lib/models/ratings.js";
import { findBackbone } from "../../lib/models/registry.js";

const dataset = generateShop({ users: 120, items: 60, interactions: 1700 });
const options = {
  dataset,
  backbone: findBackbone("DeepFM", "rating"),
  hyperparameters: { epochs: 4, dimension: 4, hidden1: 8, hidden2: 0, batchSize: 128 },
} as const;

test("the report has backbone and rivals on the same rows, and what validation chose", async (t) => {
  const report = await runRatingExperiment({ ...options, seeds: [1, 2] });
  const parts = split(dataset, { protocol: "paper", likeThreshold: null });
  t.is(report.users, parts.test.users.length);
  t.is(report.dataset.train, parts.train.interactionCount);
  const choice = chooseRatingRivals(parts.train, parts.validation);
  t.like(report.chosen, choice);
  const rivals = ratingRivals(parts.train, choice);
  for (const key of ["itemMean", "biases", "factors"] as const) {
    const { rmse, mae } = evaluateRatings(rivals[key], parts.test);
    t.deepEqual(report[key], { rmse, mae }, key);
  }
  t.true(report.base.rmse > 0 && report.base.mae > 0 && report.base.mae <= report.base.rmse);
  t.true(report.spread !== null && report.spread.rmse > 0);
  t.is(report.chosen.epochs.length, 2);
});

test("the same input gives the same report, apart from timings", async (t) => {
  const { timings: _, ...one } = await runRatingExperiment(options);
  const { timings: __, ...two } = await runRatingExperiment({ ...options, threads: 1 });
  t.deepEqual(one, two);
});

test("under the protocol standard the model is fitted again on what the test may know", async (t) => {
  const { timings: _, ...paper } = await runRatingExperiment(options);
  const { timings: __, ...standard } = await runRatingExperiment({ ...options, protocol: "standard" });
  t.deepEqual(standard.chosen, paper.chosen);
  t.notDeepEqual(standard.base, paper.base);
  t.notDeepEqual(standard.biases, paper.biases);
});

test("data without ratings, without seeds or too small is refused by name", async (t) => {
  const alike = new DatasetBuilder("alike");
  for (let user = 0; user < 6; user++)
    for (let item = 0; item < 5; item++) alike.addInteraction(user, (user + item) % 6, 1, item);
  await t.throwsAsync(runRatingExperiment({ ...options, dataset: alike.build() }), {
    code: "E_ARGUMENT",
    message: /rating/,
  });
  await t.throwsAsync(runRatingExperiment({ ...options, seeds: [] }), {
    code: "E_ARGUMENT",
    message: /^seeds/,
  });
});

test("test rows choose nothing", (t) => {
  const parts = split(dataset, { protocol: "paper", likeThreshold: null });
  t.throws(() => chooseRatingRivals(parts.train, parts.test), { code: "E_ARGUMENT", message: /test rows/ });
  const { users, items } = parts.validation;
  t.throws(() => chooseRatingRivals(parts.train, new HeldOut("validation", users, items)), {
    code: "E_ARGUMENT",
    message: /^heldOut\.ratings: expected \d+ ratings, one for each validation row, got null/,
  });
});

test("an abort ends the run with its reason", async (t) => {
  const reason = new Error("enough");
  await t.throwsAsync(runRatingExperiment({ ...options, signal: AbortSignal.abort(reason) }), { is: reason });
});
