/** Users of a rating model who were not in its training. */
import { join } from "node:path";
import test from "ava";
import { Random } from "../../lib/data/random.js";
import type { RatingModel } from "../../lib/models/frozen.js";
import { saveModel } from "../../lib/models/modelFile.js";
import { modelOf, tensorsOf } from "../../lib/models/modelTensors.js";
import { DEEPFM } from "../../lib/models/rating/deepfm.js";
import { FitChoice, usualFit } from "../../lib/models/rating/foldInChoice.js";
import { fittedResidual } from "../../lib/models/rating/userFoldIn.js";
import { loadRatingModel } from "../../lib/models/ratingModelFile.js";
import { predictorOf } from "../../lib/models/ratingPredictor.js";
import { listBackbones } from "../../lib/models/registry.js";
import { trainRating } from "../../lib/training/trainRating.js";
import { folderOf } from "../datasets/temporary.js";
import { loosely, raises } from "../native/raises.js";
import { solvedByElimination } from "./bruteForce.js";
import { ratedView } from "./plantedRatings.js";

const hyperparameters = {
  dimension: 4,
  hidden1: 8,
  hidden2: 0,
  history: 10,
  l2: 0.1,
  l2Linear: 0.1,
  dropout: 0,
  epochs: 60,
  batchSize: 32,
  learningRate: 0.01,
};
const trained = trainRating({ backbone: "DeepFM", view: ratedView, seed: 1, hyperparameters, worker: false });
const every = Int32Array.from({ length: 20 }, (_, item) => item);
/** Half of the items; 5 for one group, 2 for the others. */
const newUser = (group: number) => {
  const items = Int32Array.from({ length: 10 }, (_, n) => 2 * n);
  return { items, ratings: Float32Array.from(items, (item) => (item % 3 === group ? 5 : 2)) };
};

test("what is left is fitted in closed form", (t) => {
  const random = new Random(2);
  for (const [n, d] of [
    [0, 3],
    [1, 3],
    [7, 3],
    [40, 5],
    [12, 0],
  ]) {
    const errors = Float64Array.from({ length: n }, () => random.next() - 0.3);
    const features = Float64Array.from({ length: n * d }, () => random.next() - 0.5);
    const rows = Array.from(errors, (_, row) => [1, ...features.subarray(row * d, (row + 1) * d)]);
    const fit = { damping: 10, ridge: 3, recency: n === 7 ? 1 : 0.9, floor: n === 40 ? 0.2 : 0 };
    const weights = rows.map((_, row) => fit.recency ** (n - 1 - row) + fit.floor);
    const matrix = Array.from({ length: d + 1 }, (_, r) =>
      Array.from({ length: d + 1 }, (_, c) =>
        rows.reduce((sum, row, at) => sum + weights[at] * row[r] * row[c], r !== c ? 0 : r === 0 ? 10 : 3),
      ),
    );
    const right = matrix.map((_, r) =>
      rows.reduce((sum, row, at) => sum + weights[at] * row[r] * errors[at], 0),
    );
    const fitted = fittedResidual(errors, features, d, fit);
    for (const [at, value] of solvedByElimination(matrix, right).entries())
      t.true(Math.abs(fitted[at] - value) < 1e-12, `${n} x ${d}: ${fitted[at]}, not ${value}`);
  }
});

test("somebody new is rated for as the group whose ratings they give", async (t) => {
  const { predictor } = await trained;
  for (let group = 0; group < 3; group++) {
    const ratings = predictor.foldIn(newUser(group)).predict(every);
    for (const item of every.filter((at) => at % 2 === 1))
      t.is(ratings[item] > 3.5, item % 3 === group, `group ${group}, item ${item}: ${ratings[item]}`);
  }
});

test("every rating backbone folds in, within the range of the ratings", async (t) => {
  for (const backbone of listBackbones("rating")) {
    const known = Object.entries(hyperparameters).filter(([name]) => name in backbone.hyperparameters);
    const options = { ...Object.fromEntries(known), epochs: 2 };
    const { predictor } = await trainRating({
      backbone,
      view: ratedView,
      seed: 1,
      hyperparameters: options,
      worker: false,
    });
    using served = predictor;
    const low = served.foldIn({ items: every, ratings: every.map(() => -1000) }).predict(every);
    const high = served.foldIn({ items: every, ratings: every.map(() => 1000) }).predict(every);
    t.deepEqual([...low], Array(20).fill(2));
    t.deepEqual([...high], Array(20).fill(5));
  }
});

test("without ratings it is the model's prediction for an unknown user with these attributes", async (t) => {
  const { predictor } = await trained;
  for (const attributes of [undefined, { age: "25", zipCode: "10345" }]) {
    const rater = predictor.foldIn({ items: new Int32Array(0), ratings: [], attributes });
    const rows = Array.from(every, (item) => (attributes ? { item, userAttributes: attributes } : { item }));
    t.deepEqual(rater.predict(every), predictor.predictFeatures(rows));
  }
  const unknown = predictor.foldIn({ items: new Int32Array(0), ratings: [] }).predict(Int32Array.of(-1));
  t.deepEqual(unknown, predictor.predict(Int32Array.of(-1), Int32Array.of(-1)));
});

