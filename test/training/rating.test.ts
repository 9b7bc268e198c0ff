/** Training of rating backbones: the same rules, with an error to be made small. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { HeldOut } from "../../lib/data/heldOut.js";
import { TrainView } from "../../lib/data/trainView.js";
import { DEEPFM } from "../../lib/models/rating/deepfm.js";
import { evaluateRatings } from "../../lib/models/ratings.js";
import { findBackbone } from "../../lib/models/registry.js";
import {
  type CheckpointOptions,
  RatingDivergedError,
  type RatingTrainOptions,
  type RatingTrainResult,
} from "../../lib/training/train.js";
import { trainRating } from "../../lib/training/trainRating.js";
import { ratedHeldOut, ratedView } from "../models/plantedRatings.js";
import { fitModel } from "./fitModel.js";
import { explodes, held, holds } from "./ratingBackbones.js";

const small = { dimension: 4, hidden1: 8, hidden2: 4, history: 3, epochs: 6, batchSize: 32 };
const fitRatings = (options: Partial<RatingTrainOptions> = {}): Promise<RatingTrainResult> =>
  trainRating({
    backbone: DEEPFM,
    view: ratedView,
    seed: 1,
    worker: false,
    ...options,
    hyperparameters: { ...small, ...options.hyperparameters },
  });

/** A module of this folder, as the option `backbone` takes it. */
const exported = (name: string): { module: URL; export: string } => ({
  module: new URL("./ratingBackbones.js", import.meta.url),
  export: name,
});

const users = Int32Array.from({ length: 600 }, (_, pair) => Math.floor(pair / 20));
const items = Int32Array.from({ length: 600 }, (_, pair) => pair % 20);
const bits = ({ predictor }: RatingTrainResult): Float32Array => predictor.predict(users, items);

test("inline and in a worker at any number of threads: the same bits, dropout among them", async (t) => {
  const options = { validation: { heldOut: ratedHeldOut }, evaluateEvery: 2 };
  const here = await fitRatings(options);
  for (const threads of [1, 2, 3]) {
    const there = await fitRatings({ ...options, worker: true, threads });
    t.deepEqual(bits(there), bits(here));
    t.deepEqual(there.history, here.history);
  }
  t.notDeepEqual(bits(await fitRatings({ ...options, hyperparameters: { dropout: 0 } })), bits(here));
  t.notDeepEqual(bits(await fitRatings({ ...options, seed: 2 })), bits(here));
});

test("what a model holds beside its parameters is freed once, by the training and by the predictor", async (t) => {
  const { predictor } = await fitRatings({ backbone: holds, validation: { heldOut: ratedHeldOut } });
  t.true(held.made > 2, "for the training, for each validation and for the result");
  t.is(held.freed, held.made - 1);
  predictor.dispose();
  predictor.dispose();
  t.is(held.freed, held.made);
});

test("cut off in the middle of an epoch it goes on with the same bits, here and in a worker", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "llama4rec-"));
  try {
    const options = { validation: { heldOut: ratedHeldOut }, evaluateEvery: 1, patience: 100 };
    const straight = await fitRatings(options);
    const checkpoint: CheckpointOptions = { path: join(folder, "rating.checkpoint"), everySeconds: 0 };
    for (const step of [7, 33]) {
      const controller = new AbortController();
      await t.throwsAsync(
        fitRatings({
          ...options,
          checkpoint,
          signal: controller.signal,
          onCheckpoint: (report) => report.step === step && controller.abort(new Error("cut off")),
        }),
        { message: "cut off" },
      );
    }
    const resumed = await fitRatings({ ...options, checkpoint, worker: true });
    t.deepEqual(bits(resumed), bits(straight));
    t.deepEqual(resumed.history, straight.history);
    t.is(resumed.epoch, straight.epoch);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the epoch with the least error is given back, and its error as it is", async (t) => {
  for (const metric of ["rmse", "mae"] as const) {
    const hyperparameters = { epochs: 30, learningRate: 0.05 };
    const options = { validation: { heldOut: ratedHeldOut, metric }, evaluateEvery: 1, patience: 30 };
    const result = await fitRatings({ ...options, hyperparameters });
    const errors = result.history.map(({ validation }) => validation ?? Number.NaN);
    t.is(result.validation, Math.min(...errors));
    t.is(result.epoch, 1 + errors.indexOf(Math.min(...errors)));
    t.is(result.history[29].best, result.validation);
    t.true(result.epoch > 1);
    t.is(result.validation, evaluateRatings(result.predictor, ratedHeldOut)[metric]);
  }
});

