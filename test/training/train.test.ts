/** What a training gives back, wherever it runs. */
import test from "ava";
import type { TrainedRanker } from "../../lib/models/ranker.js";
import { Llama4RecError } from "../../lib/native/errors.js";
import type { TrainResult } from "../../lib/training/train.js";
import { eachStep, poison } from "./backbones.js";
import { bits, fitModel, view } from "./fitModel.js";

test("early stopping hands back the bits of the best epoch", async (t) => {
  const scores = [0.1, 0.3, 0.2, 0.3, 0.1, 0.1];
  let validations = 0;
  const stopped = await fitModel({ validate: () => scores[validations++], evaluateEvery: 1, patience: 3 });
  t.is(stopped.epoch, 2, "the first of equals");
  t.is(stopped.validation, 0.3);
  t.deepEqual(
    stopped.history.map(({ epoch }) => epoch),
    [1, 2, 3, 4, 5],
    "three more, none better",
  );
  t.deepEqual(
    stopped.history.map(({ best }) => best),
    [0.1, 0.3, 0.3, 0.3, 0.3],
  );
  const exact = await fitModel({ hyperparameters: { epochs: 2 } });
  t.deepEqual(bits(stopped), bits(exact));
  t.is(exact.epoch, 2);
  t.is(exact.validation, null);
});

test("validation sees the model of its epoch, every few epochs and after the last", async (t) => {
  const seen: Float32Array[] = [];
  const validate = (candidate: TrainedRanker): number => {
    seen.push(candidate.userVectors);
    return seen.length;
  };
  const result = await fitModel({ validate, evaluateEvery: 5 });
  t.deepEqual(
    result.history.filter(({ validation }) => validation !== null).map(({ epoch }) => epoch),
    [5, 10, 12],
  );
  t.is(result.epoch, 12);
  t.deepEqual(seen[2], result.ranker.userVectors);
  t.notDeepEqual(seen[0], seen[1]);
});

test("the loss falls", async (t) => {
  const { history } = await fitModel();
  t.true(history[11].loss < 0.9 * history[0].loss, `${history[0].loss} to ${history[11].loss}`);
});

test("same seed, same bits; another seed, others; a bad one is refused", async (t) => {
  const [one, again, other] = [await fitModel(), await fitModel(), await fitModel({ seed: 2 })];
  t.deepEqual(bits(one), bits(again));
  t.notDeepEqual(bits(one), bits(other));
  for (const seed of [-1, 1.5, Number.NaN, 2 ** 53])
    await t.throwsAsync(fitModel({ seed }), {
      instanceOf: Llama4RecError,
      code: "E_ARGUMENT",
      message: /^seed: expected/,
    });
  for (const options of [{ patience: 0 }, { evaluateEvery: 0.5 }])
    await t.throwsAsync(fitModel(options), { code: "E_ARGUMENT" });
});

test("extra pairs raise the preferred item over the other", async (t) => {
  const score = (
    { ranker: { userVectors, itemVectors, dimension } }: TrainResult,
    user: number,
    item: number,
  ): number =>
    Array.from({ length: dimension }).reduce<number>(
      (sum, _, d) => sum + userVectors[user * dimension + d] * itemVectors[item * dimension + d],
      0,
    );
  const pairs = [0, 1, 2, 3].map((user) => {
    const unseen = Array.from({ length: view.itemCount }, (_, item) => item).filter(
      (item) => !view.has(user, item),
    );
    return [user, unseen[0], unseen[1]];
  });
  const flipped = pairs.map(([user, preferred, other]) => [user, other, preferred]);
  const options = { hyperparameters: { epochs: 30 } };
  const plain = await fitModel(options);
  const forward = await fitModel({ ...options, extraPairs: Int32Array.from(pairs.flat()) });
  const backward = await fitModel({ ...options, extraPairs: Int32Array.from(flipped.flat()) });
  t.notDeepEqual(bits(plain), bits(forward));
  for (const [user, preferred, other] of pairs) {
    const gap = (result: TrainResult): number => score(result, user, preferred) - score(result, user, other);
    t.true(gap(forward) > gap(plain) && gap(plain) > gap(backward));
    t.true(gap(forward) > 0);
  }
  for (const bad of [
    [0, 1],
    [0, 1, 30],
    [40, 1, 2],
    [-1, 1, 2],
  ])
    await t.throwsAsync(fitModel({ extraPairs: Int32Array.from(bad) }), {
      instanceOf: Llama4RecError,
      code: "E_ARGUMENT",
    });
});

test("an abort is obeyed within one step, however short the epochs are", async (t) => {
  const reason = new Error("enough");
  await t.throwsAsync(fitModel({ signal: AbortSignal.abort(reason) }), { is: reason });

  const controller = new AbortController();
  let losses = 0;
  const counting = eachStep("Counting", (step) => {
    losses = step;
    if (step === 5) controller.abort(reason);
  });
  await t.throwsAsync(fitModel({ backbone: counting, signal: controller.signal }), { is: reason });
  t.is(losses, 5);
});

test("the largest steps there are either train to finite numbers or end in E_DIVERGED", async (t) => {
  const { ranker } = await fitModel({ hyperparameters: { learningRate: 1, l2: 0 } });
  t.true(ranker.itemVectors.every(Number.isFinite), "Adam bounds a step by the learning rate");
  const exploding = eachStep("Exploding", (_, { parameters: [users] }) => poison(users));
  await t.throwsAsync(fitModel({ backbone: exploding }), { instanceOf: Llama4RecError, code: "E_DIVERGED" });
});

test("the event loop keeps turning during training: a timer can stop it", async (t) => {
  const abort = new AbortController();
  setTimeout(() => abort.abort(new Error("stop")), 1);
  const epochs: number[] = [];
  const training = fitModel({
    hyperparameters: { epochs: 10_000 },
    signal: abort.signal,
    onEpoch: ({ epoch }) => epochs.push(epoch),
  });
  await t.throwsAsync(training, { message: "stop" });
  t.true(epochs.length < 10_000);
});
