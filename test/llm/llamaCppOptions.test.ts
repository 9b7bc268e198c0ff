import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { type LoraPair, writeLora } from "../../lib/llm/gguf/lora.js";
import type { RankRequest } from "../../lib/llm/languageModel.js";
import { LlamaCpp } from "../../lib/llm/llamaCpp.js";
import { temporaryFolder, WEIGHTS, writeTinyModel } from "./files.js";
import { uniform } from "./random.js";
import { referenceLogProbability } from "./referenceLlama.js";
import { TINY, type TinyWeights, tinyPrefix, tinyTokens } from "./tinyGguf.js";

const folder = await temporaryFolder();
const modelPath = await writeTinyModel(folder.path);
test.after.always(() => folder.remove());

const PREFIX = "The user liked:\nAlien (1979)\nNext item:";
const TITLES = [" Aliens (1986)\n", " Heidi\n", " Up (2009)\n"];
const request: RankRequest = { prefix: PREFIX, candidates: TITLES, mode: "likelihood" };

const ALPHA = 3;
function lora(seed: number, inputs: number, outputs: number): LoraPair {
  const next = uniform(seed);
  const random = (n: number): Float32Array => Float32Array.from({ length: n }, () => (next() - 0.5) / 2);
  return { rank: 2, inputs, outputs, a: random(2 * inputs), b: random(2 * outputs) };
}
const PAIRS = new Map([
  ["blk.0.attn_v.weight", lora(1, TINY.width, TINY.kvHeads * TINY.headWidth)],
  ["blk.1.ffn_down.weight", lora(2, TINY.hidden, TINY.width)],
]);

/** `W + scale alpha / rank B A`, in the plainest way. */
function merged(scale: number): TinyWeights {
  const weights = new Map(WEIGHTS);
  for (const [name, { rank, inputs, outputs, a, b }] of PAIRS) {
    const { shape, data } = weights.get(name) ?? { shape: [], data: new Float32Array() };
    const sum = data.slice();
    for (let o = 0; o < outputs; o++)
      for (let i = 0; i < inputs; i++)
        for (let r = 0; r < rank; r++)
          sum[o * inputs + i] += ((scale * ALPHA) / rank) * b[o * rank + r] * a[r * inputs + i];
    weights.set(name, { shape, data: sum });
  }
  return weights;
}

async function scoresOf(model: LlamaCpp): Promise<Float64Array> {
  const answer = await model.rank(request);
  if (!answer.answered) throw new Error(answer.detail);
  return answer.scores;
}

test("an adapter is its base with the changes merged in, at any strength", async (t) => {
  const path = join(folder.path, "adapter.gguf");
  await writeLora(path, { alpha: ALPHA, pairs: PAIRS });
  await using plain = await LlamaCpp.load({ modelPath });
  await using applied = await LlamaCpp.load({ modelPath, lora: path });
  await using half = await LlamaCpp.load({ modelPath, lora: [{ path, scale: 0.5 }] });
  for (const [model, scale] of [
    [plain, 0],
    [applied, 1],
    [half, 0.5],
  ] as const) {
    const scores = await scoresOf(model);
    const weights = merged(scale);
    for (const [i, title] of TITLES.entries()) {
      const expected = referenceLogProbability(weights, tinyPrefix(PREFIX), tinyTokens(title));
      t.true(Math.abs(scores[i] - expected) < 0.05, `${scores[i]} ${expected}`);
    }
  }
  const unchanged = await scoresOf(plain);
  const changes = (await scoresOf(applied)).map((score, i) => Math.abs(score - unchanged[i]));
  t.true(Math.max(...changes) > 0.5, `the adapter matters: ${changes}`);
  t.is(new Set([plain.id, applied.id, half.id]).size, 3);
});

test("an adapter that names its base by hash is refused for any other file", async (t) => {
  const path = join(folder.path, "named.gguf");
  const sha256 = createHash("sha256")
    .update(await readFile(modelPath))
    .digest("hex");
  const madeFor = (hash: string) =>
    writeLora(path, { alpha: ALPHA, pairs: PAIRS }, { metadata: { "llama4rec.base.sha256": hash } });
  await madeFor(sha256);
  await (await LlamaCpp.load({ modelPath, lora: path })).dispose();
  await madeFor(sha256.replace(/^./, (digit) => (digit === "0" ? "1" : "0")));
  await t.throwsAsync(LlamaCpp.load({ modelPath, lora: path }), {
    code: "E_MISMATCH",
    message: /llama4rec\.base\.sha256/,
  });
});

