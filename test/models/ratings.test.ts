/** Raters: evaluation, references, predictors and their files. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { HeldOut } from "../../lib/data/heldOut.js";
import { Random } from "../../lib/data/random.js";
import { TrainView } from "../../lib/data/trainView.js";
import type { RatingDefinition } from "../../lib/models/backbone.js";
import type { RatingModel } from "../../lib/models/frozen.js";
import { loadModel, saveModel, verifyModel } from "../../lib/models/modelFile.js";
import { modelOf, tensorsOf } from "../../lib/models/modelTensors.js";
import { DEEPFM } from "../../lib/models/rating/deepfm.js";
import { loadRatingModel } from "../../lib/models/ratingModelFile.js";
import { predictorOf } from "../../lib/models/ratingPredictor.js";
import { evaluateRatings, raterOf } from "../../lib/models/ratings.js";
import { BiasModel, biasRater } from "../../lib/models/reference/bias.js";
import { residualFactors } from "../../lib/models/reference/residualFactors.js";
import { trainRating } from "../../lib/training/trainRating.js";
import { loosely, raises } from "../native/raises.js";
import { ratedHeldOut, ratedView } from "./plantedRatings.js";

const folder = mkdtempSync(join(tmpdir(), "llama4rec-"));
test.after.always(() => rmSync(folder, { recursive: true }));

const hyperparameters = { dimension: 4, hidden1: 8, hidden2: 0, history: 3, epochs: 3, batchSize: 32 };
const trained = trainRating({ backbone: "DeepFM", view: ratedView, seed: 1, hyperparameters, worker: false });
const all = {
  users: Int32Array.from({ length: 600 }, (_, pair) => Math.floor(pair / 20)),
  items: Int32Array.from({ length: 600 }, (_, pair) => pair % 20),
};

test("errors of each row and their means", (t) => {
  const rater = raterOf("constant", { userCount: 3, itemCount: 3 }, () => 3);
  const heldOut = new HeldOut("test", Int32Array.of(0, 1), Int32Array.of(2, 0), Float32Array.of(5, 2));
  const { rmse, mae, users, errors } = evaluateRatings(rater, heldOut);
  t.deepEqual([...errors], [-2, 1]);
  t.is(rmse, Math.sqrt(2.5));
  t.is(mae, 1.5);
  t.is(users, 2);
  raises(t, () => rater.predict(Int32Array.of(3), Int32Array.of(0)), "E_ARGUMENT", /^users\[0\]/);
  raises(t, () => rater.predict(Int32Array.of(0), Int32Array.of(-2)), "E_ARGUMENT", /^items\[0\]/);
  raises(t, () => rater.predict(Int32Array.of(0, 1), Int32Array.of(0)), "E_ARGUMENT", /^items: expected 2/);
});

test("held-out rows without ratings are for rankings: no error is measured on them", (t) => {
  const rater = raterOf("constant", { userCount: 3, itemCount: 3 }, () => 3);
  const [users, items] = [Int32Array.of(0, 1), Int32Array.of(2, 0)];
  for (const ratings of [undefined, null, Float32Array.of(1)])
    raises(
      t,
      () => evaluateRatings(rater, new HeldOut("test", users, items, ratings)),
      "E_ARGUMENT",
      /^heldOut\.ratings: expected 2 ratings, one for each test row, got (null|Float32Array)/,
    );
});

test("biases as a rater give what the bias model gives", (t) => {
  const damping = { items: 3, users: 2 };
  const rater = biasRater(ratedView, damping);
  const model = new BiasModel(ratedView, damping);
  const expected = Array.from(all.users, (user, row) => Math.fround(model.predict(user, all.items[row])));
  t.deepEqual([...rater.predict(all.users, all.items)], expected);
  const [nobody, nothing] = rater.predict(Int32Array.of(-1, -1), Int32Array.of(4, -1));
  t.is(nobody, Math.fround(model.mean + model.items[4]));
  t.is(nothing, Math.fround(model.mean));
});

/** Ratings `4 + 2 p q`, each of p and q 1 or -1: what biases cannot say and one factor can. */
function rankOne(): TrainView {
  const rows = Array.from({ length: 60 }, (_, user) =>
    new Random(5, user).shuffle(Array.from({ length: 40 }, (_, item) => item)).slice(0, 20),
  );
  return new TrainView({
    userCount: 60,
    itemCount: 40,
    offsets: Int32Array.from({ length: 61 }, (_, user) => 20 * user),
    items: Int32Array.from(rows.flat()),
    ratings: Float32Array.from(rows.flatMap((list, user) => list.map((item) => sign(user, item)))),
    titles: Array.from({ length: 40 }, () => ""),
    itemAttributes: {},
    userAttributes: {},
  });
}
const sign = (user: number, item: number): number => ((user + item) % 2 === 0 ? 6 : 2);

