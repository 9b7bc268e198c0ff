/** Reading hints, on numbers made by hand. */
import test from "ava";
import { HintReader, hintsDigest, type TuningHints } from "../../../lib/llm/tuning/hints.js";
import {
  type EncoderBlock,
  type EncoderShape,
  encoderBlockWeights,
} from "../../../lib/native/sequenceEncoder.js";
import { viewOf } from "../../models/planted.js";

const view = viewOf([[0, 1], [2]], 3);
const hints: TuningHints = {
  view: view.digest,
  interactionFolds: Uint8Array.of(0, 1, 1),
  ranking: [
    {
      dimension: 2,
      users: Float32Array.of(1, 2, 3, 4),
      items: Float32Array.of(1, 0, 0, 1, 1, 1),
      itemBiases: Float32Array.of(0, 10, 20),
      similar: Int32Array.of(1, 0),
    },
    {
      dimension: 1,
      users: Float32Array.of(-1, 0),
      items: Float32Array.of(5, 6, 7),
      itemBiases: null,
      similar: Int32Array.of(-1, -1),
    },
  ],
  sequence: null,
  expected: Float32Array.of(1.5, 2.5, 3.5),
};

test("scores, similar users and ratings come from the fold of the interaction", (t) => {
  using reader = new HintReader(hints, view);
  t.deepEqual(reader.foldScores(0, 0, [2, 0]), Float64Array.of(23, 1));
  t.deepEqual(reader.foldScores(0, 1, [2, 0]), Float64Array.of(-7, -5));
  t.deepEqual(
    [0, 1].map((interaction) => reader.similarUser(0, interaction)),
    [1, null],
  );
  t.is(reader.expectedRating(2), 3.5);
});

test("no scores for a user of whom the model saw nothing, nor where hints were not asked for", (t) => {
  using reader = new HintReader(hints, view);
  t.is(reader.foldScores(1, 2, [0]), null);
  t.is(reader.sequenceScores(0, Int32Array.of(0), [1]), null);
  using none = new HintReader({ ...hints, ranking: null, expected: null }, view);
  t.is(none.foldScores(0, 0, [0]), null);
  t.is(none.similarUser(0, 0), null);
  t.is(none.expectedRating(0), null);
});

/** Copies with one number, name or field changed, each another one: all that hints hold, however deep. */
function* changed(value: unknown): Generator<unknown> {
  if (typeof value === "number") yield value + 1;
  else if (typeof value === "boolean") yield !value;
  else if (typeof value === "string") yield `${value}!`;
  else if (ArrayBuffer.isView(value)) {
    const copy = structuredClone(value) as Float32Array;
    copy[copy.length - 1]++;
    yield copy;
  } else if (Array.isArray(value))
    for (const [at, part] of value.entries()) for (const other of changed(part)) yield value.with(at, other);
  else if (value !== null)
    for (const [name, part] of Object.entries(value as object))
      for (const other of changed(part)) yield { ...(value as object), [name]: other };
}

test("the digest tells hints apart by every array, and nothing from an empty list", (t) => {
  const one = Float32Array.of(1);
  const block = Object.fromEntries(encoderBlockWeights.map((name) => [name, one])) as unknown as EncoderBlock;
  const shape: EncoderShape = {
    dimension: 1,
    hidden: 1,
    blocks: 1,
    heads: 1,
    length: 1,
    causal: true,
    activation: "gelu",
    inputScale: 1,
    epsilon: 1e-5,
  };
  const encoder = { shape, items: one, positions: one, blocks: [block], normGain: one, normBias: one };
  const whole: TuningHints = { ...hints, sequence: { userFolds: Uint8Array.of(0, 0), encoders: [encoder] } };
  const others = [...changed(whole)] as TuningHints[];
  others.push(
    { ...whole, ranking: null },
    { ...whole, ranking: [] },
    { ...whole, sequence: null },
    { ...whole, expected: null },
    { ...whole, expected: new Float32Array() },
  );
  t.true(others.length > 40);
  t.is(new Set([whole, ...others].map(hintsDigest)).size, 1 + others.length);
  t.is(hintsDigest(structuredClone(whole)), hintsDigest(whole));
});