test("an adapter of another base, a damaged one and no adapter at all are typed errors", async (t) => {
  const path = join(folder.path, "bad.gguf");
  const pair = lora(3, TINY.width, TINY.width);
  await writeLora(path, { alpha: 1, pairs: new Map([["blk.9.attn_q.weight", pair]]) });
  await t.throwsAsync(LlamaCpp.load({ modelPath, lora: path }), { code: "E_MISMATCH", message: /blk\.9/ });
  await writeLora(path, { alpha: 1, pairs: new Map([["blk.0.attn_k.weight", pair]]) });
  await t.throwsAsync(LlamaCpp.load({ modelPath, lora: path }), { code: "E_MISMATCH", message: /attn_k/ });
  await t.throwsAsync(LlamaCpp.load({ modelPath, lora: modelPath }), { code: "E_GGUF" });
  const whole = await readFile(path);
  const next = uniform(4);
  for (let i = 0; i < 20; i++) {
    await writeFile(path, whole.subarray(0, Math.floor(next() * whole.length)));
    await t.throwsAsync(LlamaCpp.load({ modelPath, lora: path }), { code: "E_GGUF", message: /bad\.gguf/ });
  }
  await t.throwsAsync(LlamaCpp.load({ modelPath, lora: join(folder.path, "none") }), { code: "E_FILE" });
  await t.throwsAsync(LlamaCpp.load({ modelPath, lora: [{ path, scale: Number.NaN }] }), {
    code: "E_ARGUMENT",
    message: /^lora\[0\]\.scale/,
  });
});

test("sequences: requests of many users run together and get the answers they get alone", async (t) => {
  await using alone = await LlamaCpp.load({ modelPath });
  await using together = await LlamaCpp.load({ modelPath, sequences: 3 });
  t.not(together.id, alone.id);
  t.is(together.contextSize, alone.contextSize, "each sequence has a context of its own");
  const requests = Array.from({ length: 12 }, (_, user): RankRequest => {
    const prefix = `User ${user % 5}\n${PREFIX}`;
    return user % 2 === 0 ? { ...request, prefix } : { prefix, candidates: ["A", "B", "C"], mode: "labels" };
  });
  const answers = await Promise.all(requests.map((request) => together.rank(request)));
  for (const [i, answer] of answers.entries()) {
    const expected = await alone.rank(requests[i]);
    if (!answer.answered || !expected.answered) return t.fail();
    for (const [j, score] of answer.scores.entries()) t.true(Math.abs(score - expected.scores[j]) < 0.05);
  }
  t.is(together.stats().calls, 12);
  await t.throwsAsync(LlamaCpp.load({ modelPath, sequences: 0 }), {
    code: "E_ARGUMENT",
    message: /^sequences/,
  });
});

test("sequences: dispose ends them all; a call that is aborted leaves the others alone", async (t) => {
  const model = await LlamaCpp.load({ modelPath, sequences: 2 });
  const candidates = Array.from({ length: 300 }, (_, i) => ` Title number ${i}\n`);
  const controller = new AbortController();
  const aborted = model.rank({ ...request, candidates }, { signal: controller.signal });
  const kept = model.rank(request);
  setTimeout(() => controller.abort(), 10);
  t.like(await aborted, { answered: false, reason: "aborted" });
  t.like(await kept, { answered: true });
  const calls = Array.from({ length: 5 }, () => model.rank({ ...request, candidates }));
  await new Promise((resolve) => setTimeout(resolve, 10));
  await model.dispose();
  for (const call of calls) t.like(await call, { answered: false, reason: "aborted" });
});

test("memory is reported by weights and context, and grows with the sequences", async (t) => {
  await using one = await LlamaCpp.load({ modelPath });
  await using four = await LlamaCpp.load({ modelPath, sequences: 4 });
  const bytes = [...WEIGHTS.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
  const { weights, context } = one.memory;
  t.true(weights.ram >= 0.9 * bytes && weights.ram < 2 * bytes, `${weights.ram} of ${bytes}`);
  t.is(weights.vram, 0);
  t.true(context.ram > 0 && four.memory.context.ram > context.ram);
});

test("loading is aborted by its signal, with the signal's reason", async (t) => {
  const reason = new Error("enough");
  await t.throwsAsync(LlamaCpp.load({ modelPath, signal: AbortSignal.abort(reason) }), { is: reason });
  const controller = new AbortController();
  const loading = LlamaCpp.load({ modelPath, signal: controller.signal });
  setImmediate(() => controller.abort(reason));
  await t.throwsAsync(loading, { is: reason });
  const late = new AbortController();
  await using model = await LlamaCpp.load({ modelPath, signal: late.signal });
  late.abort();
  t.like(await model.rank(request), { answered: true });
});
