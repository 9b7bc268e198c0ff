import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import test from "ava";
import { checked } from "../../../lib/llm/checks.js";
import type { RankRequest } from "../../../lib/llm/languageModel.js";
import { PocketLlama, type PocketLlamaOptions } from "../../../lib/llm/pocket/pocketLlama.js";
import { setThreads, threads } from "../../../lib/native/addon.js";
import { temporaryFolder, WEIGHTS, writeTinyModel } from "../files.js";
import { referenceLogits, referenceLogProbability } from "../referenceLlama.js";
import { tinyGguf, tinyPrefix, tinyTokens } from "../tinyGguf.js";
import { inventedTitles, writePocketModel } from "./models.js";

const folder = await temporaryFolder();
const modelPath = await writeTinyModel(folder.path);
const model = await PocketLlama.load({ modelPath });
test.after.always(async () => {
  await model.dispose();
  await folder.remove();
});

const PREFIX = "The user liked:\nAlien (1979)\nDune (1984)\nNext item:";
const TITLES = [" Aliens (1986)\n", " Heidi\n", " Alien\n", " Up (2009)\n", " Solaris (1972)\n"];
const likelihood: RankRequest = { prefix: PREFIX, candidates: TITLES, mode: "likelihood" };
/** Many passes' work. */
const long: RankRequest = {
  prefix: "x".repeat(200),
  candidates: Array.from({ length: 5000 }, (_, i) => ` Title number ${i}\n`),
  mode: "likelihood",
};

const close = (actual: number, expected: number): boolean => Math.abs(actual - expected) < 1e-3;

test("likelihood scores equal the full softmax of an independent forward pass", async (t) => {
  const answer = await model.rank(likelihood);
  if (!answer.answered) return t.fail(answer.detail);
  const expected = TITLES.map((title) =>
    referenceLogProbability(WEIGHTS, tinyPrefix(PREFIX), tinyTokens(title)),
  );
  for (const [i, score] of answer.scores.entries())
    t.true(close(score, expected[i]), `${score} ${expected[i]}`);
  t.deepEqual(
    [...answer.order],
    TITLES.map((_, i) => i).sort((a, b) => expected[b] - expected[a]),
  );
  const mean = await model.rank({ ...likelihood, normalization: "mean" });
  if (!mean.answered) return t.fail();
  t.deepEqual(
    [...mean.scores],
    TITLES.map((title, i) => answer.scores[i] / tinyTokens(title).length),
  );
});

test("one pass reads prefix and tails, each tail without its last token", async (t) => {
  await using fresh = await PocketLlama.load({ modelPath, worker: false });
  await fresh.rank(likelihood);
  const tails = TITLES.reduce((sum, title) => sum + tinyTokens(title).length - 1, 0);
  t.is(fresh.stats().evaluatedTokens, tinyPrefix(PREFIX).length + tails);
});

test("more candidates than one pass takes get the scores they have alone", async (t) => {
  const candidates = Array.from({ length: 600 }, (_, i) => ` Title number ${i}\n`);
  const all = await model.rank({ ...likelihood, candidates });
  if (!all.answered) return t.fail(all.detail);
  for (const i of [0, 299, 300, 599]) {
    const alone = await model.rank({ ...likelihood, candidates: [candidates[i]] });
    if (!alone.answered) return t.fail();
    t.true(close(alone.scores[0], all.scores[i]));
  }
});

test("label scores, both orders of a pair and ratings equal the reference", async (t) => {
  const after = (text: string): Float64Array =>
    referenceLogits(WEIGHTS, [...tinyPrefix(PREFIX), ...tinyTokens(text)]).at(-1) ?? new Float64Array();
  const ranked = await model.rank({ prefix: PREFIX, candidates: ["A", "B", "C"], mode: "labels" });
  if (!ranked.answered) return t.fail();
  for (const [i, name] of ["A", "B", "C"].entries())
    t.true(close(ranked.scores[i], after("")[tinyTokens(name)[0]]));

  const questions = ["A. Alien\nB. Heidi\nBest:", "A. Heidi\nB. Alien\nBest: "] as const;
  const pair = await model.compare({ prefix: PREFIX, questions, labels: ["A", "B"] });
  const swapped = await model.compare({
    prefix: PREFIX,
    questions: [questions[1], questions[0]],
    labels: ["A", "B"],
  });
  if (!pair.answered || !swapped.answered) return t.fail();
  const [there, back] = questions
    .map(after)
    .map((logits) => logits[tinyTokens("A")[0]] - logits[tinyTokens("B")[0]]);
  t.true(close(pair.margin, Math.abs(there - back) / 2));
  t.is(pair.preferred, there >= back ? 0 : 1);
  t.is(pair.consistent, there > 0 !== back > 0);
  t.not(swapped.preferred, pair.preferred);

  const scale = [1, 5, 10];
  const rated = await model.rate({ prefix: PREFIX, scale });
  if (!rated.answered) return t.fail();
  const likely = scale.map((value) =>
    Math.exp(referenceLogProbability(WEIGHTS, tinyPrefix(PREFIX), tinyTokens(` ${value}\n`))),
  );
  const total = likely.reduce((a, b) => a + b);
  t.true(close(rated.rating, likely.reduce((sum, p, i) => sum + p * scale[i], 0) / total));
});

