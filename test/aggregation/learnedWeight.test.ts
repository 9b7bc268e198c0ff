import test from "ava";
import { userFold } from "../../lib/aggregation/crossFit.js";
import { learnRankingWeight, learnRatingWeight } from "../../lib/aggregation/learnedWeight.js";
import { chooseRatingAlpha, evaluateRatingMixture } from "../../lib/aggregation/ratingMix.js";
import { chooseAlpha, chooseUniformAlpha, evaluateMixture } from "../../lib/aggregation/tuning.js";
import { longTailRange } from "../../lib/aggregation/weight.js";
import { learnedAlpha } from "../../lib/aggregation/weightModel.js";
import { HALF_AND_HALF, NOISE, type Planted, plantedRankings, plantedRatings } from "./planted.js";

const RANGE = longTailRange(Int32Array.of(3, 202));
const SEEDS = Array.from({ length: 20 }, (_, seed) => seed + 1);
const half: Planted = { rows: 300, seed: 1, worth: HALF_AND_HALF };
const fresh: Planted = { rows: 1000, seed: 99, worth: HALF_AND_HALF };

test("rankings: where a feature tells whom the language model helps, the learned weight beats every grid point", (t) => {
  const { model, gain, standardError, fallback } = learnRankingWeight(plantedRankings(half), "listwise");
  t.false(fallback);
  t.true(gain > 4 * standardError, `${gain} ${standardError}`);
  const margin = model.features.indexOf("margin");
  t.true(model.coefficients[margin] > 1);
  t.is(Math.max(...model.coefficients.map(Math.abs)), model.coefficients[margin]);

  // On users that no choice has seen, even against the point that is best on these very users.
  const users = plantedRankings(fresh);
  const learned = evaluateMixture(users, "listwise", ({ features }) => learnedAlpha(model, features))[
    "ndcg@5"
  ];
  const grid = chooseAlpha(users, RANGE, { forms: ["scaled", "alternative"] });
  t.true(learned > grid.best.metrics["ndcg@5"] + 0.05, `${learned} ${grid.best.metrics["ndcg@5"]}`);
  t.true(learned > chooseUniformAlpha(users).best.metrics["ndcg@5"] + 0.05);
  t.true(Math.abs(learned - grid.points[0].metrics["ndcg@5"] - gain) < 4 * standardError);
});

test("ratings: the same", (t) => {
  const { model, gain, standardError, fallback } = learnRatingWeight(plantedRatings(half));
  t.false(fallback);
  t.true(gain > 4 * standardError, `${gain} ${standardError}`);
  t.true(model.coefficients[model.features.indexOf("certainty")] > 1);
  const rows = plantedRatings(fresh);
  const learned = evaluateRatingMixture(rows, ({ features }) => learnedAlpha(model, features)).rmse;
  const grid = chooseRatingAlpha(rows, RANGE, { forms: ["scaled", "alternative"] });
  t.true(learned < grid.best.metrics.rmse - 0.02, `${learned} ${grid.best.metrics.rmse}`);
  t.true(Math.abs(grid.points[0].metrics.rmse - learned - gain) < 4 * standardError);
});

test("a language model that knows nothing: the guard falls back in most seeds, in almost all with a standard error asked for", (t) => {
  const fallbacks = (standardErrors: number): number[] => [
    SEEDS.filter((seed) => {
      const rows = plantedRankings({ rows: 120, seed, worth: NOISE });
      return learnRankingWeight(rows, "listwise", { standardErrors }).fallback;
    }).length,
    SEEDS.filter((seed) => {
      const rows = plantedRatings({ rows: 120, seed, worth: NOISE });
      return learnRatingWeight(rows, { standardErrors }).fallback;
    }).length,
  ];
  const [rankings, ratings] = fallbacks(0);
  t.true(rankings > 10 && ratings > 10, `${rankings} ${ratings}`);
  const [careful, carefulRatings] = fallbacks(1);
  t.true(careful >= 18 && carefulRatings >= 18, `${careful} ${carefulRatings}`);
});

test("after a fallback every weight is 0, whatever was fitted", (t) => {
  const rows = plantedRankings({ rows: 200, seed: 1, worth: () => -1 });
  const { model, fallback, gain } = learnRankingWeight(rows, "listwise");
  t.true(fallback && gain <= 0);
  for (const { features } of rows) t.is(learnedAlpha(model, features), 0);
});

test("no row has a say in its own cross-fitted weight, nor has another of its user", (t) => {
  const rows = plantedRankings({ ...half, rows: 60 }).map((row) => ({ ...row, user: row.user >> 1 }));
  const { alphas } = learnRankingWeight(rows, "listwise");
  const turned = rows.map((row) => (row.user === 7 ? { ...row, heldOut: 11 - row.heldOut } : row));
  const after = learnRankingWeight(turned, "listwise").alphas;
  const changed = rows.filter((_, n) => after[n] !== alphas[n]).map(({ user }) => userFold(user, 1, 5));
  t.true(changed.length > 0);
  t.false(changed.includes(userFold(7, 1, 5)));
});

test("folds follow from user and seed alone, about equally many in each", (t) => {
  const sizes = [0, 0, 0, 0, 0];
  let moved = 0;
  for (let user = 0; user < 5000; user++) {
    sizes[userFold(user, 1, 5)]++;
    if (userFold(user, 1, 5) !== userFold(user, 2, 5)) moved++;
  }
  for (const size of sizes) t.true(Math.abs(size - 1000) < 120, `${sizes}`);
  t.true(Math.abs(moved - 4000) < 120);
});

