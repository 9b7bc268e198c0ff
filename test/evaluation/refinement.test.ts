import test from "ava";
import { positionUtilities } from "../../lib/aggregation/utility.js";
import { promptAugmenter } from "../../lib/augmentation/promptAugmentation.js";
import { DatasetBuilder } from "../../lib/data/builder.js";
import { generateShop } from "../../lib/data/shop/index.js";
import { split } from "../../lib/data/split.js";
import { runExperiment } from "../../lib/evaluation/experiment.js";
import { type RefineOptions, rankModes, refine } from "../../lib/evaluation/refinement.js";
import { orderModes } from "../../lib/llm/ordering/types.js";
import { MF } from "../../lib/models/direct/mf.js";
import { factorRanker } from "../../lib/models/factorRanker.js";
import { FaultyLanguageModel } from "../llm/faultyLanguageModel.js";
import { TasteModel } from "../llm/ordering/tasteModel.js";

const shop = generateShop({ users: 120, items: 50, interactions: 1200 });
const { train, validation } = split(shop);
/** A backbone that likes items by their number. */
const ranker = factorRanker({
  kind: "factors",
  name: "MF",
  factors: {
    dimension: 1,
    users: new Float32Array(train.userCount).fill(1),
    items: Float32Array.from({ length: train.itemCount }, (_, item) => -item),
    itemBiases: null,
  },
});
test.after.always(() => ranker.dispose());
const taste = (title: string): number => 1 + (shop.titles.indexOf(title) % 9) / 2;
const run = (options: Partial<RefineOptions> = {}) =>
  refine(ranker, train, validation, {
    languageModel: new TasteModel(taste),
    scale: [1, 2, 3, 4, 5],
    augmenter: promptAugmenter(ranker, train),
    ...options,
  });

test("every mode asked has its utilities and its margin, the others are absent", async (t) => {
  const rows = await run({ modes: orderModes });
  const asked = rows.filter((row) => row.heldOut > 0);
  t.true(asked.length > 5 && asked.length < rows.length);
  for (const { candidates, languageModel, margins } of asked) {
    t.deepEqual(Object.keys(languageModel), [...orderModes]);
    t.deepEqual(Object.keys(margins), [...orderModes]);
    const order = [...candidates.keys()].sort((a, b) => {
      return taste(shop.titles[candidates[b]]) - taste(shop.titles[candidates[a]]) || a - b;
    });
    for (const mode of ["likelihood", "labels", "listing", "pointwise", "pairwise"] as const)
      t.deepEqual(languageModel[mode], positionUtilities(order), mode);
    for (const mode of orderModes) t.true((margins[mode] ?? -1) >= 0, mode);
  }
  for (const { languageModel, margins } of rows.filter((row) => row.heldOut === 0))
    for (const mode of orderModes) t.true(languageModel[mode] === null && margins[mode] === null);
});

test("unless told, likelihood and labels", async (t) => {
  for (const { languageModel } of await run()) t.deepEqual(Object.keys(languageModel), [...rankModes]);
});

test("pointwise utilities may be the ratings themselves", async (t) => {
  const rows = await run({ modes: ["pointwise"], pointwise: "rating" });
  for (const { candidates, languageModel, heldOut } of rows)
    if (heldOut > 0)
      t.deepEqual(
        languageModel.pointwise,
        Float64Array.from(candidates, (item) => Math.min(5, taste(shop.titles[item]))),
      );
});

test("the scale is the view's own unless told", async (t) => {
  const model = new TasteModel(taste);
  await run({ languageModel: model, modes: ["pointwise"], scale: undefined });
  t.deepEqual(model.rated[0].scale, [4, 5], "a shop's training view holds likes alone");
});

test("a model that hangs costs the deadline, and the row has no answer", async (t) => {
  const rows = await run({
    languageModel: new FaultyLanguageModel("hang"),
    modes: orderModes,
    deadlineMs: 20,
  });
  for (const { languageModel, margins } of rows)
    for (const mode of orderModes) t.true(languageModel[mode] === null && margins[mode] === null);
});

test("modes that are unknown, none, or rate where nobody rated are refused before anything is asked", async (t) => {
  const model = new TasteModel(taste);
  const refused = { code: "E_ARGUMENT", message: /^modes: expected/ };
  await t.throwsAsync(run({ languageModel: model, modes: [] }), refused);
  await t.throwsAsync(run({ languageModel: model, modes: ["best" as "labels"] }), refused);
  const builder = new DatasetBuilder("unrated");
  for (const [row, user] of shop.interactions.users.entries())
    builder.addInteraction(user, shop.interactions.items[row], 1, row);
  for (const [item, title] of shop.titles.entries()) if (builder.hasItem(item)) builder.addItem(item, title);
  const stages: string[] = [];
  const unrated = runExperiment({
    dataset: builder.build(),
    backbone: MF,
    languageModel: { name: "in test", model },
    modes: ["labels", "hybrid"],
    onProgress: ({ stage }) => stages.push(stage),
  });
  await t.throwsAsync(unrated, refused);
  t.deepEqual(stages, []);
  t.is(model.ranked.length + model.rated.length + model.compared.length, 0);
});

test("a catalogue without titles is refused where a language model is to read it, and only there", async (t) => {
  const builder = new DatasetBuilder("untitled");
  for (const [row, user] of shop.interactions.users.entries())
    builder.addInteraction(user, shop.interactions.items[row], 1, row);
  const dataset = builder.build();
  const model = new TasteModel(taste);
  const hyperparameters = { epochs: 1, dimension: 4 };
  const options = { dataset, backbone: MF, hyperparameters };
  await t.throwsAsync(runExperiment({ ...options, languageModel: { name: "in test", model } }), {
    code: "E_ARGUMENT",
    message: /^titles: expected titles of items.*got "Item /,
  });
  t.is(model.compared.length, 0);
  t.is((await runExperiment(options)).languageModel, null);
});
