import test from "ava";
import { hybridUtilities } from "../../../lib/aggregation/hybrid.js";
import type { LabelSet } from "../../../lib/llm/languageModel.js";
import { fixedOrders } from "../../../lib/llm/ordering/fixedOrders.js";
import { hybridScores } from "../../../lib/llm/ordering/hybrid.js";
import { standardizedMargin } from "../../../lib/llm/ordering/margin.js";
import { orderCandidates } from "../../../lib/llm/ordering/order.js";
import { type OrderInput, orderModes } from "../../../lib/llm/ordering/types.js";
import { SEQUENTIAL_TEMPLATE } from "../../../lib/llm/prompts/sequential.js";
import { orderOf } from "../../../lib/llm/ranking.js";
import { blocksOf } from "../../augmentation/promptBlocks.js";
import { TasteModel } from "./tasteModel.js";

const candidates = Array.from({ length: 10 }, (_, n) => `Film ${n}`);
/** A fixed order that is neither the given one nor its reverse. */
const liking = (title: string): number => (7 * Number(title.split(" ")[1])) % 10;
const wanted = Array.from(candidates.keys()).sort((a, b) => liking(candidates[b]) - liking(candidates[a]));
const input: OrderInput = {
  history: ["Alien (1979)"],
  similarUserHistory: ["Solaris (1972)"],
  backbonePrediction: ["Moon (2009)"],
  candidates,
  scale: [0, 3, 6, 9],
  user: 4,
};
const ask = (model: TasteModel, options: Parameters<typeof orderCandidates>[2], given = input) =>
  orderCandidates(model, given, options);

for (const mode of ["likelihood", "labels", "listing", "pointwise", "pairwise"] as const)
  test(`${mode}: who knows the taste orders by it`, async (t) => {
    const answer = await ask(new TasteModel(liking), { mode });
    t.deepEqual([...orderOf(answer?.scores ?? t.fail())], wanted);
    t.is(answer?.parts, null);
    t.is(answer?.consistency, mode === "pairwise" ? 1 : null);
  });

test("likelihood asks for titles, labels show the list, both in the words of the template", async (t) => {
  const model = new TasteModel(liking);
  for (const mode of ["likelihood", "labels"] as const)
    await ask(model, { mode, template: SEQUENTIAL_TEMPLATE });
  const [likelihood, labels] = model.ranked;
  t.true(likelihood.prefix.endsWith("What comes next in the list?\n"));
  t.is(likelihood.candidates[3], " Film 3\n");
  t.deepEqual(blocksOf(labels.prefix).candidates, candidates);
});

test("lift takes popularity out of the likelihood", async (t) => {
  // Film 9 is popular with everybody, Film 2 with this user.
  const model = new TasteModel(
    (title, { history }) => (title === "Film 9" ? 5 : 0) + (title === "Film 2" && history.length > 0 ? 3 : 0),
  );
  const likelihood = await ask(model, { mode: "likelihood" });
  const lift = await ask(model, { mode: "lift" });
  t.is(orderOf(likelihood?.scores ?? t.fail())[0], 9);
  t.deepEqual([...(lift?.scores ?? [])], [0, 0, 3, 0, 0, 0, 0, 0, 0, 0]);
  const before = model.ranked.at(-1)?.prefix ?? "";
  t.is(before, "What else does the user like?\n", "neither history nor hints");
});

test("lift without anything known of the user says nothing: the order given stays", async (t) => {
  const lift = await ask(new TasteModel(liking), { mode: "lift" }, { history: [], candidates });
  t.deepEqual([...orderOf(lift?.scores ?? t.fail())], [...candidates.keys()]);
  t.is(lift?.margin, 0);
});

test("pointwise asks every candidate for a rating on the user's scale, and never passes the backbone's list on", async (t) => {
  const model = new TasteModel(liking);
  const answer = await ask(model, { mode: "pointwise" });
  t.deepEqual([...(answer?.scores ?? [])], candidates.map(liking));
  t.is(model.rated.length, 10);
  for (const { scale, template, prefix } of model.rated) {
    t.deepEqual(scale, [0, 3, 6, 9]);
    t.is(template, "rating-1");
    t.notRegex(prefix, /Moon/);
  }
});