test("a listing writes every candidate once, each step held to what is left", async (t) => {
  const answer = await model.rank({ ...likelihood, mode: "listing" });
  if (!answer.answered) return t.fail(answer.detail);
  const left = new Map(TITLES.map((title, i) => [i, tinyTokens(title)]));
  const tokens = tinyPrefix(PREFIX);
  for (const place of answer.order) {
    let open = [...left];
    for (let at = 0; at < tinyTokens(TITLES[place]).length; at++) {
      const next = [...new Set(open.map(([, tail]) => tail[at]))];
      const logits = next.length === 1 ? [] : (referenceLogits(WEIGHTS, tokens).at(-1) ?? []);
      const best = next.reduce((a, b) => (logits[b] > logits[a] ? b : a));
      open = open.filter(([, tail]) => tail[at] === best);
      tokens.push(best);
    }
    t.deepEqual(
      open.map(([i]) => i),
      [place],
    );
    left.delete(place);
  }
  t.deepEqual(
    [...answer.scores].sort((a, b) => b - a),
    [0, -1, -2, -3, -4],
  );
});

test("complete writes the most probable tokens and stops at a stop text", async (t) => {
  const answer = await model.complete({ prompt: "Once", maxTokens: 6 });
  if (!answer.answered) return t.fail();
  const tokens = tinyPrefix("Once");
  for (let i = 0; i < 6; i++) {
    const logits = referenceLogits(WEIGHTS, tokens).at(-1) ?? new Float64Array();
    tokens.push(logits.indexOf(Math.max(...logits)));
  }
  const bytes = tokens.slice(5).map((token) => (token === 259 ? 0x20 : token - 3));
  t.like(answer, { text: Buffer.from(bytes).toString("utf8"), ended: "length" });
  const stop = [answer.text[2]];
  t.like(await model.complete({ prompt: "Once", maxTokens: 6, stop }), {
    ended: "stop",
    text: answer.text.slice(0, answer.text.indexOf(stop[0])),
  });
});

test("a pocket model is asked in turns", async (t) => {
  const path = join(folder.path, "pocket.gguf");
  await writePocketModel(path, "F16");
  await using own = await PocketLlama.load({ modelPath: path, worker: false });
  await using plain = await PocketLlama.load({ modelPath: path, worker: false, chat: "none" });
  t.not(own.id, plain.id);
  t.is(plain.contextSize - own.contextSize, 3, "the two marks of a turn, and the end of an answer");
  const request = { prefix: "What?\n", candidates: [" A", " B"], mode: "labels" } as const;
  const [asked, continued] = [await own.rank(request), await plain.rank(request)];
  t.is(own.stats().evaluatedTokens, plain.stats().evaluatedTokens + 2);
  t.notDeepEqual(asked, continued);
});

test("thread and calling thread, one, two and three threads give the same bits, whatever ran before", async (t) => {
  const path = join(folder.path, "bits.gguf");
  await writePocketModel(path, "Q8_0");
  const request: RankRequest = {
    prefix: inventedTitles(12, 1).join("\n"),
    candidates: inventedTitles(30, 2),
    mode: "likelihood",
  };
  const before = threads();
  setThreads(3);
  try {
    await using inline = await PocketLlama.load({ modelPath: path, worker: false });
    const expected = await inline.rank(request);
    t.true(expected.answered);
    await inline.complete({ prompt: "x", maxTokens: 3 });
    t.deepEqual(await inline.rank(request), expected);
    for (const count of [1, 2, 3]) {
      await using other = await PocketLlama.load({ modelPath: path, threads: count });
      t.is(other.id, inline.id);
      t.deepEqual(await other.rank(request), expected);
    }
  } finally {
    setThreads(before);
  }
});

test("what does not fit the context is too-long; what just fits is answered", async (t) => {
  const room = model.contextSize;
  const rank = (length: number) =>
    model.rank({ prefix: "x".repeat(length - 2), candidates: ["yz", "y"], mode: "likelihood" });
  t.like(await rank(room), { answered: true });
  t.like(await rank(room + 1), { answered: false, reason: "too-long" });
  t.like(await model.complete({ prompt: "x", maxTokens: room }), { answered: false, reason: "too-long" });
  t.is(model.countTokens("x".repeat(room)), room);
});

