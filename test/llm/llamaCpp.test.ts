import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import type { RankRequest } from "../../lib/llm/languageModel.js";
import { LlamaCpp } from "../../lib/llm/llamaCpp.js";
import { buildRankingPrompt } from "../../lib/llm/prompts/build.js";
import { temporaryFolder, WEIGHTS, writeTinyModel } from "./files.js";
import { uniform } from "./random.js";
import { logSoftmax, referenceLogits, referenceLogProbability } from "./referenceLlama.js";
import { tinyGguf, tinyPrefix, tinyTokens } from "./tinyGguf.js";

const folder = await temporaryFolder();
const path = await writeTinyModel(folder.path);
const model = await LlamaCpp.load({ modelPath: path });
test.after.always(async () => {
  await model.dispose();
  await folder.remove();
});

// llama.cpp keeps keys and values in half precision.
const TOLERANCE = 0.02;
const PREFIX = "The user liked:\nAlien (1979)\nDune (1984)\nNext item:";
const TITLES = [" Aliens (1986)\n", " Heidi\n", " Alien\n", " Up (2009)\n", " Solaris (1972)\n"];
const likelihood: RankRequest = { prefix: PREFIX, candidates: TITLES, mode: "likelihood" };

function close(actual: number, expected: number, tolerance = TOLERANCE): boolean {
  return Math.abs(actual - expected) <= tolerance * Math.max(1, Math.abs(expected) / 20);
}

test("likelihood scores equal the full softmax of an independent forward pass", async (t) => {
  const answer = await model.rank(likelihood);
  if (!answer.answered) return t.fail(answer.detail);
  const expected = TITLES.map((title) =>
    referenceLogProbability(WEIGHTS, tinyPrefix(PREFIX), tinyTokens(title)),
  );
  for (const [i, score] of answer.scores.entries())
    t.true(close(score, expected[i]), `${score} ${expected[i]}`);
  const byReference = TITLES.map((_, i) => i).sort((a, b) => expected[b] - expected[a]);
  t.deepEqual([...answer.order], byReference);
});

test("mean normalization divides by the tokens of each continuation", async (t) => {
  const [sum, mean] = [
    await model.rank(likelihood),
    await model.rank({ ...likelihood, normalization: "mean" }),
  ];
  if (!sum.answered || !mean.answered) return t.fail();
  t.deepEqual(
    [...mean.scores],
    TITLES.map((title, i) => sum.scores[i] / tinyTokens(title).length),
  );
});

test("label scores are the logits after the prefix", async (t) => {
  const labels = model.labels(5);
  if (!labels) return t.fail();
  t.deepEqual(labels, { lead: "", names: ["A", "B", "C", "D", "E"] }, "a space is a token of its own here");
  const answer = await model.rank({ prefix: PREFIX, candidates: labels.names, mode: "labels" });
  if (!answer.answered) return t.fail(answer.detail);
  const logits = referenceLogits(WEIGHTS, tinyPrefix(PREFIX)).at(-1) ?? new Float64Array();
  for (const [i, name] of labels.names.entries())
    t.true(close(answer.scores[i], logits[tinyTokens(name)[0]]));
});

test("compare averages both orders", async (t) => {
  const questions = ["A. Alien\nB. Heidi\nBest: ", "A. Heidi\nB. Alien\nBest: "] as const;
  const answer = await model.compare({ prefix: PREFIX, questions, labels: ["A", "B"] });
  const swapped = await model.compare({
    prefix: PREFIX,
    questions: [questions[1], questions[0]],
    labels: ["A", "B"],
  });
  if (!answer.answered || !swapped.answered) return t.fail();
  const odds = questions.map((question) => {
    const logits =
      referenceLogits(WEIGHTS, [...tinyPrefix(PREFIX), ...tinyTokens(question)]).at(-1) ?? new Float64Array();
    return logits[tinyTokens("A")[0]] - logits[tinyTokens("B")[0]];
  });
  const margin = (odds[0] - odds[1]) / 2;
  t.true(close(answer.margin, Math.abs(margin)));
  t.is(answer.preferred, margin >= 0 ? 0 : 1);
  t.is(answer.consistent, odds[0] > 0 !== odds[1] > 0);
  t.is(swapped.margin, answer.margin);
  t.not(swapped.preferred, answer.preferred);
  t.is(swapped.consistent, answer.consistent);
});

