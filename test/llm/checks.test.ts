import test from "ava";
import { checked } from "../../lib/llm/checks.js";
import type { CompareRequest, LanguageModel, RankRequest } from "../../lib/llm/languageModel.js";
import { type Fault, FaultyLanguageModel } from "./faultyLanguageModel.js";

const rank: RankRequest = { prefix: "p", candidates: ["a", "b", "c"], mode: "likelihood" };
const compare: CompareRequest = { prefix: "p", questions: ["q", "r"], labels: ["A", "B"] };

const calls: Record<string, (model: LanguageModel) => Promise<object>> = {
  rank: (model) => model.rank(rank, { deadlineMs: 20 }),
  compare: (model) => model.compare(compare, { deadlineMs: 20 }),
  rate: (model) => model.rate({ prefix: "p", scale: [1, 2, 3] }, { deadlineMs: 20 }),
  choose: (model) => model.choose(rank, { deadlineMs: 20 }),
  complete: (model) => model.complete({ prompt: "p", maxTokens: 9, stop: ["\n"] }, { deadlineMs: 20 }),
};
const every = Object.keys(calls);

const faults: readonly [Fault, string, readonly string[]][] = [
  ["throw", "fault", every],
  ["hang", "timeout", every],
  ["nan", "invalid", ["rank", "compare", "rate", "choose"]],
  ["short", "invalid", ["rank", "rate", "choose"]],
  ["long", "invalid", ["rank", "rate", "choose"]],
  ["no permutation", "invalid", ["rank"]],
  ["wrong order", "invalid", ["rank"]],
  ["off scale", "invalid", ["compare", "rate", "choose", "complete"]],
];
for (const [fault, reason, kinds] of faults) {
  for (const kind of kinds) {
    test(`${kind}: "${fault}" becomes no answer with reason ${reason}`, async (t) => {
      const model = checked(new FaultyLanguageModel(fault));
      t.like(await calls[kind](model), { answered: false, reason });
      t.like(model.stats(), { calls: 1, answers: 0, noAnswers: { [reason]: 1 }, evaluatedTokens: 5 });
    });
  }
}

for (const kind of every) {
  test(`${kind}: a sound answer passes unchanged`, async (t) => {
    const [inner, model] = [new FaultyLanguageModel(), checked(new FaultyLanguageModel())];
    t.deepEqual(await calls[kind](model), await calls[kind](inner));
    t.like(model.stats(), { calls: 1, answers: 1 });
  });
}

test("a count that cannot be had is a token a byte; labels that cannot be had are none", (t) => {
  const boom = (): never => {
    throw new Error("boom");
  };
  const repeated = { lead: " ", names: ["A", "A"] };
  for (const [count, labels] of [
    [boom, boom],
    [() => Number.NaN, () => repeated],
    [() => -1, () => ({ ...repeated, names: ["A"] })],
  ] as const) {
    const model = checked(Object.assign(new FaultyLanguageModel(), { countTokens: count, labels }));
    t.is(model.countTokens("Amélie"), 7);
    t.is(model.labels(2), null);
  }
  const sound = checked(new FaultyLanguageModel());
  t.is(sound.countTokens("Amélie"), 6);
  t.deepEqual(sound.labels(2), { lead: " ", names: ["A", "B"] });
});

test("no answer for no known reason is counted as a malformed one", async (t) => {
  class Silent extends FaultyLanguageModel {
    override async compare(): Promise<never> {
      return { answered: false } as never;
    }
  }
  const model = checked(new Silent());
  t.like(await model.compare(compare), { answered: false, reason: "invalid" });
  t.like(model.stats(), { calls: 1, answers: 0, noAnswers: { invalid: 1 } });
});

test("a model that hangs is told to stop", async (t) => {
  const inner = new FaultyLanguageModel("hang");
  await checked(inner).rank(rank, { deadlineMs: 5 });
  t.true(inner.signal?.aborted);
});

test("the caller's signal ends a hanging call; an aborted one is not begun", async (t) => {
  const inner = new FaultyLanguageModel("hang");
  const controller = new AbortController();
  const call = checked(inner).rank(rank, { signal: controller.signal });
  setTimeout(() => controller.abort(), 5);
  t.like(await call, { answered: false, reason: "aborted" });
  t.like(await checked(inner).rank(rank, { signal: controller.signal }), {
    answered: false,
    reason: "aborted",
  });
  t.is(inner.asked, 1);
});

test("programmer errors are thrown, not counted as faults of the model", async (t) => {
  const model = checked(new FaultyLanguageModel());
  await t.throwsAsync(model.rank({ ...rank, candidates: [] }), {
    code: "E_ARGUMENT",
    message: /^candidates/,
  });
  await t.throwsAsync(model.rank(rank, { deadlineMs: 0 }), { code: "E_ARGUMENT", message: /^deadlineMs/ });
  await t.throwsAsync(model.compare({ ...compare, labels: ["A", "A"] }), {
    code: "E_ARGUMENT",
    message: /^labels/,
  });
  await t.throwsAsync(model.rate({ prefix: "p", scale: [1] }), { code: "E_ARGUMENT", message: /^scale/ });
  t.is(model.stats().calls, 0);
});
