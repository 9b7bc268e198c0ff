import test from "ava";
import { Random } from "../../lib/data/random.js";
import { resolveHyperparameters } from "../../lib/models/backbone.js";
import { rankerOf, type SequenceModel } from "../../lib/models/frozen.js";
import { sequenceRanker } from "../../lib/models/sequenceRanker.js";
import { BERT4REC, BERT4Rec } from "../../lib/models/sequential/bert4rec.js";
import { SASREC, SASRec } from "../../lib/models/sequential/sasrec.js";
import { step, values } from "../../lib/native/autograd.js";
import { topKRow } from "../../lib/native/catalogue.js";
import { type Histories, SequenceEncoder } from "../../lib/native/sequenceEncoder.js";
import { detached, loosely, raises } from "../native/raises.js";
import { viewOf } from "./planted.js";

const itemCount = 30;
const length = 6;
const rows = [[3, 1, 4], [], [5], [9, 2, 6, 5, 3, 5, 8, 9, 7], [7, 7, 7, 7]];
const histories: Histories = packed(rows);

/** Histories one after the other. */
function packed(lists: readonly (readonly number[])[]): Histories {
  const offsets = new Int32Array(lists.length + 1);
  for (const [row, items] of lists.entries()) offsets[row + 1] = offsets[row] + items.length;
  return { offsets, items: Int32Array.from(lists.flat()) };
}

/** A training view has an item of a user once. */
const view = viewOf(
  rows.map((items) => [...new Set(items)]),
  itemCount,
);

/** An untrained model whose weights are all random, and large enough to matter. */
function randomModel(heads = 2): { model: SequenceModel; backbone: SASRec } {
  const backbone = new SASRec(
    view,
    resolveHyperparameters(SASREC, { dimension: 12, hidden: 20, blocks: 2, heads, length, dropout: 0.3 }),
    1,
  );
  for (const [number, parameter] of backbone.parameters.entries()) parameter.fillNormal(0.4, 7, number);
  return { model: { kind: "sequence", name: "SASRec", encoder: backbone.encoder(), histories }, backbone };
}

/** The same for BERT4Rec, which takes one place more for its mask token. */
function fillingModel(heads = 2): { model: SequenceModel; backbone: BERT4Rec } {
  const backbone = new BERT4Rec(
    view,
    resolveHyperparameters(BERT4REC, { dimension: 12, hidden: 20, blocks: 2, heads, length: length - 1 }),
    1,
  );
  for (const [number, parameter] of backbone.parameters.entries()) parameter.fillNormal(0.4, 7, number);
  return { model: { kind: "sequence", name: "BERT4Rec", encoder: backbone.encoder(), histories }, backbone };
}

/** States of the last tokens by the training forward pass. */
function trainingStates(backbone: SASRec | BERT4Rec, lists: readonly (readonly number[])[]): Float32Array {
  const kept = lists.map((items) => items.slice(-length));
  const { offsets, items } = packed(kept);
  const positions = Int32Array.from(kept.flatMap((list) => list.map((_, t) => length - list.length + t)));
  const states = step(() => values(backbone.states({ offsets, inputs: items, positions })));
  const last = new Float32Array(lists.length * 12);
  for (let row = 0; row < lists.length; row++)
    if (kept[row].length > 0)
      last.set(states.subarray((offsets[row + 1] - 1) * 12, offsets[row + 1] * 12), row * 12);
  return last;
}

test("the encoder's state is that of the training forward pass, and zeros for an empty history", (t) => {
  for (const heads of [1, 2, 3]) {
    const { model, backbone } = randomModel(heads);
    using encoder = new SequenceEncoder(model.encoder);
    const random = new Random(heads);
    const many = Array.from({ length: 40 }, () =>
      Array.from({ length: random.below(12) }, () => random.below(itemCount)),
    );
    for (const lists of [rows, many]) {
      const expected = trainingStates(backbone, lists);
      const got = encoder.encode(packed(lists));
      t.is(got.length, expected.length);
      for (let i = 0; i < got.length; i++) t.true(Math.abs(got[i] - expected[i]) < 1e-5, `${got[i]} at ${i}`);
    }
  }
});

test("behind a history stands the mask token: the state of the training forward pass that fills this gap", (t) => {
  for (const heads of [1, 2, 3]) {
    const { model, backbone } = fillingModel(heads);
    using ranker = sequenceRanker(model);
    t.is(ranker.itemCount, itemCount);
    t.is(ranker.length, length - 1);
    t.is(model.encoder.shape.length, length);
    const gaps = rows.map((items) => (items.length === 0 ? [] : [...items, itemCount]));
    const expected = trainingStates(backbone, gaps);
    const got = ranker.encode(histories);
    for (let i = 0; i < got.length; i++) t.true(Math.abs(got[i] - expected[i]) < 1e-5, `${got[i]} at ${i}`);
    const long = [0, 1, 2, ...rows[3]];
    t.deepEqual(ranker.encode(packed([long])), ranker.encode(packed([rows[3].slice(1 - length)])));
    raises(
      t,
      () => ranker.encode(packed([[itemCount]])),
      "E_ARGUMENT",
      /expected an item in 0\.\.29, got 30/,
    );
    t.deepEqual(ranker.topKAfter(packed([[]]), { k: 3 }).counts, Int32Array.of(0));
  }
});