test("a rating of one token is the expected value over the label logits", async (t) => {
  const bare = await model.rank({ prefix: `${PREFIX} `, candidates: ["1", "2", "3"], mode: "labels" });
  if (!bare.answered) return t.fail();
  // A space is a token of its own in this vocabulary, so the ratings are compared as whole texts " 1\n".
  const answer = await model.rate({ prefix: PREFIX, scale: [1, 2, 3] });
  if (!answer.answered) return t.fail();
  const scores = ["1", "2", "3"].map((digit) =>
    referenceLogProbability(WEIGHTS, tinyPrefix(PREFIX), tinyTokens(` ${digit}\n`)),
  );
  const p = logSoftmax(Float64Array.from(scores)).map(Math.exp);
  t.true(close(answer.rating, p[0] + 2 * p[1] + 3 * p[2]));
  t.true(
    close(
      answer.probabilities.reduce((a, b) => a + b),
      1,
      1e-12,
    ),
  );
});

test("ratings of several digits are told apart", async (t) => {
  const answer = await model.rate({ prefix: PREFIX, scale: [1, 5, 10] });
  if (!answer.answered) return t.fail();
  t.true(answer.rating >= 1 && answer.rating <= 10);
  t.is(answer.probabilities.length, 3);
});

test("choose names the head of the ranking", async (t) => {
  const [chosen, ranked] = [await model.choose(likelihood), await model.rank(likelihood)];
  if (!chosen.answered || !ranked.answered) return t.fail();
  t.is(chosen.index, ranked.order[0]);
  t.is(Math.max(...chosen.probabilities), chosen.probabilities[chosen.index]);
});

test("complete writes the most probable tokens", async (t) => {
  const answer = await model.complete({ prompt: "Once", maxTokens: 6 });
  if (!answer.answered) return t.fail();
  const tokens = tinyPrefix("Once");
  for (let i = 0; i < 6; i++) {
    const logits = referenceLogits(WEIGHTS, tokens).at(-1) ?? new Float64Array();
    tokens.push(logits.indexOf(Math.max(...logits)));
  }
  const bytes = tokens.slice(5).map((token) => (token === 259 ? 0x20 : token - 3));
  t.is(answer.text, Buffer.from(bytes).toString("utf8"));
  t.is(answer.ended, "length");
  const stopped = await model.complete({ prompt: "Once", maxTokens: 6, stop: [answer.text[2]] });
  t.like(stopped, {
    answered: true,
    ended: "stop",
    text: answer.text.slice(0, answer.text.indexOf(answer.text[2])),
  });
});

test("the same request has the same bits whatever ran before and in whatever company", async (t) => {
  const fresh = await LlamaCpp.load({ modelPath: path });
  const first = await fresh.rank(likelihood);
  await fresh.complete({ prompt: PREFIX, maxTokens: 20 });
  await fresh.rank({ ...likelihood, prefix: PREFIX.slice(0, 30) });
  await fresh.compare({ prefix: PREFIX, questions: ["x A or B? ", "y A or B? "], labels: ["A", "B"] });
  t.deepEqual(await fresh.rank(likelihood), first, "after other prefixes and on a held one");
  await fresh.rank({ ...likelihood, candidates: [...TITLES].reverse() });
  t.deepEqual(await fresh.rank(likelihood), first, "on a held prefix");
  const together = await Promise.all(Array.from({ length: 4 }, () => fresh.rank(likelihood)));
  for (const answer of together) t.deepEqual(answer, first);
  t.deepEqual(await model.rank(likelihood), first, "in another instance");
  await fresh.dispose();
});

test("a candidate's score does not depend on the order of the candidates", async (t) => {
  const [there, back] = [
    await model.rank(likelihood),
    await model.rank({ ...likelihood, candidates: [...TITLES].reverse() }),
  ];
  if (!there.answered || !back.answered) return t.fail();
  t.deepEqual([...back.scores].reverse(), [...there.scores]);
});

test("a prefix is evaluated once for all its candidates, and not again for the next request", async (t) => {
  const fresh = await LlamaCpp.load({ modelPath: path });
  const prefix = tinyPrefix(PREFIX).length;
  await fresh.rank({ prefix: PREFIX, candidates: ["A", "B"], mode: "labels" });
  t.like(fresh.stats(), { evaluatedTokens: prefix, reusedTokens: 0 });
  await fresh.rank({ prefix: PREFIX, candidates: ["A", "B"], mode: "labels" });
  t.like(fresh.stats(), { evaluatedTokens: prefix + 1, reusedTokens: prefix - 1 });
  await fresh.rank(likelihood);
  const tails = TITLES.reduce((sum, title) => sum + tinyTokens(title).length, 0);
  t.like(fresh.stats(), {
    evaluatedTokens: prefix + 1 + tails,
    reusedTokens: (1 + TITLES.length) * (prefix - 1),
  });
  await fresh.dispose();
});

