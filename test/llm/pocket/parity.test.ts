import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { type LoraAdapter, readLora } from "../../../lib/llm/gguf/lora.js";
import { readGguf } from "../../../lib/llm/gguf/reader.js";
import { LlamaCpp } from "../../../lib/llm/llamaCpp.js";
import { batchOf } from "../../../lib/llm/pocket/batch.js";
import { LoraLayers } from "../../../lib/llm/pocket/lora.js";
import { LlamaNetwork } from "../../../lib/llm/pocket/network.js";
import { evaluate } from "../../../lib/llm/pocket/pass.js";
import { readNetwork } from "../../../lib/llm/pocket/pocketFile.js";
import { PocketLlama } from "../../../lib/llm/pocket/pocketLlama.js";
import { Tokenizer } from "../../../lib/llm/tokenizer/tokenizer.js";
import { writeTuned } from "../../../lib/llm/tuning/tunedModel.js";
import { dense, matmul, step, values } from "../../../lib/native/autograd.js";
import { storiesModel, temporaryFolder } from "../files.js";
import { uniform } from "../random.js";
import { inventedTitles, writePocketModel } from "./models.js";
import { NodeLlama } from "./nodeLlama.js";

const folder = await temporaryFolder();
test.after.always(() => folder.remove());

const F16_TOLERANCE = 0.02;
// llama.cpp rounds the states to 8 bits as well before it multiplies them with 8-bit weights.
const Q8_TOLERANCE = 0.3;
const GREEDY_TOKENS = 24;

/** Logits of our own pass after some tokens. */
async function ownLogits(network: LlamaNetwork, tokens: readonly number[]): Promise<Float32Array> {
  const batch = batchOf([{ prefix: tokens, tails: [] }]);
  const rows = Int32Array.of(tokens.length - 1);
  return evaluate(network, { batch, rows, read: { kind: "logits", tokens: null } }, () => {});
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  return Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
}

/** Twenty prompts as tokens: the beginning alone, unseen letters, bytes, titles, up to `longest` tokens. */
function prompts(tokenizer: Tokenizer, longest: number): number[][] {
  const list = inventedTitles(200, 9).join("\n");
  const texts = [
    "x",
    "Ünïcödé",
    "映画 🎬 (1999)",
    "\u0000\u0001\u007f",
    "tab\tand\r\nbreaks\n\n",
    "<s>[INST] no marks </s>",
    "   many   spaces   ",
    ...Array.from({ length: 11 }, (_, i) => list.slice(0, 4 << (i % 8)) + "é".repeat(i)),
  ];
  const { bos } = tokenizer.vocabulary;
  const tokens = texts.map((text) => [bos, ...tokenizer.encode(text)].slice(0, longest));
  return [[bos], ...tokens, [bos, ...tokenizer.encode(list)].slice(0, longest)];
}

/** The last position's logits agree, and so do greedy continuations while their choice is clear. */
async function agrees(
  t: ExecutionContext,
  path: string,
  { tolerance, context, cache }: { tolerance: number; context: number; cache?: "F16" | "F32" },
): Promise<void> {
  const file = await readGguf(path);
  using network = await readNetwork(path, file.sha256);
  await using llama = await NodeLlama.open(path, undefined, cache);
  const all = prompts(Tokenizer.fromGguf(file), context - 1);
  t.is(all.length, 20);
  t.is(Math.max(...all.map(({ length }) => length)), context - 1);
  for (const prompt of all) {
    const difference = largestDifference(await ownLogits(network, prompt), await llama.logits(prompt));
    t.true(difference <= tolerance, `${prompt.length} tokens: ${difference}`);
  }
  for (const prompt of all.filter(({ length }) => length < context - GREEDY_TOKENS).slice(0, 6)) {
    const tokens = [...prompt];
    for (let i = 0; i < GREEDY_TOKENS; i++) {
      const [own, theirs] = [await ownLogits(network, tokens), await llama.logits(tokens)];
      const [first, second] = [...own].sort((a, b) => b - a);
      if (first - second <= 2 * tolerance) break;
      t.is(own.indexOf(first), theirs.indexOf(Math.max(...theirs)));
      tokens.push(own.indexOf(first));
    }
  }
}

test("F16: our forward pass gives llama.cpp's logits", async (t) => {
  const path = join(folder.path, "f16.gguf");
  const { context } = await writePocketModel(path, "F16");
  await agrees(t, path, { tolerance: F16_TOLERANCE, context });
});

test("Q8_0: our forward pass gives llama.cpp's logits", async (t) => {
  const path = join(folder.path, "q8.gguf");
  const { context } = await writePocketModel(path, "Q8_0");
  await agrees(t, path, { tolerance: Q8_TOLERANCE, context });
});

const stories = storiesModel();
const withStories = stories === null ? test.skip : test;
withStories("F32 of a third party: our forward pass gives llama.cpp's logits", async (t) => {
  if (stories === null) return;
  // With keys and values in half precision, llama.cpp itself is up to 0.03 off: its logits are near 12.
  await agrees(t, stories, { tolerance: 1e-3, context: 512, cache: "F32" });
});