test("factors find what biases leave", (t) => {
  const view = rankOne();
  const users = Int32Array.from({ length: 60 }, (_, user) => user);
  const items = users.map(
    (user) => Array.from({ length: 40 }, (_, i) => i).find((i) => !view.has(user, i)) ?? -1,
  );
  const ratings = Float32Array.from(users, (user) => sign(user, items[user]));
  const heldOut = new HeldOut("test", users, items, ratings);
  const damping = { items: 5, users: 5 };
  t.true(evaluateRatings(biasRater(view, damping), heldOut).rmse > 1.5);
  const factors = residualFactors(view, { damping, factors: 2, lambda: 1 });
  t.true(evaluateRatings(factors, heldOut).rmse < 0.3);
  t.deepEqual(
    factors.predict(users, items),
    residualFactors(view, { damping, factors: 2, lambda: 1 }).predict(users, items),
  );
  const strong = residualFactors(view, { damping, lambda: 1e9 });
  const plain = biasRater(view, damping).predict(users, items);
  for (const [row, rating] of strong.predict(users, items).entries())
    t.true(Math.abs(rating - plain[row]) < 1e-4);
  for (const [given, message] of [
    [{ factors: 0 }, /^factors/],
    [{ lambda: 0 }, /^lambda/],
    [{ sweeps: 1.5 }, /^sweeps/],
  ] as const)
    raises(t, () => residualFactors(view, { damping, ...given }), "E_ARGUMENT", message);
});

test("a saved model comes back with the same bits, and only its own function opens it", async (t) => {
  const { predictor } = await trained;
  const path = join(folder, "rating.safetensors");
  await saveModel(path, predictor, { backbone: "DeepFM", metrics: { rmse: 1 } });
  await verifyModel(path);
  const { predictor: loaded, about } = await loadRatingModel(path, { verify: true });
  t.like(about, { backbone: "DeepFM", metrics: { rmse: 1 } });
  t.deepEqual(loaded.predict(all.users, all.items), predictor.predict(all.users, all.items));
  t.deepEqual(loaded.model, predictor.model);
  await t.throwsAsync(loadModel(path), { code: "E_MISMATCH", message: /loadRatingModel/ });
  loaded.dispose();
  loaded.dispose();
  t.throws(() => loaded.predict(all.users, all.items), { code: "E_DISPOSED" });
  const other = join(folder, "factors.safetensors");
  const factors = { dimension: 1, users: new Float32Array(2), items: new Float32Array(3), itemBiases: null };
  await saveModel(other, { kind: "factors", name: "MF", factors });
  await t.throwsAsync(loadRatingModel(other), { code: "E_MISMATCH", message: /loadModel/ });
});

test("a backbone of one's own is given to whoever loads its model", async (t) => {
  const own: RatingDefinition = { ...DEEPFM, name: "Own" };
  const { predictor } = await trainRating({
    backbone: own,
    view: ratedView,
    seed: 1,
    hyperparameters,
    worker: false,
  });
  const path = join(folder, "own.safetensors");
  await saveModel(path, predictor);
  const { predictor: loaded } = await loadRatingModel(path, { backbone: own });
  t.deepEqual(loaded.predict(all.users, all.items), predictor.predict(all.users, all.items));
  await t.throwsAsync(loadRatingModel(path), { code: "E_BACKBONE", message: /DeepFM.*got "Own"/ });
  await t.throwsAsync(loadRatingModel(path, { backbone: DEEPFM }), { code: "E_ARGUMENT", message: /Own/ });
  const wider: RatingDefinition = {
    ...own,
    create: (features, given, seed) => DEEPFM.create(features, { ...given, dimension: 9 }, seed),
  };
  await t.throwsAsync(loadRatingModel(path, { backbone: wider }), {
    code: "E_CORRUPT",
    message: /parameter vectors: expected \d+ x 9, got "\d+ x 4"/,
  });
});