test("pairwise, round robin: all 45 pairs; Borda counts wins, log-odds the mean margin", async (t) => {
  const model = new TasteModel(liking);
  const borda = await ask(model, { mode: "pairwise" });
  t.deepEqual([...(borda?.scores ?? [])], candidates.map(liking), "one win for every worse film");
  t.is(new Set(model.compared.map(({ questions }) => questions[0])).size, 45);
  const odds = await ask(model, { mode: "pairwise", pairCount: "log-odds" });
  for (const [n, score] of (odds?.scores ?? t.fail()).entries()) {
    const total = candidates.reduce((sum, other) => sum + liking(candidates[n]) - liking(other), 0);
    t.true(Math.abs(score - total / 9) < 1e-9);
  }
  const level = await ask(new TasteModel(() => 1), { mode: "pairwise" });
  t.deepEqual([...(level?.scores ?? [])], Array(10).fill(4.5), "half a win each where nothing decides");
  t.is(level?.consistency, 0);
});

test("pairwise, random pairs: every candidate once, the same for seed and user, others for another", async (t) => {
  const pairsOf = async (seed: number, user: number): Promise<string[][]> => {
    const model = new TasteModel(liking);
    const answer = await ask(model, { mode: "pairwise", pairPlan: "random-pairs", seed }, { ...input, user });
    const pairs = model.compared.map(({ prefix, questions }) => [
      ...blocksOf(prefix + questions[0]).candidates,
    ]);
    for (const [a, b] of pairs) {
      const [better, worse] = liking(a) > liking(b) ? [a, b] : [b, a];
      t.is(answer?.scores[candidates.indexOf(better)], 1);
      t.is(answer?.scores[candidates.indexOf(worse)], 0);
    }
    return pairs;
  };
  const pairs = await pairsOf(1, 4);
  t.deepEqual(pairs.flat().sort(), candidates);
  t.deepEqual(await pairsOf(1, 4), pairs);
  t.notDeepEqual(await pairsOf(1, 5), pairs);
  t.notDeepEqual(await pairsOf(2, 4), pairs);
});

test("pairwise, random pairs: half each where the orders disagree, and for the one without a partner", async (t) => {
  const options = { mode: "pairwise", pairPlan: "random-pairs" } as const;
  const split = await ask(new TasteModel(liking, { firstOfTwo: 99 }), options);
  t.deepEqual([...(split?.scores ?? [])], Array(10).fill(0.5));
  t.is(split?.consistency, 0);
  const three = await ask(new TasteModel(liking), options, { ...input, candidates: candidates.slice(0, 3) });
  t.deepEqual([...(three?.scores ?? [])].sort(), [0, 0.5, 1]);
  const alone = await ask(new TasteModel(liking), options, { ...input, candidates: ["Up"] });
  t.like(alone, { consistency: null, margin: 0 });
});

test("hybrid delivers its three parts", async (t) => {
  const model = new TasteModel(liking);
  const answer = await ask(model, { mode: "hybrid" });
  const parts = answer?.parts ?? t.fail();
  t.deepEqual([...(parts.pointwise ?? [])], candidates.map(liking));
  for (const { first, second, winner } of parts.pairwise ?? t.fail())
    t.is(winner, liking(candidates[first]) > liking(candidates[second]) ? first : second);
  t.deepEqual([...(parts.listwise ?? [])], wanted);
  t.is(model.compared.length, 5);
  t.deepEqual(answer?.scores, hybridScores(parts, 10));
  await ask(model, { mode: "hybrid", listwise: "listing" });
  t.deepEqual(
    model.ranked.map(({ mode }) => mode),
    ["labels", "listing"],
  );
});

test("hybrid adds the parts with the constants of RecRanker's release; a missing one adds nothing", (t) => {
  const parts = {
    pointwise: Float64Array.of(3, 4, 2, 1),
    pairwise: [
      { first: 0, second: 1, winner: 1 },
      { first: 2, second: 3, winner: null },
    ],
    listwise: Int32Array.of(2, 0, 1, 3),
  };
  const close = (scores: Float64Array, expected: readonly number[]): void => {
    for (const [n, score] of scores.entries()) t.true(Math.abs(score - expected[n]) < 1e-12, `${score}`);
  };
  close(hybridScores(parts, 4), [3.2 + 0.1, 4.15 + 0.5 + 0.075, 2.1 + 0.25 + 0.125, 1.05 + 0.25 + 0.05]);
  close(hybridScores({ ...parts, pointwise: null, pairwise: null }, 4), [0.1, 0.075, 0.125, 0.05]);
  t.deepEqual(
    hybridUtilities(4, parts),
    hybridScores(parts, 4),
    "the aggregation's formula takes the parts as they are",
  );
  const many = { pointwise: null, pairwise: null, listwise: Int32Array.from({ length: 10 }, (_, n) => n) };
  close(hybridScores(many, 10), [0.125, 0.1, 0.075, 0.05, 0.025, 0, 0, 0, 0, 0]);
});

