import test from "ava";
import { SequenceSampler, type SequenceSource } from "../../lib/native/sequenceSampler.js";
import { raises } from "./raises.js";

const source: SequenceSource = {
  itemCount: 10,
  offsets: Int32Array.of(0, 4, 4, 5, 11),
  items: Int32Array.of(1, 2, 3, 4, 7, 9, 8, 7, 6, 5, 4),
  length: 3,
  negatives: 2,
  seed: 1,
};

/** Every sequence of an epoch as inputs, positions and targets. */
function sequencesOf(sampler: SequenceSampler, epoch: number, batchSize: number, start?: number): string[] {
  const all: string[] = [];
  for (const { offsets, inputs, positions, targets, negatives } of sampler.epoch(epoch, batchSize, start)) {
    for (let s = 0; s + 1 < offsets.length; s++) {
      const of = (values: Int32Array): string => values.slice(offsets[s], offsets[s + 1]).join(" ");
      all.push(`${of(inputs)} at ${of(positions)} then ${of(targets)}`);
    }
    if (negatives.length !== 2 * inputs.length) throw new Error("two negatives a token");
  }
  return all;
}

test("histories are cut from their end; places are counted back from the window's end", (t) => {
  using sampler = new SequenceSampler(source);
  t.is(sampler.examples, 3);
  t.deepEqual(sequencesOf(sampler, 1, 2).sort(), [
    "1 2 3 at 0 1 2 then 2 3 4",
    "7 6 5 at 0 1 2 then 6 5 4",
    "9 8 at 1 2 then 8 7",
  ]);
});

test("an epoch can begin anywhere", (t) => {
  using sampler = new SequenceSampler(source);
  const whole = sequencesOf(sampler, 4, 3);
  for (const start of [0, 1, 2, 3]) t.deepEqual(sequencesOf(sampler, 4, 1, start), whole.slice(start));
});

test("malformed input is refused", (t) => {
  const wrong: [change: Partial<SequenceSource>, message: RegExp][] = [
    [{ itemCount: 9 }, /items\[5\]: expected 0\.\.8/],
    [{ itemCount: -1 }, /itemCount/],
    [{ offsets: Int32Array.of(0, 3) }, /offsets/],
    [{ length: 0 }, /length/],
    [{ length: 1.5 }, /length/],
    [{ negatives: -1 }, /negatives/],
    [{ seed: -1 }, /seed/],
  ];
  for (const [change, message] of wrong)
    raises(t, () => new SequenceSampler({ ...source, ...change }), "E_ARGUMENT", message);
  using sampler = new SequenceSampler(source);
  raises(t, () => sequencesOf(sampler, 1, 0), "E_ARGUMENT", /batchSize/);
  raises(t, () => sequencesOf(sampler, -1, 1), "E_ARGUMENT", /epoch/);
  raises(t, () => sequencesOf(sampler, 1, 1, -1), "E_ARGUMENT", /start/);
  raises(t, () => sequencesOf(sampler, 1, 1, 9), "E_ARGUMENT", /start: expected 0\.\.3/);
});