test("a user of the training keeps their own prediction, and newer ratings move it", async (t) => {
  const { predictor } = await trained;
  const user = 4; // of group 1
  const own = predictor.predict(new Int32Array(20).fill(user), every);
  const nothing = { user, items: new Int32Array(0), ratings: [] };
  t.deepEqual(predictor.foldIn(nothing).predict(every), own);
  const changed = predictor.foldIn({ user, ...newUser(2) }).predict(every);
  for (const item of every.filter((at) => at % 2 === 1 && at % 3 === 1)) t.true(changed[item] < own[item]);
  for (const item of every.filter((at) => at % 2 === 1 && at % 3 === 2)) t.true(changed[item] > own[item]);
  for (const index of [-1, 30, 0.5])
    raises(t, () => predictor.foldIn({ ...nothing, user: index }), "E_ARGUMENT", /^user\.user/);
  raises(t, () => predictor.foldIn({ ...nothing, attributes: {} }), "E_ARGUMENT", /^user\.attributes/);
});

test("very many ratings, an item twice, and arrays that change later", async (t) => {
  const { predictor } = await trained;
  const items = Int32Array.from({ length: 20_000 }, (_, at) => at % 20);
  const ratings = Float32Array.from(items, (item) => (item % 3 === 1 ? 5 : 2));
  const rater = predictor.foldIn({ items, ratings });
  const before = rater.predict(every);
  t.true(every.every((item) => before[item] > 3.5 === (item % 3 === 1)));
  items.fill(0);
  ratings.fill(2);
  t.deepEqual(rater.predict(every), before);
});

test("the fit is the one that predicts the newest ratings of training users best", (t) => {
  // Errors that are one number for each user: without a ridge to speak of, and with little damping.
  const choice = new FitChoice();
  for (let user = 0; user < 20; user++)
    choice.add({ errors: new Float64Array(10).fill(user % 2 ? 1 : -1), features: new Float64Array(20) }, 8);
  t.is(choice.best.damping, 5);
  const noise = new FitChoice();
  const random = new Random(1);
  for (let user = 0; user < 200; user++) {
    const features = Float64Array.from({ length: 20 }, () => 10 * (random.next() - 0.5));
    noise.add({ errors: Float64Array.from({ length: 10 }, () => random.next() - 0.5), features }, 8);
  }
  t.like(noise.best, { damping: 20, ridge: 1000 });
  t.deepEqual(new FitChoice().best, usualFit);
  // Errors that change their sign in the middle: newer ratings say more.
  const turning = new FitChoice();
  const errors = Float64Array.from({ length: 40 }, (_, at) => (at < 20 ? -1 : 1));
  for (let user = 0; user < 20; user++) turning.add({ errors, features: new Float64Array(80) }, 38);
  t.true(turning.best.recency < 1);
});

test("a model's file keeps the fit, and one without it opens", async (t) => {
  const { predictor } = await trained;
  const { foldIn, ...rest } = predictor.model;
  t.truthy(foldIn);
  const path = join(folderOf(t, {}), "model.safetensors");
  await saveModel(path, predictor);
  using loaded = (await loadRatingModel(path)).predictor;
  t.deepEqual(loaded.model.foldIn, foldIn);
  t.deepEqual(loaded.foldIn(newUser(1)).predict(every), predictor.foldIn(newUser(1)).predict(every));
  await saveModel(path, rest);
  using old = (await loadRatingModel(path)).predictor;
  t.is(old.model.foldIn, undefined);
  using usual = predictorOf({ ...rest, foldIn: usualFit }, DEEPFM);
  t.deepEqual(old.foldIn(newUser(1)).predict(every), usual.foldIn(newUser(1)).predict(every));
});

test("a fit in a file is checked", async (t) => {
  const { predictor } = await trained;
  const { texts, tensors } = tensorsOf(predictor.model);
  const encoding = JSON.parse(texts.encoding) as object;
  for (const foldIn of [
    null,
    3,
    {},
    { ...usualFit, damping: 0 },
    { ...usualFit, ridge: "1" },
    { ...usualFit, ridge: undefined },
    { ...usualFit, recency: 1.1 },
    { ...usualFit, floor: -1 },
  ])
    raises(
      t,
      () => modelOf({ texts: { ...texts, encoding: JSON.stringify({ ...encoding, foldIn }) }, tensors }),
      "E_ARGUMENT",
      /^encoding\.foldIn/,
    );
  const model = modelOf({ texts, tensors }) as RatingModel;
  t.deepEqual(model.foldIn, predictor.model.foldIn);
});

test("bad input is named", async (t) => {
  const { predictor } = await trained;
  const items = Int32Array.of(1, 2);
  for (const [user, message] of [
    [null, /^user:/],
    [{ items: [1, 2], ratings: [1, 2] }, /^user\.items: expected an Int32Array/],
    [{ items: Int32Array.of(1, 20), ratings: [1, 2] }, /^user\.items\[1\]/],
    [{ items: Int32Array.of(-1), ratings: [1] }, /^user\.items\[0\]/],
    [{ items, ratings: [1] }, /^user\.ratings: expected 2/],
    [{ items }, /^user\.ratings: expected 2/],
    [{ items, ratings: [1, Number.NaN] }, /^user\.ratings\[1\]/],
    [{ items, ratings: [1, 2], attributes: { shoe: "44" } }, /shoe/],
    [{ items, ratings: [1, 2], attributes: { age: 25 } }, /age/],
  ] as const)
    raises(t, () => loosely((given: never) => predictor.foldIn(given), user), "E_ARGUMENT", message);
  const rater = predictor.foldIn({ items, ratings: [3, 4] });
  raises(t, () => rater.predict(Int32Array.of(20)), "E_ARGUMENT", /^items\[0\]/);
  raises(
    t,
    () => loosely((given: never) => rater.predict(given), [1]),
    "E_ARGUMENT",
    /^items: expected an Int32Array/,
  );
});