test("fixed orders: the given one first, an even number shows every two either way round equally often", (t) => {
  t.deepEqual(
    fixedOrders(4, 3).map((order) => [...order]),
    [
      [0, 1, 2, 3],
      [3, 2, 1, 0],
      [2, 3, 0, 1],
    ],
  );
  for (const length of [1, 2, 5, 10])
    for (const count of [2, 4, 2 * length]) {
      const orders = fixedOrders(length, count);
      t.is(orders.length, count);
      for (const order of orders)
        t.deepEqual(
          [...order].sort((a, b) => a - b),
          [...Array(length).keys()],
        );
      for (let a = 0; a < length; a++)
        for (let b = 0; b < a; b++)
          t.is(orders.filter((order) => order.indexOf(a) < order.indexOf(b)).length, count / 2);
    }
  for (let thing = 0; thing < 10; thing++)
    t.deepEqual(
      fixedOrders(10, 20)
        .map((order) => order.indexOf(thing))
        .sort((a, b) => a - b),
      Array.from({ length: 20 }, (_, n) => n >> 1),
    );
});

test("a place bias decides one order of labels and averages out over two", async (t) => {
  const model = new TasteModel(liking, { perPlace: 100 });
  const once = await ask(model, { mode: "labels" });
  t.deepEqual([...orderOf(once?.scores ?? t.fail())], [...candidates.keys()].reverse());
  const twice = await ask(model, { mode: "labels", orders: 2 });
  t.deepEqual([...orderOf(twice?.scores ?? t.fail())], wanted);
  t.is(model.ranked.length, 3);
});

test("the margin: best over second in standard deviations, whatever the unit", (t) => {
  const scores = Float64Array.of(1, 5, 3);
  const deviation = Math.sqrt(8 / 3);
  t.true(Math.abs(standardizedMargin(scores) - 2 / deviation) < 1e-12);
  t.true(Math.abs(standardizedMargin(scores.map((score) => 1000 * score - 7)) - 2 / deviation) < 1e-12);
  t.is(standardizedMargin(Float64Array.of(4, 4, 1)), 0);
  t.is(standardizedMargin(Float64Array.of(0.1, 0.1, 0.1)), 0);
  t.is(standardizedMargin(Float64Array.of(2)), 0);
});

test("without labels in the vocabulary, what needs them has no answer and nothing is asked", async (t) => {
  class Unlabelled extends TasteModel {
    override labels(): LabelSet {
      return null as unknown as LabelSet;
    }
  }
  const model = new Unlabelled(liking);
  for (const mode of ["labels", "pairwise"] as const) t.is(await ask(model, { mode }), null);
  t.is(model.ranked.length + model.compared.length, 0);
  const hybrid = await ask(model, { mode: "hybrid" });
  t.like(hybrid?.parts, { pairwise: null, listwise: null });
  t.truthy(hybrid?.parts?.pointwise);
});

test("what is wrong with the call is thrown, and names the argument", async (t) => {
  const model = new TasteModel(liking);
  const refused = async (argument: string, options: object, given: OrderInput = input): Promise<void> => {
    const error = { code: "E_ARGUMENT", message: new RegExp(`^${argument}: expected`) };
    await t.throwsAsync(ask(model, { mode: "labels", ...options }, given), error);
  };
  await refused("mode", { mode: "best" });
  await refused("orders", { orders: 0 });
  for (const mode of orderModes) await refused("candidates", { mode }, { ...input, candidates: [] });
  for (const mode of ["pointwise", "hybrid"]) await refused("scale", { mode }, { history: [], candidates });
  t.is(model.ranked.length + model.compared.length + model.rated.length, 0);
});