test("an adapter that llama.cpp applies equals the weights it is merged into, and our own adapted layers", async (t) => {
  const path = join(folder.path, "base.gguf");
  const adapter = join(folder.path, "adapter.gguf");
  const shape = await writePocketModel(path, "F16");
  const base = await readGguf(path);
  using network = await readNetwork(path, base.sha256);
  using lora = new LoraLayers(shape, 1, { rank: 4 });
  const next = uniform(3);
  for (const parameter of lora.parameters.filter(({ name }) => name.endsWith(".b")))
    parameter.write(
      Float32Array.from({ length: parameter.rows * parameter.columns }, () => (next() - 0.5) / 4),
    );
  const { rank, alpha } = lora;
  const baseSha256 = base.sha256;
  await writeTuned(adapter, { kind: "adapter", baseSha256, shape, rank, alpha, factors: lora.factors() });
  using merged = LlamaNetwork.of(shape, mergedWeights(network.weights(), await readLora(adapter, base)));
  await using llama = await NodeLlama.open(path, adapter);
  for (const tokens of prompts(Tokenizer.fromGguf(base), shape.context - 1).slice(0, 12)) {
    const expected = await ownLogits(merged, tokens);
    t.true(largestDifference(expected, await llama.logits(tokens)) <= F16_TOLERANCE);
    const adapted = step(() => {
      const batch = batchOf([{ prefix: tokens, tails: [] }]);
      const state = network.states(batch, { lora, rows: Int32Array.of(tokens.length - 1) });
      return values(matmul(state, dense(network.head), { transposeB: true }));
    });
    t.true(largestDifference(expected, adapted) <= 1e-3);
    t.true(
      largestDifference(expected, await ownLogits(network, tokens)) > 10 * F16_TOLERANCE,
      "it changes much",
    );
  }
});

/** `W + alpha / rank * B A` of every adapted matrix. */
function mergedWeights(
  weights: ReadonlyMap<string, Float32Array>,
  { alpha, pairs }: LoraAdapter,
): ReadonlyMap<string, Float32Array> {
  const merged = new Map(weights);
  for (const [name, { rank, inputs, a, b }] of pairs) {
    const change = (i: number): number => {
      const [row, column] = [Math.floor(i / inputs), i % inputs];
      let sum = 0;
      for (let r = 0; r < rank; r++) sum += b[row * rank + r] * a[r * inputs + column];
      return (alpha / rank) * sum;
    };
    const base = weights.get(name);
    if (base === undefined) throw new Error(`no tensor ${name}`);
    merged.set(
      name,
      base.map((value, i) => value + change(i)),
    );
  }
  return merged;
}

for (const type of ["F16", "Q8_0"] as const)
  test(`${type}: every call answers as llama.cpp does`, async (t) => {
    const tolerance = type === "F16" ? F16_TOLERANCE : Q8_TOLERANCE;
    const modelPath = join(folder.path, `calls-${type}.gguf`);
    await writePocketModel(modelPath, type);
    await using own = await PocketLlama.load({ modelPath, worker: false });
    await using llama = await LlamaCpp.load({ modelPath });
    const titles = inventedTitles(8, 4).map((title) => ` ${title}\n`);
    const prefix = `The user's list:\n${inventedTitles(6, 5).join("\n")}\nWhat comes next?\n`;
    t.is(own.countTokens(prefix), llama.countTokens(prefix));
    t.deepEqual(own.labels(10), llama.labels(10));
    const near = (a: ArrayLike<number>, b: ArrayLike<number>, scale = 1): void => {
      const difference = largestDifference(a, b);
      t.true(difference <= tolerance * scale, `${difference}`);
    };

    const names = [" A", " B", " C", " D"];
    for (const request of [
      { prefix, candidates: titles, mode: "likelihood" },
      { prefix, candidates: titles, mode: "likelihood", normalization: "mean" },
      { prefix, candidates: names, mode: "labels" },
    ] as const) {
      const [a, b] = [await own.rank(request), await llama.rank(request)];
      if (!a.answered || !b.answered) return t.fail();
      near(a.scores, b.scores, 5);
    }
    const questions = ["A or B?\n A. x\n B. y\n", "A or B?\n A. y\n B. x\n"] as const;
    const [ours, theirs] = [
      await own.compare({ prefix, questions, labels: [" A", " B"] }),
      await llama.compare({ prefix, questions, labels: [" A", " B"] }),
    ];
    if (!ours.answered || !theirs.answered) return t.fail();
    near([ours.margin * (1 - 2 * ours.preferred)], [theirs.margin * (1 - 2 * theirs.preferred)]);
    for (const scale of [
      [1, 2, 3, 4, 5],
      [0.5, 1, 10],
    ]) {
      const [a, b] = [await own.rate({ prefix, scale }), await llama.rate({ prefix, scale })];
      if (!a.answered || !b.answered) return t.fail();
      near(a.probabilities, b.probabilities);
    }
    if (type === "Q8_0") return;
    const listing = { prefix, candidates: titles, mode: "listing" } as const;
    t.deepEqual(await own.rank(listing), await llama.rank(listing));
    const complete = { prompt: prefix, maxTokens: 12 };
    t.deepEqual(await own.complete(complete), await llama.complete(complete));
  });