test("the same rows give the same bits; another seed cuts other folds", (t) => {
  const run = (seed: number) =>
    learnRankingWeight(plantedRankings({ ...half, rows: 60 }), "listwise", { seed });
  t.deepEqual(run(1), run(1));
  t.notDeepEqual(run(1).alphas, run(2).alphas);
  t.deepEqual(run(1).model.coefficients, run(2).model.coefficients);
});

test("rows without an answer keep the conventional side and teach nothing, but stay in the denominator", (t) => {
  const rows = plantedRankings({ ...half, rows: 100 });
  const silent = plantedRankings({ ...half, rows: 100, seed: 5 }).map((row) => ({
    ...row,
    user: row.user + 100,
    features: [],
    languageModel: {},
  }));
  const alone = learnRankingWeight(rows, "listwise");
  const both = learnRankingWeight([...rows, ...silent], "listwise");
  t.deepEqual(both.model, alone.model);
  t.deepEqual(both.alphas.subarray(0, 100), alone.alphas);
  t.true(both.alphas.subarray(100).every((alpha) => alpha === 0));
  t.true(Math.abs(both.gain - alone.gain / 2) < 1e-12);
  t.true(learnRankingWeight(silent, "listwise").fallback);
  const ratings = plantedRatings({ ...half, rows: 50 }).map((row) => ({ ...row, languageModel: null }));
  const { fallback, gain } = learnRatingWeight(ratings);
  t.true(fallback);
  t.is(gain, 0);
});

test("several rows of a user count as one in the standard error", (t) => {
  const rows = plantedRankings({ ...half, rows: 100 });
  const once = learnRankingWeight(rows, "listwise", { ridge: 1 });
  const twice = learnRankingWeight([...rows, ...rows], "listwise", { ridge: 2 });
  t.true(Math.abs(twice.gain - once.gain) < 1e-9);
  t.true(Math.abs(twice.standardError - once.standardError) < 1e-9);
});

test("the standard error of a gain in RMSE matches its spread over samples", (t) => {
  const runs = SEEDS.map((seed) => learnRatingWeight(plantedRatings({ ...half, rows: 150, seed })));
  const mean = runs.reduce((sum, { gain }) => sum + gain, 0) / runs.length;
  const spread = Math.sqrt(runs.reduce((sum, { gain }) => sum + (gain - mean) ** 2, 0) / (runs.length - 1));
  const claimed = runs.reduce((sum, { standardError }) => sum + standardError, 0) / runs.length;
  t.true(spread < 2 * claimed && claimed < 2 * spread, `${spread} ${claimed}`);
});

test("the report by activity: thirds that keep equal users together, and whom it helps", (t) => {
  const rows = plantedRankings(half).map((row, n) => {
    const interactions = [5, 20, 80][n % 3];
    // The language model is right for the least active alone.
    const order = n % 3 === 0 ? row.heldOut - 1 : 9 - (row.heldOut - 1);
    const places = Float64Array.from({ length: 10 }, (_, i) => -1 - ((i - order + 10) % 10));
    return {
      ...row,
      interactions,
      languageModel: { listwise: places },
      features: [Math.log1p(interactions)],
    };
  });
  const { activity, gain } = learnRankingWeight(rows, "listwise", { names: ["interactions"] });
  t.deepEqual(
    activity.map(({ interactions, rows, answered }) => ({ interactions, rows, answered })),
    [5, 20, 80].map((count) => ({ interactions: [count, count], rows: 100, answered: 100 })),
  );
  for (const { improved, worsened, same } of activity)
    t.true(Math.abs(improved + worsened + same - 1) < 1e-12);
  t.true(gain > 0);
  t.true(activity[0].improved > 0.5 && activity[0].worsened < 0.1);
  t.true(activity[0].meanAlpha > activity[2].meanAlpha + 0.3);
});

test("a cap bounds every weight", (t) => {
  const { alphas, model } = learnRankingWeight(plantedRankings(half), "listwise", { cap: 0.2 });
  t.true(alphas.every((alpha) => alpha <= 0.2) && alphas.some((alpha) => alpha > 0.1));
  t.is(model.cap, 0.2);
});

test("refuses no rows, bad options and bad features", (t) => {
  const rows = plantedRankings({ ...half, rows: 10 });
  const refused = (run: () => unknown, message: RegExp) => t.throws(run, { code: "E_ARGUMENT", message });
  refused(() => learnRankingWeight([], "listwise"), /^users: /);
  refused(() => learnRatingWeight([]), /^rows: /);
  refused(() => learnRankingWeight(rows, "listwise", { folds: 1 }), /^folds: /);
  refused(() => learnRankingWeight(rows, "listwise", { ridge: 0 }), /^ridge: /);
  refused(() => learnRankingWeight(rows, "listwise", { cap: 1.5 }), /^cap: /);
  refused(() => learnRankingWeight(rows, "listwise", { seed: -1 }), /^seed: /);
  refused(() => learnRankingWeight(rows, "listwise", { standardErrors: Number.NaN }), /^standardErrors: /);
  refused(() => learnRankingWeight(rows, "listwise", { names: ["one"] }), /^rows\[0\]\.features: /);
  refused(() => learnRankingWeight(rows, "listwise", { names: Array(11).fill("x") }), /^names: /);
  refused(() => learnRankingWeight([{ ...rows[0], user: -1 }], "listwise"), /^rows\[0\]\.user: /);
  refused(
    () => learnRankingWeight([{ ...rows[0], interactions: 0.5 }], "listwise"),
    /^rows\[0\]\.interactions: /,
  );
});
