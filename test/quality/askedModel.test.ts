import test from "ava";
import {
  type Asked,
  askedOrder,
  askedPairs,
  askedRating,
  pairShares,
} from "../../benchmarks/quality/askedModel.js";
import type { CompareAnswer, CompareRequest } from "../../lib/llm/languageModel.js";
import type { PromptItem } from "../../lib/llm/prompts/render.js";
import { type Taste, TextModel } from "../augmentation/textModel.js";

const titles = ["Heidi", "Alien", "Brazil", "Casablanca", "Dune"];
const history: PromptItem[] = [
  { title: "Metropolis", rating: 4 },
  { title: "Vertigo", rating: 2 },
];
/** Item 3 is liked most, then 1, 4, 0 and 2 last. */
const likes: Taste = (title) => [1, 3, 0, 4, 2][titles.indexOf(title)];

const asked = (taste: Taste): Asked & { model: TextModel } => ({ model: new TextModel(taste), titles });
const row = (target: number, ...others: number[]) => ({
  user: 0,
  target,
  candidates: Int32Array.of(others[0], target, ...others.slice(1)),
});

for (const mode of ["likelihood", "labels", "borda"] as const)
  test(`candidates in the model's order by ${mode}`, async (t) => {
    const order = await askedOrder(asked(likes), history, Int32Array.of(2, 0, 3, 1, 4), mode);
    t.deepEqual(order && [...order], [3, 1, 4, 0, 2]);
  });

test("the model reads the list with its ratings", async (t) => {
  const { model, ...rest } = asked(likes);
  await askedOrder({ model, ...rest }, history, Int32Array.of(0, 1), "likelihood");
  t.regex(model.ranked[0].prefix, /^The user's list, oldest first:\n Metropolis = 4\n Vertigo = 2\n/);
});

test("borda counts wins: log-odds decide between equal ones alone", async (t) => {
  const { model, ...rest } = asked(likes);
  // Heidi beats both by little, Alien beats Brazil by much.
  const margins = [
    ["Heidi", "Alien", 0.1] as const,
    ["Heidi", "Brazil", 0.1] as const,
    ["Alien", "Brazil", 9] as const,
  ];
  Object.assign(model, {
    compare: async ({ questions }: CompareRequest): Promise<CompareAnswer> => {
      const found = margins.find(([a, b]) => questions[0].includes(a) && questions[0].includes(b));
      const [first, , margin] = found ?? ["", "", 0];
      const shownFirst = questions[0].includes(`A. ${first}`);
      return { answered: true, preferred: shownFirst ? 0 : 1, margin, consistent: true };
    },
  });
  const order = await askedOrder({ model, ...rest }, history, Int32Array.of(1, 2, 0), "borda");
  t.deepEqual(order && [...order], [0, 1, 2]);
});

test("pairs: won where the held-out item is preferred, half where the model is undecided", async (t) => {
  const counts = await askedPairs(asked(likes), history, row(1, 0, 2, 3, 4));
  t.deepEqual(counts, { answered: 4, won: 3, consistent: 4, unanswered: 0 });
  const undecided = await askedPairs(
    asked(() => 1),
    history,
    row(1, 0, 2),
  );
  t.deepEqual(undecided, { answered: 2, won: 1, consistent: 0, unanswered: 0 });
});

test("shares are of all pairs: one without an answer is neither won nor consistent", (t) => {
  const counts = { answered: 6, won: 4.5, consistent: 3, unanswered: 4 };
  t.deepEqual(pairShares(counts), { won: 0.45, consistent: 0.3 });
  for (const unanswered of [0, 7])
    t.deepEqual(pairShares({ answered: 0, won: 0, consistent: 0, unanswered }), { won: 0, consistent: 0 });
});

test("every pair names the held-out item and one negative", async (t) => {
  const { model, ...rest } = asked(likes);
  await askedPairs({ model, ...rest }, history, row(1, 0, 2));
  t.is(model.compared.length, 2);
  for (const [index, other] of ["Heidi", "Brazil"].entries()) {
    t.regex(model.compared[index].questions[0], new RegExp(`A\\. Alien\\n.*B\\. ${other}\\n$`, "s"));
    t.regex(model.compared[index].questions[1], new RegExp(`A\\. ${other}\\n.*B\\. Alien\\n$`, "s"));
  }
});

test("no answer is none: no order, no rating, unanswered pairs", async (t) => {
  const { model, ...rest } = asked(likes);
  const none = async () => ({ answered: false, reason: "fault", detail: "out of order" }) as const;
  Object.assign(model, { rank: none, compare: none, rate: none });
  const silent = { model, ...rest };
  for (const mode of ["likelihood", "labels", "borda"] as const)
    t.is(await askedOrder(silent, history, Int32Array.of(0, 1), mode), null);
  t.is(await askedRating(silent, history, 0, [1, 2, 3]), null);
  const counts = await askedPairs(silent, history, row(1, 0, 2));
  t.deepEqual(counts, { answered: 0, won: 0, consistent: 0, unanswered: 2 });
});

test("a vocabulary without labels answers neither by labels nor in pairs", async (t) => {
  const { model, ...rest } = asked(likes);
  Object.assign(model, { labels: () => null });
  const mute = { model, ...rest };
  t.is(await askedOrder(mute, history, Int32Array.of(0, 1), "labels"), null);
  t.is(await askedOrder(mute, history, Int32Array.of(0, 1), "borda"), null);
  t.deepEqual([...((await askedOrder(mute, history, Int32Array.of(0, 1), "likelihood")) ?? [])], [1, 0]);
  t.is((await askedPairs(mute, history, row(1, 0, 2))).unanswered, 2);
});

test("a rating is the expected value", async (t) => {
  t.is(await askedRating(asked(likes), history, 0, [1, 2, 6]), 3);
});
