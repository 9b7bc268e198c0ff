import { join } from "node:path";
import test from "ava";
import type { LlamaContext, LlamaModel, Token } from "node-llama-cpp";
import { llamaContent, writeLlamaFile } from "../../../lib/llm/gguf/llamaFile.js";
import { type LoraAdapter, readLora, writeLora } from "../../../lib/llm/gguf/lora.js";
import { readGguf } from "../../../lib/llm/gguf/reader.js";
import { type GgufMetadataValue, writeGguf } from "../../../lib/llm/gguf/writer.js";
import { llamaRuntime } from "../../../lib/llm/llamaRuntime.js";
import { trainTokenizer } from "../../../lib/llm/tokenizer/trainer.js";
import { temporaryFolder } from "../files.js";
import { uniform } from "../random.js";
import { smallShape, smallWeights } from "../smallLlama.js";

const folder = await temporaryFolder();
const at = (name: string): string => join(folder.path, name);

const tokenizer = trainTokenizer({ texts: [{ text: "Alien (1979) Dune (1984)", weight: 1 }] });
const shape = smallShape(tokenizer.size);
const weights = smallWeights(shape, 1);
const basePath = at("base.gguf");
await writeLlamaFile(basePath, { shape, tokenizer, weights, type: "F32" });
const base = await readGguf(basePath);
test.after.always(() => folder.remove());

/** An adapter of rank 3 of a tall, a wide and a square matrix. */
function adapterOf(seed: number): LoraAdapter {
  const next = uniform(seed);
  const random = (length: number) => Float32Array.from({ length }, () => (next() - 0.5) * 0.8);
  const pairs = new Map(
    base.tensors
      .filter(({ name }) => /blk\.1\.(attn_q|attn_v|ffn_down|ffn_up)/.test(name))
      .map(({ name, shape: [inputs, outputs] }) => [
        name,
        { rank: 3, inputs, outputs, a: random(3 * inputs), b: random(3 * outputs) },
      ]),
  );
  return { alpha: 6, pairs };
}

test("an adapter comes back", async (t) => {
  const adapter = adapterOf(1);
  await writeLora(at("adapter.gguf"), adapter);
  t.deepEqual(await readLora(at("adapter.gguf"), base), adapter);
  t.is((await readGguf(at("adapter.gguf"))).metadata.get("adapter.type"), "lora");
});

/** The logits after a text. */
async function logits(model: LlamaModel, context: LlamaContext, text: string): Promise<number[]> {
  const sequence = context.getSequence();
  const tokens = [model.tokens.bos, ...model.tokenize(text)].filter((token) => token !== null);
  const last = tokens.pop() ?? (0 as Token);
  const evaluated = await sequence.controlledEvaluate([
    ...tokens,
    [last, { generateNext: { logits: true } }],
  ]);
  const found = evaluated.at(-1)?.next.logits ?? new Map<Token, number>();
  sequence.dispose();
  return Array.from({ length: shape.vocabulary }, (_, token) => found.get(token as Token) ?? Number.NaN);
}

test("llama.cpp applies it as the merged model", async (t) => {
  const adapter = adapterOf(2);
  await writeLora(at("applied.gguf"), adapter);
  const merged = new Map(weights);
  for (const [name, { rank, inputs, outputs, a, b }] of adapter.pairs) {
    const sum = Float32Array.from(weights.get(name) ?? []);
    for (let o = 0; o < outputs; o++)
      for (let i = 0; i < inputs; i++) {
        let product = 0;
        for (let r = 0; r < rank; r++) product += b[o * rank + r] * a[r * inputs + i];
        sum[o * inputs + i] += (adapter.alpha / rank) * product;
      }
    merged.set(name, sum);
  }
  await writeLlamaFile(at("merged.gguf"), { shape, tokenizer, weights: merged, type: "F32" });

  const { llama } = await llamaRuntime(false);
  const settings = { contextSize: 64, threads: 1, flashAttention: false };
  const evaluate = async (modelPath: string, lora?: string): Promise<number[]> => {
    const model = await llama.loadModel({ modelPath });
    const context = await model.createContext({ ...settings, ...(lora === undefined ? {} : { lora }) });
    const found = await logits(model, context, "Alien (1979)\nDune");
    await model.dispose();
    return found;
  };
  const [applied, expected, plain] = [
    await evaluate(basePath, at("applied.gguf")),
    await evaluate(at("merged.gguf")),
    await evaluate(basePath),
  ];
  const apart = (a: number[], b: number[]) => Math.max(...a.map((x, i) => Math.abs(x - b[i])));
  // Keys and values in half precision.
  t.true(apart(applied, expected) < 0.02, `${apart(applied, expected)}`);
  t.true(apart(applied, plain) > 0.2, `${apart(applied, plain)}`);
});