test("patience counts epochs that are no better", async (t) => {
  const options = { hyperparameters: { epochs: 10 }, evaluateEvery: 1, patience: 2 };
  const errors = [3, 1, 2, 1, 0];
  const result = await fitRatings({ ...options, validate: () => errors.shift() ?? Number.NaN });
  t.deepEqual(
    result.history.map(({ validation }) => validation),
    [3, 1, 2, 1],
  );
  t.is(result.epoch, 2);
});

test("a last epoch that is not due is validated too, and wins where its error is lower", async (t) => {
  for (const [errors, epoch, best] of [
    [[3, 1], 3, 1],
    [[1, 3], 2, 1],
  ] as const) {
    const left = [...errors];
    const validate = (): number => left.shift() ?? Number.NaN;
    const result = await fitRatings({ hyperparameters: { epochs: 3 }, evaluateEvery: 2, validate });
    t.is(result.epoch, epoch);
    t.is(result.validation, best);
    t.is(result.history[2].best, best);
  }
});

test("a backbone of a module is trained in a worker and served here", async (t) => {
  const own = await fitRatings({ backbone: exported("ownBackbone"), worker: true });
  t.deepEqual(bits(own), bits(await fitRatings()));
  t.is(own.predictor.name, "Own");
});

test("divergence hands over the last good state", async (t) => {
  for (const worker of [false, true]) {
    const backbone = worker ? exported("explodes") : explodes;
    const error = await t.throwsAsync(fitRatings({ backbone, worker }), { instanceOf: RatingDivergedError });
    t.is(error?.epoch, 2);
    t.is(error?.lastGood?.epoch, 1);
    t.is(error?.lastGood?.predictor.predict(users, items).every(Number.isFinite), true);
  }
});

test("the other function is named where a backbone does another task", async (t) => {
  for (const worker of [false, true]) {
    await t.throwsAsync(fitRatings({ backbone: findBackbone("MF"), worker }), {
      code: "E_ARGUMENT",
      message: /^backbone: expected a rating backbone; train is for this one, got "MF \(direct\)"/,
    });
    for (const backbone of ["DeepFM", DEEPFM, exported("ownBackbone")])
      await t.throwsAsync(fitModel({ backbone, worker }), {
        code: "E_ARGUMENT",
        message: /^backbone: expected one that ranks; trainRating is for this one, got "\w+ \(rating\)"/,
      });
  }
});

test("data that cannot be learnt or validated from is refused and named", async (t) => {
  const { userCount, itemCount, offsets, titles, itemAttributes, userAttributes } = ratedView;
  const likes = new TrainView({
    ...{ userCount, itemCount, offsets, titles, itemAttributes, userAttributes },
    items: ratedView.items,
    ratings: ratedView.ratings.map(() => 1),
  });
  for (const worker of [false, true])
    await t.throwsAsync(fitRatings({ view: likes, worker }), {
      code: "E_ARGUMENT",
      message: /^view: expected ratings to learn from, at least two that differ/,
    });
  const { users: rows, items: targets, ratings } = ratedHeldOut;
  const wrong: [heldOut: HeldOut, message: RegExp][] = [
    [new HeldOut("test", rows, targets, ratings), /^validation\.heldOut: expected validation rows/],
    [
      new HeldOut("validation", rows, targets),
      /^validation\.heldOut\.ratings: expected a Float32Array of 30 ratings, one a row, got null/,
    ],
    [new HeldOut("validation", rows, targets, ratings?.slice(1)), /^validation\.heldOut\.ratings: expected/],
    [
      new HeldOut(
        "validation",
        rows,
        targets,
        ratings?.map(() => Number.NaN),
      ),
      /^validation\.heldOut\.ratings\[0\]: expected a finite number/,
    ],
  ];
  for (const [heldOut, message] of wrong)
    await t.throwsAsync(fitRatings({ validation: { heldOut } }), { code: "E_ARGUMENT", message });
});