test("listing writes the candidates one after another, greedily", async (t) => {
  const candidates = [" Aliens\n", " Heidi\n", " Alien\n", " Up\n", " Up\n"];
  const answer = await model.rank({ prefix: PREFIX, candidates, mode: "listing" });
  if (!answer.answered) return t.fail(answer.detail);
  const tokens = tinyPrefix(PREFIX);
  const left = new Set(candidates.keys());
  const order: number[] = [];
  while (left.size > 0) {
    const start = tokens.length;
    let open = [...left];
    for (let at = 0; open.some((i) => candidates[i].length > at); at++) {
      const logits = referenceLogits(WEIGHTS, tokens).at(-1) ?? new Float64Array();
      const next = (i: number): number => tinyTokens(candidates[i])[at];
      const best = open.reduce((a, b) => (logits[next(b)] > logits[next(a)] ? b : a));
      tokens.push(next(best));
      open = open.filter((i) => next(i) === tokens[start + at]);
    }
    left.delete(open[0]);
    order.push(open[0]);
  }
  t.deepEqual([...answer.order], order);
  for (const [place, position] of order.entries()) t.is(answer.scores[position], 0 - place);
  t.deepEqual(await model.rank({ prefix: PREFIX, candidates, mode: "listing" }), answer);
  const chosen = await model.choose({ prefix: PREFIX, candidates, mode: "listing" });
  t.like(chosen, { index: order[0] });
});

test("a listing needs room for all candidates, and candidates none of which begins another", async (t) => {
  const candidates = Array.from({ length: 4 }, (_, i) => `${i}${"x".repeat(48)}\n`);
  const list = (prefix: number) => model.rank({ prefix: "x".repeat(prefix), candidates, mode: "listing" });
  t.like(await list(model.contextSize - 200), { answered: true });
  t.like(await list(model.contextSize - 199), { answered: false, reason: "too-long" });
  const prefixed = { prefix: PREFIX, candidates: [" Alien", " Aliens"], mode: "listing" } as const;
  await t.throwsAsync(model.rank(prefixed), { code: "E_ARGUMENT", message: /candidates\[1\].*line break/ });
});

test("titles that are empty, huge, or spell marks and templates are answered like any other", async (t) => {
  const odd = [
    "",
    "x".repeat(10_000),
    "[INST] </s><|eot_id|>",
    "A. x\n",
    "What else does the user like?",
    "\ud800",
  ];
  const histories = [odd, [...odd].reverse(), []];
  for (const history of histories)
    for (const mode of ["likelihood", "labels", "listing"] as const) {
      const candidates = ["Up", ...odd.slice(2), ""];
      const prompt = buildRankingPrompt({ history, candidates: candidates.slice(0, 3) }, { model, mode });
      const answer = await model.rank(prompt);
      if (!answer.answered) return t.fail(`${mode}: ${answer.detail}`);
      t.deepEqual([...answer.order].sort(), [0, 1, 2]);
    }
});

test("what does not fit the context is too-long; what just fits is answered", async (t) => {
  const room = model.contextSize;
  const rank = (length: number) =>
    model.rank({ prefix: "x".repeat(length - 2), candidates: ["yz", "y"], mode: "likelihood" });
  t.like(await rank(room), { answered: true });
  t.like(await rank(room + 1), { answered: false, reason: "too-long" });
  t.like(await model.complete({ prompt: "x", maxTokens: room - 1 }), { answered: true });
  t.like(await model.complete({ prompt: "x", maxTokens: room }), { answered: false, reason: "too-long" });
  t.is(model.countTokens("x".repeat(room)), room);
});

test("a deadline ends the call, and the next call is unharmed", async (t) => {
  const before = await model.rank(likelihood);
  const candidates = Array.from({ length: 400 }, (_, i) => ` Title number ${i}\n`);
  t.like(await model.rank({ ...likelihood, candidates }, { deadlineMs: 15 }), {
    answered: false,
    reason: "timeout",
  });
  t.deepEqual(await model.rank(likelihood), before);
});

test("a signal ends the call between evaluations", async (t) => {
  const before = model.stats();
  const candidates = Array.from({ length: 400 }, (_, i) => ` Title number ${i}\n`);
  const controller = new AbortController();
  const call = model.rank({ ...likelihood, candidates }, { signal: controller.signal });
  setTimeout(() => controller.abort(), 10);
  t.like(await call, { answered: false, reason: "aborted" });
  t.like(await model.rank(likelihood, { signal: AbortSignal.abort() }), {
    answered: false,
    reason: "aborted",
  });
  t.is(model.stats().noAnswers.aborted, before.noAnswers.aborted + 2);
});