test("rows of features are checked before anything is rated, by their place in the call", async (t) => {
  const { predictor } = await trained;
  raises(
    t,
    () => loosely(predictor.predictFeatures.bind(predictor), { user: 1 }),
    "E_ARGUMENT",
    /^rows: expected an array/,
  );
  const many = Array.from({ length: 5000 }, () => ({ user: 1, item: 2 }));
  raises(t, () => predictor.predictFeatures([...many, { item: 20 }]), "E_ARGUMENT", /^rows\[5000\]\.item/);
  t.is(predictor.predictFeatures(many)[4999], predictor.predict(Int32Array.of(1), Int32Array.of(2))[0]);
  t.is(predictor.predictFeatures([]).length, 0);
});

test("texts and tensors that do not fit are named", async (t) => {
  const { model } = (await trained).predictor;
  const change = (encoding: Partial<Record<keyof RatingModel["encoding"], unknown>>): RatingModel =>
    ({ ...model, encoding: { ...model.encoding, ...encoding } }) as RatingModel;
  const { fields, users, history } = model.encoding;
  const wrong: [RatingModel, RegExp][] = [
    [change({ userCount: -1 }), /userCount/],
    [change({ userCount: 29 }), /fields\[0\]/],
    [change({ mean: 7 }), /mean: expected in 2\.\.5/],
    [change({ fields: [] }), /fields: expected two or more/],
    [change({ fields: fields.slice(1) }), /fields\[0\]: expected \d+ rows from 0/],
    [change({ fields: [{ ...fields[0], side: "shop" }, ...fields.slice(1)] }), /fields\[0\]\.side/],
    [change({ fields: fields.slice(0, 3) }), /those of users, then those of items/],
    [change({ fields: fields.with(1, { ...fields[1], values: ["b", "a"] }) }), /values\[1\]/],
    [change({ users: { ...users, rows: users.rows.map(() => 99_999) } }), /users\.rows\[0\]: expected in 0/],
    [change({ users: { ...users, offsets: users.offsets.slice(1) } }), /users\.offsets/],
    [change({ history: { offsets: history?.offsets, rows: history?.rows.map(() => 20) } }), /history\.rows/],
    [{ ...model, parameters: {} }, /parameters of a model/],
    [{ ...model, hyperparameters: { ...model.hyperparameters, l2: Number.NaN } }, /hyperparameters\.l2/],
  ];
  for (const [damaged, message] of wrong) raises(t, () => tensorsOf(damaged), "E_ARGUMENT", message);
  const { texts, tensors } = tensorsOf(model);
  for (const encoding of ["", "3", "{}"])
    raises(t, () => modelOf({ texts: { ...texts, encoding }, tensors }), "E_ARGUMENT", /encoding/);
  const { vectors, ...rest } = model.parameters;
  raises(
    t,
    () => predictorOf({ ...model, parameters: rest }, DEEPFM),
    "E_ARGUMENT",
    /parameter vectors: expected/,
  );
  raises(
    t,
    () => predictorOf({ ...model, parameters: { ...model.parameters, more: vectors } }, DEEPFM),
    "E_ARGUMENT",
    /parameters: expected those of DeepFM, got "more"/,
  );
});

test("the predictor is bounded by the training ratings and evaluated as any rater", async (t) => {
  const { predictor } = await trained;
  const { errors, users } = evaluateRatings(predictor, ratedHeldOut);
  t.is(users, 30);
  t.true(errors.every(Number.isFinite));
  const ratings = predictor.predict(all.users, all.items);
  t.true(ratings.every((rating) => rating >= 2 && rating <= 5));
});