test("the list after a history is that of its state against the item vectors", (t) => {
  const { model } = randomModel();
  using ranker = sequenceRanker(model);
  const states = ranker.encode(histories);
  const top = ranker.topKAfter(histories, { k: 5 });
  for (const [row, history] of rows.entries()) {
    const scores = Array.from({ length: itemCount }, (_, item) => {
      let score = 0;
      for (let j = 0; j < 12; j++) score += states[row * 12 + j] * ranker.itemVectors[item * 12 + j];
      return score;
    });
    const best = scores.map((score, item) => ({ score, item })).sort((a, b) => b.score - a.score);
    const expected = history.length === 0 ? [] : best.slice(0, 5).map(({ item }) => item);
    t.deepEqual([...topKRow(top, row)], expected, `history ${row}`);
  }
});

test("known users are ranked by their own histories, in any batch", (t) => {
  const { model } = randomModel();
  using ranker = rankerOf(model);
  t.is(ranker.userCount, rows.length);
  t.is(ranker.userVectors.length, rows.length * 12);
  t.deepEqual(ranker.userVectors, sequenceRanker(model).encode(histories));
  const users = Int32Array.of(3, 0, 4, 1, 3);
  const batch = ranker.topK(users, { k: 4, denied: Int32Array.of(9) });
  for (const [row, user] of users.entries()) {
    const alone = ranker.topK(Int32Array.of(user), { k: 4, denied: Int32Array.of(9) });
    t.deepEqual(topKRow(batch, row), topKRow(alone, 0));
    t.false(topKRow(batch, row).includes(9));
  }
  raises(
    t,
    () => ranker.topK(Int32Array.of(5), { k: 1 }),
    "E_ARGUMENT",
    /users\[0\]: expected a user in 0\.\.4/,
  );
});

test("a history counts with its last items alone", (t) => {
  const { model } = randomModel();
  using ranker = sequenceRanker(model);
  const long = [0, 1, 2, ...rows[3]];
  t.deepEqual(ranker.encode(packed([long])), ranker.encode(packed([rows[3].slice(-length)])));
});

test("excluded items follow their history, also past empty ones", (t) => {
  const { model } = randomModel();
  using ranker = sequenceRanker(model);
  const free = ranker.topKAfter(histories, { k: 3 });
  const first = rows.map((_, row) => [...topKRow(free, row)].slice(0, 1));
  const excluded = packed(first);
  const top = ranker.topKAfter(histories, { k: 2, excluded });
  for (const row of rows.keys())
    t.deepEqual([...topKRow(top, row)], [...topKRow(free, row)].slice(1), `history ${row}`);
});

test("bad histories are refused with a word on where", (t) => {
  const { model } = randomModel();
  using ranker = sequenceRanker(model);
  const bad: [offsets: number[], items: number[], message: RegExp][] = [
    [[0, 1], [itemCount], /histories\[0\]: expected an item in 0\.\.29, got 30/],
    [[0, 2], [3, -1], /histories\[1\].*got -1/],
    [[0, 2], [3], /offsets/],
    [[1, 1], [3], /offsets/],
    [[0, 1, 0], [3], /offsets/],
  ];
  for (const [offsets, items, message] of bad) {
    const given = { offsets: Int32Array.from(offsets), items: Int32Array.from(items) };
    raises(t, () => ranker.encode(given), "E_ARGUMENT", message);
    raises(t, () => ranker.topKAfter(given, { k: 1 }), "E_ARGUMENT", message);
  }
  raises(t, () => ranker.encode({ offsets: new Int32Array(0), items: new Int32Array(0) }), "E_ARGUMENT");
  raises(
    t,
    () => ranker.encode({ offsets: Int32Array.of(0, 1), items: detached(Int32Array.of(1)) }),
    "E_ARGUMENT",
  );
  for (const k of [0, 31, 1.5, Number.NaN])
    raises(
      t,
      () => ranker.topKAfter(histories, { k }),
      "E_ARGUMENT",
      /k: expected an integer from 1 to the 30/,
    );
  raises(t, () => loosely(ranker.encode, { offsets: [0, 1], items: [1] }), "E_ARGUMENT");
});

test("a malformed model is refused by the name of the tensor", (t) => {
  const { model } = randomModel();
  const { encoder } = model;
  const [first, second] = encoder.blocks;
  const broken: [change: object, message: RegExp][] = [
    [{ positions: encoder.positions.subarray(1) }, /positions/],
    [{ items: encoder.items.subarray(1) }, /items/],
    [{ blocks: [first] }, /blocks/],
    [{ blocks: [first, { ...second, qkv: second.qkv.subarray(3) }] }, /qkv/],
    [{ normGain: new Float32Array(12).fill(Number.NaN) }, /norm/],
    [{ maskToken: new Float32Array(11) }, /maskToken: expected 12 numbers, got 11/],
    [{ maskToken: new Float32Array(0) }, /maskToken/],
    [{ maskToken: new Float32Array(12).fill(Number.NaN) }, /mask_token/],
    [{ shape: { ...encoder.shape, heads: 5 } }, /heads/],
    [{ shape: { ...encoder.shape, dimension: 0 } }, /dimension/],
    [{ shape: { ...encoder.shape, epsilon: 0 } }, /epsilon/],
    [{ shape: { ...encoder.shape, activation: "tanh" } }, /activation/],
  ];
  for (const [change, message] of broken)
    raises(
      t,
      () => loosely(rankerOf, { ...model, encoder: { ...encoder, ...change } }),
      "E_ARGUMENT",
      message,
    );
});

test("a disposed ranker says so", (t) => {
  const ranker = sequenceRanker(randomModel().model);
  ranker.dispose();
  ranker.dispose();
  raises(t, () => ranker.topKAfter(histories, { k: 1 }), "E_DISPOSED");
  raises(t, () => ranker.encode(histories), "E_DISPOSED");
});
