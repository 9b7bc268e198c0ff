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

test("a batch takes room for the sequences there are, whatever its size", (t) => {
  using sampler = new SequenceSampler(source);
  t.deepEqual(sequencesOf(sampler, 2, 2 ** 40), sequencesOf(sampler, 2, 3));
  for (const { offsets, negatives } of sampler.epoch(1, 65_536)) {
    t.is(offsets.buffer.byteLength, 4 * 4);
    t.is(negatives.buffer.byteLength, 4 * 3 * 3 * 2);
  }
  using none = new SequenceSampler({ ...source, offsets: Int32Array.of(0), items: new Int32Array(0) });
  t.deepEqual(sequencesOf(none, 1, 5), []);
});

test("a batch that no memory holds is E_NO_MEMORY and names what made it so large", (t) => {
  using sampler = new SequenceSampler({ ...source, length: 2 ** 20, negatives: 2 ** 20 });
  raises(
    t,
    () => sampler.epoch(1, 9).next(),
    "E_NO_MEMORY",
    /^batchSize 2 x length 1048576 x negatives 1048576: expected memory for a batch of 2199023255552 integers/,
  );
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
