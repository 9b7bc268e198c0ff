import test from "ava";
import { Random } from "../../../lib/data/random.js";
import { type Cloze, type ClozeOptions, clozeOf } from "../../../lib/models/sequential/cloze.js";
import type { SequenceBatch } from "../../../lib/native/sequenceSampler.js";

const maskToken = 1000;
const length = 20;

/** Sequences of 1 to 20 tokens as a sampler gives them; item numbers tell sequence and place. */
function batchOf(sequences: number, negatives = 0): SequenceBatch {
  const counts = Array.from({ length: sequences }, (_, s) => 1 + (s % length));
  const lists = counts.map((count, s) => Array.from({ length: count + 1 }, (_, t) => 40 * (s % length) + t));
  const inputs = Int32Array.from(lists.flatMap((items) => items.slice(0, -1)));
  return {
    offsets: Int32Array.of(0, ...counts.map((_, s) => counts.slice(0, s + 1).reduce((a, b) => a + b))),
    inputs,
    positions: Int32Array.from(counts.flatMap((n) => Array.from({ length: n }, (_, t) => length - n + t))),
    targets: Int32Array.from(lists.flatMap((items) => items.slice(1))),
    negatives: Int32Array.from(
      { length: inputs.length * negatives },
      (_, i) => -1 - Math.floor(i / negatives),
    ),
  };
}

const hide = (batch: SequenceBatch, options: Partial<ClozeOptions> = {}, seed = 1): Cloze =>
  clozeOf(batch, { maskRate: 0.3, lastRate: 0.2, maskToken, last: length, ...options }, new Random(seed));

test("windows are whole: inputs and what follows, one position each, hidden items among the targets alone", (t) => {
  const batch = batchOf(60);
  const { offsets, inputs, positions, places, targets } = hide(batch);
  const whole = inputs.slice();
  for (const [i, place] of places.entries()) {
    t.is(inputs[place], maskToken);
    whole[place] = targets[i];
  }
  t.false(whole.includes(maskToken), "whatever is hidden has a target");
  t.deepEqual(
    [...places],
    [...new Set(places)].sort((a, b) => a - b),
  );
  for (let s = 0; s < 60; s++) {
    const given = batch.inputs.subarray(batch.offsets[s], batch.offsets[s + 1]);
    const end = batch.targets[batch.offsets[s + 1] - 1];
    t.deepEqual([...whole.subarray(offsets[s], offsets[s + 1])], [...given, end]);
    t.deepEqual(
      [...positions.subarray(offsets[s], offsets[s + 1])],
      [...batch.positions.subarray(batch.offsets[s], batch.offsets[s + 1]), length],
    );
    t.true(
      places.some((place) => place >= offsets[s] && place < offsets[s + 1]),
      "something is hidden",
    );
  }
});

test("rates are what they say, at every place alike", (t) => {
  const batch = batchOf(20 * 200);
  const { offsets, inputs, places } = hide(batch, { lastRate: 0, maskRate: 0.4 });
  t.true(Math.abs(places.length / inputs.length - 0.4) < 0.02, `${places.length} of ${inputs.length}`);
  const long = Array.from({ length: 200 }, (_, n) => offsets[20 * n + 19]);
  for (const place of [0, 7, 20]) {
    const share = long.filter((begin) => inputs[begin + place] === maskToken).length / 200;
    t.true(Math.abs(share - 0.4) < 0.12, `${share} at ${place}`);
  }
});

test("some sequences hide their last item alone", (t) => {
  const batch = batchOf(20 * 100);
  const alone = ({ offsets, places }: Cloze): number =>
    Array.from({ length: 100 }, (_, n) => offsets[20 * n + 19]).filter((begin) => {
      const own = places.filter((place) => place >= begin && place <= begin + 20);
      return own.length === 1 && own[0] === begin + 20;
    }).length;
  t.is(alone(hide(batch, { lastRate: 1 })), 100);
  const half = alone(hide(batch, { lastRate: 1 / 2, maskRate: 1 }));
  t.true(Math.abs(half - 50) < 16, `${half} of 100`);
  t.is(alone(hide(batch, { lastRate: 0, maskRate: 0 })), 100, "where nothing was drawn");
  t.is(hide(batch, { lastRate: 0, maskRate: 1 }).places.length, batch.inputs.length + 2000, "all");
});

test("same draws for the same seed, others for another", (t) => {
  const batch = batchOf(50);
  t.deepEqual(hide(batch), hide(batch));
  t.notDeepEqual(hide(batch).places, hide(batch, {}, 2).places);
});

test("each hidden item has negatives of its own user", (t) => {
  const batch = batchOf(30, 3);
  const { offsets, places, negatives } = hide(batch, { maskRate: 0.6 });
  t.is(negatives.length, 3 * places.length);
  for (const [i, place] of places.entries()) {
    const s = offsets.findIndex((_, sequence) => place < offsets[sequence + 1]);
    for (const negative of negatives.subarray(3 * i, 3 * i + 3)) {
      const token = -1 - negative; // the batch's negatives name their token
      t.true(token >= batch.offsets[s] && token < batch.offsets[s + 1]);
    }
  }
});
