/** A GGUF of the shape of Llama-3.2-1B with random weights: tokenizer, chat template, ranking, memory and abort. */
import { statfs, writeFile } from "node:fs/promises";
import { freemem, tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { LlamaCpp } from "../../lib/llm/llamaCpp.js";
import { buildPairPrompt, buildRankingPrompt } from "../../lib/llm/prompts/build.js";
import { temporaryFolder } from "./files.js";
import { bundledFiles, ONE_BILLION, writeLargeLlama } from "./largeLlama.js";

/** Bytes of disk and memory without which the file is not written. */
const NEEDED = 4e9;
const VOCABULARY = "models/ggml-vocab-llama-bpe.gguf";
const TEMPLATE =
  "{{ bos_token }}{% for message in messages %}{{ '<|start_header_id|>' + message.role + '<|end_header_id|>\n\n' + message.content | trim + '<|eot_id|>' }}{% endfor %}";

const folder = await temporaryFolder();
test.after.always(() => folder.remove());

async function missing(): Promise<string | null> {
  const { bavail, bsize } = await statfs(tmpdir());
  if (bavail * bsize < NEEDED) return "4 GB of disk";
  return freemem() < NEEDED ? "4 GB of memory" : null;
}

async function check(t: ExecutionContext): Promise<void> {
  const [vocabulary, texts, tokens] = await bundledFiles(folder.path, [
    VOCABULARY,
    `${VOCABULARY}.inp`,
    `${VOCABULARY}.out`,
  ]);
  const vocabularyPath = join(folder.path, "vocabulary.gguf");
  await writeFile(vocabularyPath, vocabulary);
  const modelPath = join(folder.path, "large.gguf");
  const bytes = await writeLargeLlama(modelPath, ONE_BILLION, vocabularyPath, {
    "tokenizer.chat_template": TEMPLATE,
  });

  const reason = new Error("enough");
  const early = new AbortController();
  const loading = LlamaCpp.load({ modelPath, signal: early.signal });
  setTimeout(() => early.abort(reason), 50);
  await t.throwsAsync(loading, { is: reason }, "loading is aborted");

  await using model = await LlamaCpp.load({ modelPath });
  const { weights, context } = model.memory;
  t.log(`${bytes} bytes; memory ${JSON.stringify(model.memory)}`);
  // llama.cpp may keep a second copy, laid out for the processor.
  t.true(weights.ram > 0.9 * bytes && weights.ram < 2.2 * bytes);
  // Keys and values of 16 blocks, 8 heads of 64 half-precision numbers each.
  t.true(context.ram > 2 * 16 * 8 * 64 * 2 * ONE_BILLION.context);

  const outputs = tokens.toString().trimEnd().split("\n");
  for (const [i, text] of texts.toString().split("\n__ggml_vocab_test__\n").entries())
    if (text !== "") t.is(model.countTokens(text), outputs[i].trim().split(" ").length, JSON.stringify(text));
  // Beginning, four tokens of the user's header, the end of the turn, four of the answer's header, the end of the answer.
  t.is(model.contextSize, ONE_BILLION.context - 1 - 11);

  const history = ["Alien (1979)", "Dune (1984)", "Solaris (1972)"];
  const candidates = ["Aliens (1986)", "Heidi (1937)", "Up (2009)", "Moon (2009)", "Stalker (1979)"];
  for (const mode of ["labels", "likelihood"] as const) {
    const prompt = buildRankingPrompt({ history, candidates }, { model, mode });
    t.is(prompt.mode, mode);
    const before = model.stats();
    const start = performance.now();
    const answer = await model.rank(prompt);
    const { evaluatedTokens, reusedTokens } = model.stats();
    const evaluated = evaluatedTokens - before.evaluatedTokens;
    t.log(`${mode}: ${evaluated} tokens in ${Math.round(performance.now() - start)} ms`);
    if (!answer.answered) return t.fail(answer.detail);
    t.deepEqual([...answer.order].sort(), [0, 1, 2, 3, 4]);
    if (mode === "likelihood")
      t.true(reusedTokens - before.reusedTokens >= 4 * model.countTokens(prompt.prefix));
    t.deepEqual(await model.rank(prompt), answer, "the same bits");
  }
  t.like(await model.compare(buildPairPrompt({ history, items: ["Up", "Heidi"] }, { model })), {
    answered: true,
  });

  const long = buildRankingPrompt(
    { history: Array.from({ length: 90 }, (_, i) => `Film number ${i}`), candidates },
    { model, mode: "labels" },
  );
  const controller = new AbortController();
  const before = model.stats().evaluatedTokens;
  const call = model.rank(long, { signal: controller.signal });
  setTimeout(() => controller.abort(), 300);
  const start = performance.now();
  t.like(await call, { answered: false, reason: "aborted" });
  t.true(performance.now() - start < 5000, "an abort ends the call at once");
  t.like(await model.rank({ prefix: "Hello", candidates: [" A", " B"], mode: "labels" }), { answered: true });
  t.true(
    model.stats().evaluatedTokens - before < model.countTokens(long.prefix) / 2,
    "and what is left of its prompt is not evaluated",
  );
}

test("a Llama of a billion weights is tokenized, asked, measured and aborted", async (t) => {
  const lack = await missing();
  if (lack !== null) {
    t.log(`skipped: needs ${lack}`);
    t.pass();
    return;
  }
  await check(t);
});