test("an adapter of another base is E_MISMATCH and names the tensor", async (t) => {
  const smaller = { ...shape, hidden: 64 };
  const other = smallWeights(smaller, 1);
  await writeGguf(at("other.gguf"), llamaContent({ shape: smaller, tokenizer, weights: other, type: "F32" }));
  await writeLora(at("own.gguf"), adapterOf(3));
  const message =
    /own\.gguf: expected blk\.1\.ffn_up\.weight to be \[64, 64\] as in .*other\.gguf, got \[64, 96\]/;
  await t.throwsAsync(readLora(at("own.gguf"), await readGguf(at("other.gguf"))), {
    code: "E_MISMATCH",
    message,
  });

  const [pair] = adapterOf(3).pairs.values();
  await writeLora(at("deeper.gguf"), { alpha: 1, pairs: new Map([["blk.7.attn_q.weight", pair]]) });
  await t.throwsAsync(readLora(at("deeper.gguf"), base), {
    code: "E_MISMATCH",
    message: /blk\.7\.attn_q\.weight/,
  });
  await writeLora(at("qwen.gguf"), adapterOf(3), { architecture: "qwen2" });
  await t.throwsAsync(readLora(at("qwen.gguf"), base), {
    code: "E_MISMATCH",
    message: /architecture llama.*qwen2/,
  });
});

test("an adapter that names its base by hash fits no other file", async (t) => {
  const path = at("named.gguf");
  const madeFor = (sha256: string) =>
    writeLora(path, adapterOf(5), { metadata: { "llama4rec.base.sha256": sha256 } });
  await madeFor(base.sha256);
  t.deepEqual(await readLora(path, base), adapterOf(5));
  await madeFor("0".repeat(64));
  await t.throwsAsync(readLora(path, base), {
    code: "E_MISMATCH",
    message: /named\.gguf: expected llama4rec\.base\.sha256 .* as in .*base\.gguf, got 0000/,
  });
});

test("what is no LoRA adapter is E_GGUF", async (t) => {
  const tensor = (name: string, sizes: readonly number[]) => ({
    name,
    shape: sizes,
    type: "F32" as const,
    values: new Float32Array(sizes.reduce((product, size) => product * size, 1)),
  });
  const [a, b] = [
    tensor("blk.0.attn_q.weight.lora_a", [64, 2]),
    tensor("blk.0.attn_q.weight.lora_b", [2, 64]),
  ];
  const refused = async (tensors: readonly ReturnType<typeof tensor>[], message: RegExp, changes = {}) => {
    const metadata: Record<string, GgufMetadataValue> = {
      "general.type": "adapter",
      "general.architecture": "llama",
      "adapter.type": "lora",
      "adapter.lora.alpha": { float32: 2 },
      ...changes,
    };
    await writeGguf(at("bad.gguf"), { metadata, tensors });
    await t.throwsAsync(readLora(at("bad.gguf"), base), { code: "E_GGUF", message });
  };
  await t.throwsAsync(readLora(basePath, base), {
    code: "E_GGUF",
    message: /general\.type "adapter", got model/,
  });
  await refused([a, b], /adapter\.type "lora", got loha/, { "adapter.type": "loha" });
  await refused([a, b], /alpha above 0, got 0/, { "adapter.lora.alpha": { float32: 0 } });
  await refused([a, b], /alpha above 0, got two/, { "adapter.lora.alpha": "two" });
  await refused([a], /\.lora_a \[in, rank\] and \.lora_b \[rank, out\]/);
  await refused([a, tensor(b.name, [3, 64])], /lora_b \[rank, out\]/);
  await refused([a, tensor(b.name, [128])], /lora_b \[rank, out\]/);
  await refused([a, b, tensor("blk.0.attn_norm.weight", [64])], /only tensors \.lora_a and \.lora_b/);
  await refused([], /a pair of tensors/);
});

test("adapters that cannot be are not written", async (t) => {
  const write = (adapter: Partial<LoraAdapter>) =>
    writeLora(at("never.gguf"), { ...adapterOf(4), ...adapter });
  await t.throwsAsync(write({ alpha: 0 }), { code: "E_ARGUMENT", message: /alpha/ });
  await t.throwsAsync(write({ pairs: new Map() }), { code: "E_ARGUMENT", message: /pairs/ });
  const [pair] = adapterOf(4).pairs.values();
  const short = { ...pair, a: pair.a.slice(1) };
  await t.throwsAsync(write({ pairs: new Map([["w", short]]) }), {
    code: "E_ARGUMENT",
    message: /w\.lora_a/,
  });
});