test("malformed requests are programmer errors that name the argument", async (t) => {
  const argument = (message: RegExp) => ({ code: "E_ARGUMENT", message });
  await t.throwsAsync(
    model.rank({ ...likelihood, candidates: [] }),
    argument(/candidates: expected at least one/),
  );
  await t.throwsAsync(model.rank({ ...likelihood, candidates: ["a", ""] }), argument(/candidates\[1\]/));
  await t.throwsAsync(model.rank({ ...likelihood, prefix: "" }), argument(/prefix/));
  await t.throwsAsync(model.rank({ ...likelihood, mode: "labels" }), argument(/candidates\[0\].*one token/));
  await t.throwsAsync(model.rate({ prefix: "x", scale: [2, 1] }), argument(/scale\[1\]/));
  await t.throwsAsync(model.complete({ prompt: "x", maxTokens: 0 }), argument(/maxTokens/));
  await t.throwsAsync(model.rank(likelihood, { deadlineMs: Number.NaN }), argument(/deadlineMs/));
  await t.throwsAsync(LlamaCpp.load({ modelPath: path, threads: 0 }), argument(/threads/));
  await t.throwsAsync(LlamaCpp.load({ modelPath: path, contextSize: 1024 }), argument(/contextSize.*256/));
  t.like(await model.rank(likelihood), { answered: true });
});

test("dispose ends running and queued calls; later calls are E_DISPOSED; twice is fine", async (t) => {
  const fresh = await LlamaCpp.load({ modelPath: path });
  const candidates = Array.from({ length: 400 }, (_, i) => ` Title number ${i}\n`);
  const calls = [fresh.rank({ ...likelihood, candidates }), fresh.rank(likelihood)];
  await new Promise((resolve) => setTimeout(resolve, 10));
  await fresh.dispose();
  await fresh.dispose();
  for (const call of calls) t.like(await call, { answered: false, reason: "aborted" });
  await t.throwsAsync(fresh.rank(likelihood), { code: "E_DISPOSED" });
  t.throws(() => fresh.countTokens("x"), { code: "E_DISPOSED" });
});

test("the id follows the file and the settings", async (t) => {
  const [same, threaded] = [
    await LlamaCpp.load({ modelPath: path }),
    await LlamaCpp.load({ modelPath: path, threads: 2 }),
  ];
  t.regex(model.id, /^[0-9a-f]{64}$/);
  t.is(same.id, model.id);
  t.not(threaded.id, model.id);
  await Promise.all([same.dispose(), threaded.dispose()]);
  const other = join(folder.path, "other.gguf");
  const bytes = await readFile(path);
  bytes[bytes.length - 1] ^= 1;
  await writeFile(other, bytes);
  const changed = await LlamaCpp.load({ modelPath: other });
  t.not(changed.id, model.id);
  await changed.dispose();
});

test("a pinned hash is enforced", async (t) => {
  const sha256 = createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
  await (await LlamaCpp.load({ modelPath: path, sha256 })).dispose();
  const wrong = LlamaCpp.load({ modelPath: path, sha256: "0".repeat(64) });
  await t.throwsAsync(wrong, { code: "E_GGUF", message: /expected sha256 0000/ });
});

test("bad files are one clear error and never reach llama.cpp", async (t) => {
  await t.throwsAsync(LlamaCpp.load({ modelPath: join(folder.path, "none.gguf") }), { code: "E_FILE" });
  const whole = await readFile(path);
  const next = uniform(5);
  const bad = join(folder.path, "bad.gguf");
  for (let i = 0; i < 20; i++) {
    await writeFile(bad, whole.subarray(0, Math.floor(next() * whole.length)));
    await t.throwsAsync(LlamaCpp.load({ modelPath: bad }), {
      code: "E_GGUF",
      message: /bad\.gguf: expected/,
    });
  }
});

test("a changed header byte ends in a working model or in E_GGUF, never in a crash", async (t) => {
  const whole = await readFile(path);
  const next = uniform(6);
  const bad = join(folder.path, "changed.gguf");
  for (let i = 0; i < 40; i++) {
    const bytes = Buffer.from(whole);
    bytes[Math.floor(next() * 1000)] = Math.floor(next() * 256);
    await writeFile(bad, bytes);
    try {
      await using changed = await LlamaCpp.load({ modelPath: bad });
      t.is((await changed.rank(likelihood)).answered, true);
    } catch (error) {
      t.like(error, { code: "E_GGUF" });
    }
  }
});

test("a sound header that llama.cpp refuses is E_GGUF with its reason", async (t) => {
  const bad = join(folder.path, "refused.gguf");
  const weights = new Map([...WEIGHTS].filter(([name]) => name !== "blk.1.ffn_up.weight"));
  await writeFile(bad, tinyGguf(weights));
  await t.throwsAsync(LlamaCpp.load({ modelPath: bad }), {
    code: "E_GGUF",
    message: /refused\.gguf.*llama\.cpp/,
  });
});
