import test from "ava";
import { batchOf, type PrefixAndTails } from "../../../lib/llm/pocket/batch.js";
import { LlamaNetwork } from "../../../lib/llm/pocket/network.js";
import { evaluate } from "../../../lib/llm/pocket/pass.js";
import { setThreads, threads } from "../../../lib/native/addon.js";
import {
  backward,
  dense,
  gradient,
  matmul,
  softmaxLoss,
  step,
  take,
  values,
} from "../../../lib/native/autograd.js";
import { uniform } from "../random.js";
import { referenceLogits } from "../referenceLlama.js";
import { smallShape, smallWeights } from "../smallLlama.js";
import { TINY, tinyWeights } from "../tinyGguf.js";

const weights = tinyWeights(3);
const shape = {
  vocabulary: TINY.vocabulary,
  context: TINY.context,
  dimension: TINY.width,
  blocks: TINY.layers,
  hidden: TINY.hidden,
  heads: TINY.heads,
  kvHeads: TINY.kvHeads,
  width: TINY.headWidth,
  ropeBase: TINY.ropeBase,
  epsilon: TINY.epsilon,
};
const network = LlamaNetwork.of(shape, new Map([...weights].map(([name, { data }]) => [name, data])));
test.after.always(() => network[Symbol.dispose]());

const next = uniform(8);
const random = (length: number): number[] =>
  Array.from({ length }, () => Math.floor(next() * TINY.vocabulary));

/** Logits after every token of a batch, `[tokens x vocabulary]`. */
async function allLogits(parts: readonly PrefixAndTails[]): Promise<Float32Array> {
  const batch = batchOf(parts);
  const rows = Int32Array.from(batch.tokens.keys());
  return evaluate(network, { batch, rows, read: { kind: "logits", tokens: null } }, () => {});
}

const rowOf = (logits: Float32Array, row: number): Float32Array =>
  logits.subarray(row * TINY.vocabulary, (row + 1) * TINY.vocabulary);

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
}

test("prefix and tails in one pass equal each text alone in a float64 pass", async (t) => {
  const parts = [
    { prefix: random(17), tails: [random(1), random(5), [], random(9)] },
    { prefix: random(3), tails: [] },
    { prefix: random(1), tails: [random(33), random(2)] },
  ];
  const logits = await allLogits(parts);
  let row = 0;
  for (const { prefix, tails } of parts) {
    const alone = referenceLogits(weights, prefix);
    for (const expected of alone) t.true(largestDifference(expected, rowOf(logits, row++)) < 1e-4);
    for (const tail of tails) {
      const whole = referenceLogits(weights, [...prefix, ...tail]).slice(prefix.length);
      for (const expected of whole) t.true(largestDifference(expected, rowOf(logits, row++)) < 1e-4);
    }
  }
});

test("tails do not see each other", async (t) => {
  const prefix = random(20);
  const [kept, other] = [random(6), random(6)];
  const first = await allLogits([{ prefix, tails: [other, kept] }]);
  const second = await allLogits([{ prefix, tails: [other.map((token) => (token + 1) % 260), kept] }]);
  const from = prefix.length + other.length;
  t.deepEqual(first.subarray(from * TINY.vocabulary), second.subarray(from * TINY.vocabulary));
  t.deepEqual(
    first.subarray(0, prefix.length * TINY.vocabulary),
    second.subarray(0, prefix.length * TINY.vocabulary),
  );
  t.notDeepEqual(rowOf(first, prefix.length), rowOf(second, prefix.length), "what changed is seen by itself");
});

test("what is read does not depend on how much is read", async (t) => {
  const batch = batchOf([{ prefix: random(30), tails: [random(4), random(7)] }]);
  const rows = Int32Array.of(29, 29, 31, 40);
  const all = await evaluate(network, { batch, rows, read: { kind: "logits", tokens: null } }, () => {});
  const tokens = Int32Array.of(5, 259, 0);
  const some = await evaluate(network, { batch, rows, read: { kind: "logits", tokens } }, () => {});
  const expected = [...rows.keys()].flatMap((row) => [...tokens].map((token) => rowOf(all, row)[token]));
  t.true(largestDifference(expected, some) < 1e-5);
  const targets = Int32Array.of(5, 259, 0, 7);
  const read = { kind: "logProbabilities", targets } as const;
  const probabilities = await evaluate(network, { batch, rows, read }, () => {});
  for (const [row, target] of targets.entries()) {
    const logits = Float64Array.from(rowOf(all, row));
    const logSum = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
    t.true(Math.abs(logits[target] - logSum - probabilities[row]) < 1e-5);
  }
});

test.serial("one, two and three threads give the same bits", async (t) => {
  const before = threads();
  const parts = [{ prefix: random(120), tails: Array.from({ length: 40 }, (_, i) => random(1 + (i % 9))) }];
  try {
    const results: Float32Array[] = [];
    for (const count of [1, 2, 3]) {
      setThreads(count);
      results.push(await allLogits(parts));
    }
    t.deepEqual(results[1], results[0]);
    t.deepEqual(results[2], results[0]);
  } finally {
    setThreads(before);
  }
});

test("selected rows have the states and the gradients of all rows", (t) => {
  const small = smallShape(50);
  using own = LlamaNetwork.of(small, smallWeights(small, 2));
  const batch = batchOf([{ prefix: [1, 2, 3, 4, 5], tails: [[6, 7, 8], [9]] }]);
  const rows = Int32Array.of(1, 4, 4, 7);
  const targets = Int32Array.of(3, 5, 6, 8);
  const run = (selected: boolean) =>
    step(() => {
      const states = selected ? own.states(batch, { rows }) : take(own.states(batch), rows);
      backward(softmaxLoss(states, dense(own.head), targets));
      const tables = own.parameters.filter((parameter) => parameter !== own.head);
      return { states: values(states), gradients: tables.map((table) => gradient(dense(table))) };
    });
  const [some, all] = [run(true), run(false)];
  t.true(largestDifference(some.states, all.states) < 1e-6);
  for (const [i, expected] of all.gradients.entries()) {
    t.true(largestDifference(expected, some.gradients[i]) < 1e-6);
    t.true(expected.some((value) => value !== 0));
  }
});

test("weights come out as they went in, by their names in a file", (t) => {
  const read = network.weights();
  t.deepEqual([...read.keys()].sort(), [...weights.keys()].sort());
  for (const [name, { data }] of weights) t.deepEqual(read.get(name), data, name);
});

test("a tied head is the embeddings", (t) => {
  const small = smallShape(50);
  using own = LlamaNetwork.of(small, smallWeights(small, 2));
  t.is(own.head, own.embeddings);
  t.not(network.head, network.embeddings);
  const logits = step(() =>
    values(
      matmul(own.states(batchOf([{ prefix: [1], tails: [] }])), dense(own.embeddings), { transposeB: true }),
    ),
  );
  t.is(logits.length, 50);
});