for (const worker of [true, false]) {
  const where = worker ? "on a thread" : "inline";

  test(`${where}: deadline, signal and disposal end a call early, and the event loop turns meanwhile`, async (t) => {
    const own = await PocketLlama.load({ modelPath, worker });
    const expected = await own.rank(likelihood);
    t.like(await own.rank(long, { deadlineMs: 20 }), { answered: false, reason: "timeout" });
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 20);
    t.like(await own.rank(long, { signal: controller.signal }), { answered: false, reason: "aborted" });
    t.deepEqual(await own.rank(likelihood), expected, "the next call is unharmed");
    const calls = [own.rank(long), own.rank(likelihood)];
    setTimeout(() => own.dispose(), 20);
    for (const call of calls) t.like(await call, { answered: false, reason: "aborted" });
    await own.dispose();
    await t.throwsAsync(own.rank(likelihood), { code: "E_DISPOSED" });
    t.throws(() => own.countTokens("x"), { code: "E_DISPOSED" });
  });
}

test.serial("a thread that dies gives faults, never a crash, and can still be disposed", async (t) => {
  await using own = await PocketLlama.load({ modelPath });
  const { ref } = Worker.prototype;
  const threadOfPass = new Promise<Worker>((resolve) => {
    Worker.prototype.ref = function (this: Worker) {
      resolve(this);
      ref.call(this);
    };
  });
  const asked = own.rank(long);
  try {
    await (await threadOfPass).terminate();
  } finally {
    Worker.prototype.ref = ref;
  }
  t.like(await asked, { answered: false, reason: "fault" });
  t.like(await checked(own).rank(likelihood), { answered: false, reason: "fault" });
});

test("malformed requests and options are programmer errors that name the argument", async (t) => {
  const argument = (message: RegExp) => ({ code: "E_ARGUMENT", message });
  await t.throwsAsync(model.rank({ ...likelihood, candidates: [] }), argument(/candidates/));
  await t.throwsAsync(model.rank({ ...likelihood, mode: "labels" }), argument(/candidates\[0\].*one token/));
  await t.throwsAsync(
    model.rank({ ...likelihood, mode: "listing", candidates: ["a", "ab"] }),
    argument(/candidates\[1\]/),
  );
  await t.throwsAsync(
    model.complete({ prompt: "x", maxTokens: 1, grammar: 'root ::= "a"' }),
    argument(/grammar/),
  );
  await t.throwsAsync(PocketLlama.load({ modelPath: "" }), argument(/modelPath/));
  await t.throwsAsync(PocketLlama.load({ modelPath, threads: 0 }), argument(/threads/));
  await t.throwsAsync(PocketLlama.load({ modelPath, contextSize: 1024 }), argument(/contextSize.*256/));
  await t.throwsAsync(PocketLlama.load({ modelPath, sha256: "x" }), argument(/sha256/));
  const odd = [
    [{}, /^chat\.open/],
    ["llama", /^chat:/],
    [null, /^chat:/],
  ] as const;
  for (const [chat, message] of odd)
    await t.throwsAsync(
      PocketLlama.load({ modelPath, chat } as unknown as PocketLlamaOptions),
      argument(message),
    );
});

test("the id follows the file and the settings; a pinned hash is enforced", async (t) => {
  t.regex(model.id, /^[0-9a-f]{64}$/);
  await using same = await PocketLlama.load({ modelPath, worker: false });
  await using shorter = await PocketLlama.load({ modelPath, worker: false, contextSize: 128 });
  t.is(same.id, model.id);
  t.not(shorter.id, model.id);
  const sha256 = createHash("sha256")
    .update(await readFile(modelPath))
    .digest("hex");
  await (await PocketLlama.load({ modelPath, sha256, worker: false })).dispose();
  await t.throwsAsync(PocketLlama.load({ modelPath, sha256: "0".repeat(64) }), { code: "E_GGUF" });
});

test("what only llama.cpp can run is refused with advice; broken files are E_GGUF", async (t) => {
  const other = join(folder.path, "other.gguf");
  const refused = { code: "E_ARGUMENT", message: /runner "llama\.cpp".*got/ };
  for (const change of [
    { "tokenizer.ggml.model": "gpt2" },
    { "general.architecture": "qwen2" },
    { "llama.expert_count": { uint32: 4 } },
  ]) {
    await writeFile(other, tinyGguf(WEIGHTS, change));
    await t.throwsAsync(PocketLlama.load({ modelPath: other }), refused);
  }
  const whole = await readFile(modelPath);
  await writeFile(other, whole.subarray(0, whole.length - 100));
  await t.throwsAsync(PocketLlama.load({ modelPath: other }), { code: "E_GGUF" });
  await t.throwsAsync(PocketLlama.load({ modelPath: join(folder.path, "none.gguf") }), { code: "E_FILE" });
});
