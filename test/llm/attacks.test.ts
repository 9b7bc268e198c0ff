import test from "ava";
import { aggregate } from "../../lib/aggregation/aggregate.js";
import { largestShift } from "../../lib/aggregation/harm.js";
import { positionUtilities, rankUtilities } from "../../lib/aggregation/utility.js";
import { generateShop } from "../../lib/data/shop/index.js";
import { embeddedModel } from "../../lib/llm/embedded.js";
import { loadLanguageModel } from "../../lib/llm/load.js";
import { orderCandidates } from "../../lib/llm/ordering/order.js";
import { type OrderMode, orderModes } from "../../lib/llm/ordering/types.js";
import {
  buildPairPrompt,
  buildRankingPrompt,
  buildRatePrompt,
  type PromptModel,
} from "../../lib/llm/prompts/build.js";
import { DIRECT_TEMPLATE } from "../../lib/llm/prompts/direct.js";
import { RATING_TEMPLATE } from "../../lib/llm/prompts/rating.js";
import { MAX_TITLE_LENGTH } from "../../lib/llm/prompts/sanitize.js";
import { SEQUENTIAL_TEMPLATE } from "../../lib/llm/prompts/sequential.js";
import type { PromptTemplate } from "../../lib/llm/prompts/template.js";
import { orderOf } from "../../lib/llm/ranking.js";
import { attackTitles, SPECIAL_STRINGS } from "./attackTitles.js";

const model: PromptModel = {
  countTokens: (text) => text.length,
  contextSize: 100_000,
  labels: (count) => ({ lead: " ", names: [..."ABCDEFGHIJ"].slice(0, count) }),
};
const HARMLESS = "A Quiet Harbour";
const templates = [DIRECT_TEMPLATE, SEQUENTIAL_TEMPLATE, RATING_TEMPLATE];

/** Every prompt that a title can get into, at every place of it. */
function promptsWith(title: string, template: PromptTemplate): string[] {
  const user = {
    history: [title, { title, rating: 4 }],
    similarUserHistory: [title],
    backbonePrediction: [title],
  };
  const lists = (["likelihood", "labels", "listing"] as const).flatMap((mode) => {
    const prompt = buildRankingPrompt({ ...user, candidates: ["Up", title] }, { model, mode, template });
    return [prompt.prefix, ...prompt.candidates];
  });
  const pair = buildPairPrompt({ ...user, items: [title, "Up"] }, { model, template });
  const rate = buildRatePrompt({ ...user, title, scale: [1, 2], expected: 2 }, { model, template });
  return [...lists, pair.prefix, ...pair.questions, rate.prefix];
}

/** The lines of a text that are ones of the template: headings and questions. */
const linesOf = (text: string, { question, predictedRating: _, ...headings }: PromptTemplate): string[] => {
  const own = [...Object.values(question), ...Object.values(headings)].filter(
    (line) => typeof line === "string",
  );
  return text.split("\n").filter((line) => own.includes(line));
};

/** How many lines end as a rated title does. */
const ratedLines = (text: string): number =>
  text.split("\n").filter((line) => / = [\d.]+$/u.test(line)).length;

test("the corpus: at least fifty attacks of every kind", (t) => {
  t.true(attackTitles.length >= 50, `${attackTitles.length}`);
  t.is(new Set(attackTitles.map(({ title }) => title)).size, attackTitles.length);
});

for (const { kind, title } of attackTitles)
  test(`${kind}: ${JSON.stringify(title).slice(0, 60)} stays one line of text`, (t) => {
    for (const template of templates) {
      const harmless = promptsWith(HARMLESS, template);
      for (const [n, text] of promptsWith(title, template).entries()) {
        t.is(
          text.split("\n").length,
          harmless[n].split("\n").length,
          "as many lines as with a harmless title",
        );
        t.deepEqual(
          linesOf(text, template),
          linesOf(harmless[n], template),
          "the same headings and questions",
        );
        t.is(ratedLines(text), ratedLines(harmless[n]), "no rating that nobody gave");
        for (const special of SPECIAL_STRINGS)
          t.false(text.toLowerCase().includes(special.toLowerCase()), special);
        t.notRegex(text.replaceAll("\n", ""), /[\p{C}\p{Zl}\p{Zp}]/u);
        for (const line of text.split("\n")) t.true([...line].length <= MAX_TITLE_LENGTH + " A. = 4".length);
      }
    }
  });

test("two alike titles stand under labels of their own", (t) => {
  for (const { title } of attackTitles) {
    const { prefix, candidates } = buildRankingPrompt(
      { history: [], candidates: [title, title, HARMLESS] },
      { model, mode: "labels" },
    );
    t.deepEqual(candidates, [" A", " B", " C"]);
    const [first, second] = prefix.split("\n").slice(1, 3);
    t.true(first.startsWith(" A. ") && second.startsWith(" B. "));
    t.is(first.slice(" A. ".length), second.slice(" B. ".length));
  }
});

const shop = generateShop({ users: 40, items: 60, interactions: 500 });
const found = embeddedModel();
const alphas = [0.1, 0.3, 0.5, 0.7];
const asking = found === null ? test.skip : test.serial;

for (const mode of ["likelihood", "lift", "labels", "listing", "pointwise"] satisfies OrderMode[])
  asking(`${mode}: whatever the title does to the model, alpha bounds the attacker's rank`, async (t) => {
    if (found === null) return t.fail();
    await using pocket = await loadLanguageModel({ modelPath: found.modelPath });
    const history = shop.titles.slice(0, 8).map((title, n) => ({ title, rating: 3 + (n % 3) }));
    for (const [n, { title }] of attackTitles.entries()) {
      const candidates = shop.titles.slice(10, 20);
      const attacker = n % 10;
      candidates[attacker] = title;
      const input = { history, candidates, scale: [1, 2, 3, 4, 5] };
      const answer = await orderCandidates(pocket, input, { mode });
      if (answer === null) return t.fail(`no answer to ${title}`);
      for (const alpha of alphas) {
        const order = aggregate({
          candidates: Int32Array.from(candidates.keys()),
          recommender: positionUtilities([...candidates.keys()]),
          languageModel: rankUtilities(answer.scores),
          alpha,
        });
        const shift = attacker - order.indexOf(attacker);
        t.true(shift <= largestShift(alpha, 10), `${shift} places at ${alpha}: ${title.slice(0, 60)}`);
      }
    }
  });

asking("two alike titles, an empty history, no room: an answer or none, in every mode", async (t) => {
  if (found === null) return t.fail();
  const alike = { history: [], candidates: ["Moss", "Moss", "M\noss"], scale: [1, 2, 3, 4, 5] };
  await using pocket = await loadLanguageModel({ modelPath: found.modelPath });
  for (const mode of orderModes) {
    const answer = await orderCandidates(pocket, alike, { mode });
    t.deepEqual([...orderOf(answer?.scores ?? t.fail())].sort(), [0, 1, 2], mode);
    if (mode === "likelihood" || mode === "pointwise") t.is(answer?.scores[0], answer?.scores[1], mode);
  }
  await using narrow = await loadLanguageModel({ modelPath: found.modelPath, contextSize: 24 });
  const long = { ...alike, candidates: shop.titles.slice(0, 10).map((title) => `${title} `.repeat(3)) };
  for (const mode of ["likelihood", "labels", "listing", "pointwise", "pairwise", "hybrid"] as const) {
    const before = narrow.stats().noAnswers["too-long"];
    t.is(await orderCandidates(narrow, long, { mode }), null, mode);
    t.true(narrow.stats().noAnswers["too-long"] > before, `${mode} is counted`);
  }
});
