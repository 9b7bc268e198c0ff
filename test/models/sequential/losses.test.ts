/** The losses of sequence models against their formulas in float64. */
import test from "ava";
import { Random } from "../../../lib/data/random.js";
import { resolveHyperparameters } from "../../../lib/models/backbone.js";
import { BERT4REC, BERT4Rec } from "../../../lib/models/sequential/bert4rec.js";
import { CL4SREC, CL4SRec } from "../../../lib/models/sequential/cl4srec.js";
import { clozeOf } from "../../../lib/models/sequential/cloze.js";
import { viewsOf } from "../../../lib/models/sequential/sequenceViews.js";
import type { Tokens } from "../../../lib/models/sequential/transformer.js";
import { item, step, type Tensor, values } from "../../../lib/native/autograd.js";
import type { Parameter } from "../../../lib/native/parameter.js";
import { type SequenceBatch, SequenceSampler } from "../../../lib/native/sequenceSampler.js";
import { randomView } from "../planted.js";

const itemCount = 30;
const d = 8;
const length = 5;
const small = { dimension: d, hidden: 8, blocks: 1, length };
const view = randomView(12, itemCount, 4);
/** What a step without randomness draws from. */
const draws = (): Random => new Random(0, 2 ** 52);

interface Model {
  readonly parameters: readonly Parameter[];
  states(tokens: Tokens): Tensor;
  loss(batch: SequenceBatch): Tensor;
}

function filled<M extends Model>(model: M): M {
  for (const [number, parameter] of model.parameters.entries()) parameter.fillNormal(0.4, 3, number);
  return model;
}

function batchOf(negatives: number): SequenceBatch {
  using sampler = new SequenceSampler({ ...view, itemCount, length, negatives, seed: 1 });
  const [batch] = sampler.epoch(1, 9);
  return batch;
}

/** Rows of some tokens' states. */
const statesAt = (model: Model, tokens: Tokens, places: Iterable<number>): number[][] => {
  const states = step(() => values(model.states(tokens)));
  return Array.from(places, (place) => [...states.subarray(place * d, (place + 1) * d)]);
};
const vectors = ({ parameters: [items] }: Model): number[][] => {
  const all = items.read();
  return Array.from({ length: itemCount }, (_, i) => [...all.subarray(i * d, (i + 1) * d)]);
};
const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, x, j) => sum + x * b[j], 0);
const mean = (all: readonly number[]): number => all.reduce((sum, x) => sum + x, 0) / all.length;

/** Mean of `-log softmax(rows[i] . table)[targets[i]]`. */
const crossEntropy = (rows: number[][], table: number[][], targets: ArrayLike<number>): number =>
  mean(
    rows.map((row, i) => {
      const scores = table.map((vector) => dot(row, vector));
      return Math.log(scores.reduce((sum, score) => sum + Math.exp(score), 0)) - scores[targets[i]];
    }),
  );
/** Mean of `-log sigmoid(score)`. */
const logistic = (scores: readonly number[]): number => mean(scores.map((x) => Math.log1p(Math.exp(-x))));

test("BERT4Rec: cross-entropy over the catalogue, without the mask token, at hidden places alone", (t) => {
  const model = filled(new BERT4Rec(view, resolveHyperparameters(BERT4REC, small), 1));
  const batch = batchOf(0);
  const { maskRate, lastRate } = resolveHyperparameters(BERT4REC);
  const cloze = clozeOf(batch, { maskRate, lastRate, maskToken: itemCount, last: length }, draws());
  const expected = crossEntropy(statesAt(model, cloze, cloze.places), vectors(model), cloze.targets);
  t.true(Math.abs(step(() => item(model.loss(batch))) - expected) < 1e-4 * expected);
});

test("BERT4Rec with negatives: binary cross-entropy of each hidden item and its negatives", (t) => {
  const model = filled(new BERT4Rec(view, resolveHyperparameters(BERT4REC, { ...small, negatives: 3 }), 1));
  const batch = batchOf(3);
  const { maskRate, lastRate } = resolveHyperparameters(BERT4REC);
  const cloze = clozeOf(batch, { maskRate, lastRate, maskToken: itemCount, last: length }, draws());
  const states = statesAt(model, cloze, cloze.places);
  const items = vectors(model);
  const positive = states.map((state, i) => dot(state, items[cloze.targets[i]]));
  const negative = [...cloze.negatives].map((target, i) => -dot(states[Math.floor(i / 3)], items[target]));
  const expected = logistic(positive) + logistic(negative);
  t.true(Math.abs(step(() => item(model.loss(batch))) - expected) < 1e-4 * expected);
});

for (const cosines of [0, 1])
  test(`CL4SRec: SASRec's loss and the weighted InfoNCE of ${cosines ? "cosines" : "products"}`, (t) => {
    const given = { crop: 0.6, mask: 0.4, reorder: 0.5, contrastWeight: 0.7, temperature: 0.8, cosines };
    const hyperparameters = resolveHyperparameters(CL4SREC, { ...small, ...given });
    const model = filled(new CL4SRec(view, hyperparameters, 1));
    const batch = batchOf(0);
    const tokens = Array.from(batch.inputs.keys());
    const next = crossEntropy(statesAt(model, batch, tokens), vectors(model), batch.targets);

    const views = viewsOf(batch, { ...given, maskToken: itemCount, last: length - 1 }, draws());
    const states = statesAt(
      model,
      views,
      Array.from(views.offsets.subarray(1), (end) => end - 1),
    );
    const alike = states.map((state) => {
      const size = cosines ? Math.sqrt(dot(state, state)) : 1;
      return state.map((x) => x / size);
    });
    const [first, second] = [alike.slice(0, 9), alike.slice(9)];
    const own = Array.from({ length: 9 }, (_, s) => s);
    const warm = (rows: number[][]): number[][] => rows.map((row) => row.map((x) => x / 0.8));
    const contrast = (crossEntropy(warm(first), second, own) + crossEntropy(warm(second), first, own)) / 2;
    const expected = next + 0.7 * contrast;
    t.true(Math.abs(step(() => item(model.loss(batch))) - expected) < 1e-4 * expected);

    const without = filled(new CL4SRec(view, { ...hyperparameters, contrastWeight: 0 }, 1));
    t.true(Math.abs(step(() => item(without.loss(batch))) - next) < 1e-4 * next);
  });

test("what a step draws follows from its seed and number", (t) => {
  const hyperparameters = resolveHyperparameters(BERT4REC, { ...small, dropout: 0 });
  const model = filled(new BERT4Rec(view, hyperparameters, 1));
  const batch = batchOf(0);
  const loss = (seed: number, number: number): number =>
    step(() => item(model.loss(batch)), { seed, step: number });
  t.is(loss(1, 4), loss(1, 4));
  t.not(loss(1, 4), loss(1, 5));
  t.not(loss(1, 4), loss(2, 4));
});
