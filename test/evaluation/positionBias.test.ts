import test from "ava";
import {
  type PositionBias,
  type PositionBiasOptions,
  positionBias,
} from "../../lib/evaluation/positionBias.js";
import type { OrderInput } from "../../lib/llm/ordering/types.js";
import { FaultyLanguageModel } from "../llm/faultyLanguageModel.js";
import { TasteModel } from "../llm/ordering/tasteModel.js";

const lists: OrderInput[] = Array.from({ length: 60 }, (_, list) => ({
  history: [`History ${list}`],
  candidates: Array.from({ length: 10 }, (_, n) => `Film ${list} ${n}`),
  user: list,
}));
/** The films of a list in another order for every list. */
const liking = (title: string): number => {
  const [list, n] = title.split(" ").slice(1).map(Number);
  return (3 * n + list) % 10;
};
const measure = (model: PositionBiasOptions["languageModel"], options: Partial<PositionBiasOptions> = {}) =>
  positionBias(lists, { languageModel: model, ...options });
const excess = ({ firstShownFirst, chance, chanceError }: PositionBias): number =>
  (firstShownFirst - chance) / chanceError;

test("a model that only reads titles: the first shown comes first by chance, and nothing moves", async (t) => {
  const [labels, listing, pairwise] = await measure(new TasteModel(liking));
  t.deepEqual(
    [labels, listing, pairwise].map(({ mode }) => mode),
    ["labels", "listing", "pairwise"],
  );
  for (const figures of [labels, listing, pairwise]) {
    t.like(figures, { lists: 60, answered: 60, displacement: 0 });
    t.true(Math.abs(figures.chance - 0.1) < 1e-12 && Math.abs(figures.randomDisplacement - 3.3) < 1e-12);
    t.true(Math.abs(excess(figures)) < 4, `${excess(figures)}`);
  }
  t.is(labels.consistency, null);
  t.is(pairwise.consistency, 1);
});

test("a model that takes what it sees first: always, and answers move as if at random", async (t) => {
  const [labels] = await measure(new TasteModel(liking, { perPlace: -100 }), { modes: ["labels"] });
  t.is(labels.firstShownFirst, 1);
  t.true(excess(labels) > 40);
  t.true(Math.abs(labels.displacement - labels.randomDisplacement) < 0.2, `${labels.displacement}`);
});

test("fixed orders average it out", async (t) => {
  const biased = new TasteModel(liking, { perPlace: -100 });
  const [labels] = await measure(biased, { modes: ["labels"], ordering: { orders: 2 } });
  t.is(labels.displacement, 0);
  t.true(Math.abs(excess(labels)) < 4);
});

test("pairs are asked in both orders: there the bias shows in how often the two agree", async (t) => {
  const [pairwise] = await measure(new TasteModel(liking, { firstOfTwo: 4 }), { modes: ["pairwise"] });
  // Of the 45 pairs of 0..9, 15 are more than 4 apart.
  t.true(Math.abs((pairwise.consistency ?? 0) - 15 / 45) < 1e-12);
  t.is(pairwise.displacement, 0);
});

test("models and modes are measured on the same orders; another seed gives others", async (t) => {
  const shown = async (seed: number): Promise<readonly string[]> => {
    const model = new TasteModel(liking);
    await measure(model, { modes: ["labels"], seed, shuffles: 2 });
    return model.ranked.map(({ prefix }) => prefix).sort();
  };
  t.deepEqual(await shown(1), await shown(1));
  t.notDeepEqual(await shown(1), await shown(2));
});

test("lists without an answer are left out and counted", async (t) => {
  const [labels] = await measure(new FaultyLanguageModel("throw"), { modes: ["labels"] });
  t.like(labels, { lists: 60, answered: 0, firstShownFirst: 0, displacement: 0, consistency: null });
  await t.throwsAsync(measure(new TasteModel(liking), { shuffles: 1 }), {
    code: "E_ARGUMENT",
    message: /^shuffles/,
  });
});
