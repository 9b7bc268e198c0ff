import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import test from "ava";
import { type AnswerCache, openAnswerCache } from "../../lib/llm/answerCache.js";
import { CachedLanguageModel } from "../../lib/llm/cachedLanguageModel.js";
import { checked } from "../../lib/llm/checks.js";
import type { CompareRequest, RankRequest } from "../../lib/llm/languageModel.js";
import { LlamaCpp } from "../../lib/llm/llamaCpp.js";
import { loadLanguageModel } from "../../lib/llm/load.js";
import { FaultyLanguageModel } from "./faultyLanguageModel.js";
import { temporaryFolder, writeTinyModel } from "./files.js";

const folder = await temporaryFolder();
const modelPath = await writeTinyModel(folder.path);
test.after.always(() => folder.remove());
let caches = 0;
const newFolder = (): string => join(folder.path, `cache ${caches++}`, "deep");

const rank: RankRequest = {
  prefix: "The user liked:\n",
  candidates: [" Alien\n", " Up\n"],
  mode: "likelihood",
};
const compare: CompareRequest = { prefix: "p", questions: ["A. x B. y ", "A. y B. x "], labels: ["A", "B"] };

for (const [where, open] of [
  ["memory", () => openAnswerCache()],
  ["LMDB", () => openAnswerCache(newFolder())],
] as const) {
  test(`${where}: a cached answer equals the fresh one bit for bit, for every kind of call`, async (t) => {
    await using fresh = await LlamaCpp.load({ modelPath });
    await using model = new CachedLanguageModel(checked(await LlamaCpp.load({ modelPath })), open());
    const ask = async (m: typeof fresh | typeof model) => [
      await m.rank(rank),
      await m.compare(compare),
      await m.rate({ prefix: "p", scale: [1, 2, 3] }),
      await m.choose(rank),
      await m.complete({ prompt: "p", maxTokens: 5 }),
    ];
    const expected = await ask(fresh);
    t.deepEqual(await ask(model), expected);
    const evaluated = model.stats().evaluatedTokens;
    t.deepEqual(await ask(model), expected);
    t.like(model.stats(), { calls: 10, answers: 10, cacheHits: 5, evaluatedTokens: evaluated });
  });
}

test("answers outlive the process that asked", async (t) => {
  const cacheFolder = newFolder();
  await using first = await loadLanguageModel({ modelPath, cacheFolder });
  const answer = await first.rank(rank);
  await first.dispose();
  await using second = await loadLanguageModel({ modelPath, cacheFolder });
  t.deepEqual(await second.rank(rank), answer);
  t.like(second.stats(), { cacheHits: 1, evaluatedTokens: 0 });
});

test("every part of the question is part of the key", async (t) => {
  const cache = openAnswerCache();
  const inner = new FaultyLanguageModel();
  const model = new CachedLanguageModel(inner, cache);
  await model.rank(rank);
  await model.rank({ ...rank });
  t.is(inner.asked, 1, "the same question");
  await model.rank({ ...rank, prefix: "other" });
  await model.rank({ ...rank, candidates: [...rank.candidates].reverse() });
  await model.rank({ ...rank, mode: "labels" });
  await model.rank({ ...rank, normalization: "mean" });
  await model.rank({ ...rank, template: "direct-2" });
  await model.choose(rank);
  t.is(inner.asked, 7);
  await new CachedLanguageModel(new FaultyLanguageModel("none", "another model"), cache).rank(rank);
  t.is(model.stats().cacheHits, 1);
});

test("no answer and malformed answers are never kept", async (t) => {
  const inner = new FaultyLanguageModel("throw");
  const model = new CachedLanguageModel(checked(inner), openAnswerCache());
  t.like(await model.rank(rank), { answered: false, reason: "fault" });
  inner.fault = "nan";
  t.like(await model.rank(rank), { answered: false, reason: "invalid" });
  inner.fault = "none";
  t.like(await model.rank(rank), { answered: true });
  t.is(inner.asked, 3);
  t.like(model.stats(), { calls: 3, answers: 1, noAnswers: { fault: 1, invalid: 1 }, cacheHits: 0 });
});

test("a damaged entry counts as absent; a broken cache does not break the call", async (t) => {
  const damaged = (text: string): AnswerCache => ({
    get: () => text,
    put: async () => {
      throw new Error("disk full");
    },
    close: async () => {},
    [Symbol.asyncDispose]: async () => {},
  });
  for (const text of [
    "",
    "{",
    "null",
    "[]",
    '{"answered":true}',
    '{"answered":true,"scores":{"$f64":"AAA="}}',
  ]) {
    const inner = new FaultyLanguageModel();
    t.like(await new CachedLanguageModel(inner, damaged(text)).rank(rank), { answered: true });
    t.is(inner.asked, 1);
  }
});

test("a folder that cannot be made is E_FILE and named", async (t) => {
  const file = join(folder.path, "a file");
  await writeFile(file, "");
  t.throws(() => openAnswerCache(join(file, "cache")), { code: "E_FILE", message: /a file/ });
});

test("several processes write one cache, and a killed one leaves it whole", async (t) => {
  const shared = newFolder();
  const writer = fileURLToPath(new URL("./cacheWriter.js", import.meta.url));
  const run = (name: string) => promisify(execFile)(process.execPath, [writer, shared, name, "50"]);
  await using cache = openAnswerCache(shared);
  const [one, two, killed] = await Promise.allSettled([run("one"), run("two"), run("killed")]);
  t.is(one.status, "fulfilled");
  t.is(two.status, "fulfilled");
  t.like(killed, { status: "rejected", reason: { signal: "SIGKILL" } });
  for (const name of ["one", "two", "killed"]) {
    for (let i = 0; i < 50; i++) t.is(cache.get(`${name} ${i}`), `text ${i} of ${name}`);
  }
});
