import { rm } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { augmentPairs } from "../../lib/augmentation/pairAugmentation.js";
import { DatasetBuilder } from "../../lib/data/builder.js";
import { generateShop } from "../../lib/data/shop/index.js";
import { type Protocol, split } from "../../lib/data/split.js";
import { type ExperimentOptions, runExperiment } from "../../lib/evaluation/experiment.js";
import type { ExperimentReport } from "../../lib/evaluation/report.js";
import type { StageProgress } from "../../lib/evaluation/stages.js";
import type { LanguageModel } from "../../lib/llm/languageModel.js";
import { loadLanguageModel } from "../../lib/llm/load.js";
import type { DirectDefinition } from "../../lib/models/backbone.js";
import { MF } from "../../lib/models/direct/mf.js";
import { factorRanker } from "../../lib/models/factorRanker.js";
import { setThreads, threads } from "../../lib/native/addon.js";
import { Llama4RecError } from "../../lib/native/errors.js";
import { PairSampler } from "../../lib/native/pairSampler.js";
import { type Blocks, blocksOf } from "../augmentation/promptBlocks.js";
import { TextModel } from "../augmentation/textModel.js";
import { FaultyLanguageModel } from "../llm/faultyLanguageModel.js";
import { temporaryFolder, writeTinyModel } from "../llm/files.js";
import { linesOf, planted } from "./canaries.js";

const shop = generateShop({ users: 120, items: 80, interactions: 1800 });
const hyperparameters = { dimension: 8, epochs: 30, batchSize: 128, learningRate: 0.02 };

/** Likes titles that share words with the user's own. */
const byWords = (title: string, { history }: Blocks): number => {
  const known = new Set(history.flatMap((text) => text.split(/\W+/)));
  return title.split(/\W+/).filter((word) => word.length > 3 && known.has(word)).length;
};

const run = (
  model: LanguageModel | null,
  options: Partial<ExperimentOptions> = {},
): Promise<ExperimentReport> =>
  runExperiment({
    dataset: shop,
    backbone: MF,
    hyperparameters,
    languageModel: model && { name: "in test", model },
    ...options,
  });

const withoutTimings = ({ timings: _, ...rest }: ExperimentReport): Omit<ExperimentReport, "timings"> => rest;
const metricNames = ["hr@3", "ndcg@3", "hr@5", "ndcg@5", "hr@10", "ndcg@10"];

test.serial(
  "the report is complete, and the same run gives the same report at any number of threads",
  async (t) => {
    const before = threads();
    const reports: ExperimentReport[] = [];
    try {
      for (const count of [1, 1, 2]) {
        setThreads(count);
        reports.push(await run(new TextModel(byWords), { seeds: [1, 2] }));
        t.is(reports.at(-1)?.timings.threads, count);
      }
    } finally {
      setThreads(before);
    }
    const [report, again, threaded] = reports;
    t.deepEqual(withoutTimings(again), withoutTimings(report));
    t.deepEqual(withoutTimings(threaded), withoutTimings(report));

    const parts = split(shop);
    t.deepEqual(report.dataset, {
      ...shop.describe(),
      leftOut: parts.counts.skippedShortUsers,
      testRowsLeftOut: { shortHistory: 0, unseenItem: parts.counts.skippedUnseenTestItems },
      train: parts.train.interactionCount,
      demonstration: false,
    });
    t.like(report, {
      task: "direct",
      backbone: "MF",
      protocol: "paper",
      seeds: [1, 2],
      users: parts.test.users.length,
    });
    const { popularity, ease, base, augmented, llm, llama4rec, spread } = report;
    for (const metrics of [
      popularity,
      ease,
      base,
      augmented,
      llm,
      llama4rec,
      spread?.base,
      spread?.llama4rec,
    ]) {
      t.deepEqual(Object.keys(metrics ?? {}), metricNames);
      for (const value of Object.values(metrics ?? {})) t.true(value >= 0 && value <= 1);
    }
    t.true(base["hr@10"] > 0 && ease["hr@10"] > 0);

    const { cut, tail, head } = report.segments;
    const counts = Array.from(parts.test.users, (user) => parts.train.userCounts[user]);
    t.is(tail.users, counts.filter((count) => count <= cut).length);
    t.is(tail.users + (head?.users ?? 0), report.users);
    for (const key of ["popularity", "ease", "base", "augmented", "llm", "llama4rec"] as const)
      for (const metric of ["hr@3", "ndcg@5", "hr@10"] as const) {
        const sum =
          tail.users * (tail[key]?.[metric] ?? -1) + (head?.users ?? -1) * (head?.[key]?.[metric] ?? -1);
        t.true(Math.abs(sum / report.users - (report[key]?.[metric] ?? -1)) < 1e-12, `${key} ${metric}`);
      }
    t.like(report.languageModel, { name: "in test", id: "text model" });
    const { augmentation, lists } = report.languageModel ?? t.fail();
    t.is(augmentation.asked, 2 * parts.counts.users);
    t.true(lists.asked > 0 && lists.answered === lists.asked);
    const { alpha1, alpha2, weights } = report.alpha ?? t.fail();
    t.true(weights.min >= alpha1 * alpha2 - 1e-12 && weights.max <= alpha1);
    t.is(report.chosen.epochs.length, 2);
    t.true(report.timings.total > 0 && report.timings.interactionsPerSecond > 0);
  },
);

test.serial("without a language model the language side is null", async (t) => {
  const report = await run(null, { demonstration: true });
  t.like(report, {
    augmented: null,
    llm: null,
    llama4rec: null,
    alpha: null,
    languageModel: null,
    spread: null,
  });
  t.true(report.dataset.demonstration);
  t.like(await run(new TextModel(byWords)), {
    base: report.base,
    popularity: report.popularity,
    ease: report.ease,
  });
});

for (const fault of ["throw", "nan", "short", "no permutation"] as const)
  test.serial(
    `a language model with fault "${fault}" costs nothing: the conventional ranking stays`,
    async (t) => {
      const model = new FaultyLanguageModel(fault);
      const report = await run(model);
      t.true(model.asked > 100);
      t.is(report.languageModel?.lists.answered, 0);
      t.is(report.alpha?.mode, null);
      t.deepEqual(report.llama4rec, report.augmented);
      t.deepEqual(report.llm, report.augmented);
      if (fault === "throw" || fault === "nan")
        t.deepEqual(report.augmented, report.base, "no pair, so the same model");
    },
  );

test.serial("an oracle that knows the taste behind a history lifts the mixture over the base", async (t) => {
  const parts = split(shop);
  const wanted = new Map<string, string>();
  for (const rows of [parts.validation, parts.test])
    rows.users.forEach((user, row) => {
      const history = linesOf(parts.train, user).join("\n");
      wanted.set(`${history}\n${shop.titles[rows.items[row]]}`, "");
    });
  const oracle = new TextModel((title, { history }) =>
    wanted.has(`${history.join("\n")}\n${title}`) ? 1 : 0,
  );
  const report = await run(oracle);
  const { llama4rec, augmented, base } = report;
  t.true((llama4rec?.["ndcg@5"] ?? 0) > (augmented?.["ndcg@5"] ?? 1));
  t.true(
    (llama4rec?.["ndcg@5"] ?? 0) > base["ndcg@5"] * 1.1,
    `${llama4rec?.["ndcg@5"]} over ${base["ndcg@5"]}`,
  );
  t.is(report.llm?.["hr@3"], augmented?.["hr@10"], "alone it puts every candidate it knows first");
});

test.serial("a real GGUF runs through the whole job, twice the same", async (t) => {
  const folder = await temporaryFolder();
  try {
    const path = await writeTinyModel(folder.path);
    const dataset = generateShop({ users: 20, items: 50, interactions: 200 });
    const reports: ExperimentReport[] = [];
    for (const name of ["one", "two"]) {
      await using model = await loadLanguageModel({ modelPath: path, cacheFolder: join(folder.path, name) });
      reports.push(await run(model, { dataset }));
    }
    t.deepEqual(withoutTimings(reports[1]), withoutTimings(reports[0]));
    t.true((reports[0].languageModel?.augmentation.answered ?? 0) > 0);
    t.deepEqual(Object.keys(reports[0].llama4rec ?? {}), metricNames);
  } finally {
    await rm(folder.path, { recursive: true, force: true });
  }
});

/** MF that keeps the triples it is trained on. */
function recording(seen: { user: number; positive: number; negative: number }[]): DirectDefinition {
  return {
    ...MF,
    create: (...args) => {
      const model = MF.create(...args);
      return {
        parameters: model.parameters,
        factors: () => model.factors(),
        loss: (batch) => {
          batch.users.forEach((user, row) => {
            seen.push({ user, positive: batch.positives[row], negative: batch.negatives[row] });
          });
          return model.loss(batch);
        },
      };
    },
  };
}

for (const protocol of ["paper", "standard"] as Protocol[])
  test.serial(
    `canaries, protocol ${protocol}: held-out rows reach no prompt as history and no triple as positive`,
    async (t) => {
      const dataset = planted(shop);
      const parts = split(dataset, { protocol });
      const model = new TextModel(byWords);
      const triples: { user: number; positive: number; negative: number }[] = [];
      await run(model, { dataset, protocol, backbone: recording(triples), pairSource: "random" });

      const views = [parts.train, parts.final];
      const histories = new Set(
        views.flatMap((view) =>
          Array.from(view.userCounts.keys(), (user) => linesOf(view, user).slice(-50).join("\n")),
        ),
      );
      const prompts = [
        ...model.ranked.map(({ prefix }) => prefix),
        ...model.compared.map(({ prefix, questions }) => prefix + questions[0]),
      ];
      t.true(prompts.length > 100);
      for (const prompt of prompts) {
        const { history, similar } = blocksOf(prompt);
        t.true(histories.has(history.join("\n")), "the user's history is a history of a view, whole");
        if (similar.length > 0) t.true(histories.has(similar.join("\n")), "so is the similar user's");
        for (const title of [...history, ...similar]) {
          t.notRegex(title, /Canary of test/);
          if (protocol === "paper") t.notRegex(title, /Canary/);
        }
      }

      const testItem = new Map(Array.from(parts.test.users, (user, row) => [user, parts.test.items[row]]));
      const asked = new Set(
        model.compared.map(({ prefix, questions }) => blocksOf(prefix + questions[0]).history.join("\n")),
      );
      t.true(asked.size > 50);
      const pairOf = new Map<string, Set<number>>();
      for (const { prefix, questions } of model.compared) {
        const { history, candidates } = blocksOf(prefix + questions[0]);
        pairOf.set(history.join("\n"), new Set(candidates.map((title) => dataset.titles.indexOf(title))));
      }
      let heldOutNegatives = 0;
      for (const { user, positive, negative } of triples) {
        const pair = pairOf.get(linesOf(parts.train, user).join("\n"));
        const known = parts.final.has(user, positive) || pair?.has(positive) === true;
        if (!known) t.fail(`user ${user} trained on ${dataset.titles[positive]}`);
        if (parts.train.has(user, negative)) t.fail("a negative is unseen");
        if (negative === testItem.get(user)) heldOutNegatives++;
      }
      t.true(heldOutNegatives > 0, "held-out items are negatives like any other");
    },
  );

/** Pearson's statistic of counts that should be level. */
function chiSquare(observed: readonly number[], expected: number): number {
  return observed.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

test("negatives are uniform over what is not in training, held-out items included", (t) => {
  const { train, test: last, validation } = split(shop);
  const { offsets, items } = train.sortedItems();
  using sampler = new PairSampler({
    userCount: train.userCount,
    itemCount: train.itemCount,
    offsets,
    items,
    seed: 4,
  });
  const user = train.userCounts.indexOf(Math.max(...train.userCounts));
  const counts = new Array<number>(train.itemCount).fill(0);
  let [heldOutDraws, expectedDraws] = [0, 0];
  const heldOut = [last, validation].map(
    (rows) => new Map(Array.from(rows.users, (owner, row) => [owner, rows.items[row]])),
  );
  for (let epoch = 1; epoch <= 200; epoch++)
    for (const batch of sampler.epoch(epoch, 512))
      batch.users.forEach((owner, row) => {
        if (owner === user) counts[batch.negatives[row]]++;
        for (const rows of heldOut) {
          if (!rows.has(owner)) continue;
          if (rows.get(owner) === batch.negatives[row]) heldOutDraws++;
          expectedDraws += 1 / (train.itemCount - train.userCounts[owner]);
        }
      });
  const unseen = counts.filter((_, item) => !train.has(user, item));
  const total = counts.reduce((sum, count) => sum + count, 0);
  t.is(
    unseen.reduce((sum, count) => sum + count, 0),
    total,
  );
  const freedom = unseen.length - 1;
  const statistic = chiSquare(unseen, total / unseen.length);
  t.true(Math.abs(statistic - freedom) < 4 * Math.sqrt(2 * freedom), `chi-square ${statistic} at ${freedom}`);
  t.true(
    Math.abs(heldOutDraws - expectedDraws) < 4 * Math.sqrt(expectedDraws),
    `${heldOutDraws} of ${expectedDraws}`,
  );
});

test("random pairs draw held-out items as often as any other unseen item", async (t) => {
  const { train, test: last } = split(shop);
  const targets = new Map(Array.from(last.users, (user, row) => [user, last.items[row]]));
  const ranker = factorRanker({
    kind: "factors",
    name: "MF",
    factors: {
      dimension: 1,
      users: new Float32Array(train.userCount),
      items: new Float32Array(train.itemCount),
      itemBiases: null,
    },
  });
  const model = new TextModel((title) => shop.titles.indexOf(title));
  let [found, expected] = [0, 0];
  for (let seed = 1; seed <= 40; seed++) {
    const { triples } = await augmentPairs(model, ranker, train, { source: "random", seed });
    for (let at = 0; at < triples.length; at += 3) {
      const [user, a, b] = triples.subarray(at, at + 3);
      if (!targets.has(user)) continue;
      if (targets.get(user) === a || targets.get(user) === b) found++;
      expected += 2 / (train.itemCount - train.userCounts[user]);
    }
  }
  ranker.dispose();
  t.true(Math.abs(found - expected) < 4 * Math.sqrt(expected), `${found} of ${expected}`);
});

test("standard: validation items are in the final view, so masked and input for the test; paper: neither", (t) => {
  for (const protocol of ["paper", "standard"] as const) {
    const { train, final, validation, test: last } = split(shop, { protocol });
    validation.users.forEach((user, row) => {
      t.false(train.has(user, validation.items[row]));
      t.is(final.has(user, validation.items[row]), protocol === "standard");
    });
    last.users.forEach((user, row) => {
      t.false(final.has(user, last.items[row]));
    });
  }
});

test("users with one interaction are left out and counted; nobody left is an error", async (t) => {
  const builder = new DatasetBuilder("lonely");
  for (let user = 0; user < 12; user++)
    for (let age = 0; age < 5; age++) builder.addInteraction(user, (user + age) % 10, 1, age);
  for (let user = 100; user < 107; user++) builder.addInteraction(user, 3, 1, 1);
  const dataset = builder.build();
  t.like(split(dataset).counts, { users: 12, skippedShortUsers: 7 });
  const report = await run(null, { dataset });
  t.is(report.dataset.users, 19);
  t.is(report.users, 12);

  const alone = new DatasetBuilder("alone");
  alone.addInteraction(1, 1, 1, 1);
  const error = {
    instanceOf: Llama4RecError,
    code: "E_ARGUMENT",
    message: /a user with at least 3 eligible items/,
  };
  await t.throwsAsync(run(null, { dataset: alone.build() }), error);
});

test("bad options are refused before any work; an abort ends the run", async (t) => {
  await t.throwsAsync(run(null, { seeds: [] }), {
    code: "E_ARGUMENT",
    message: /^seeds: expected at least one/,
  });
  await t.throwsAsync(run(null, { seeds: [-1] }), { code: "E_ARGUMENT", message: /^seed: expected/ });
  await t.throwsAsync(run(null, { hyperparameters: { depth: 3 } }), {
    code: "E_ARGUMENT",
    message: /got "depth"/,
  });
  const reason = new Error("enough");
  await t.throwsAsync(run(null, { signal: AbortSignal.abort(reason) }), { is: reason });
});

test.serial(
  "an abort while the very last list is ranked rejects; there is no report with a hole",
  async (t) => {
    const whole = new TextModel(byWords);
    await run(whole);
    const controller = new AbortController();
    const reason = new Error("enough");
    const model: TextModel = new TextModel((title, blocks) => {
      if (model.ranked.length === whole.ranked.length) controller.abort(reason);
      return byWords(title, blocks);
    });
    await t.throwsAsync(run(model, { signal: controller.signal }), { is: reason });
    t.is(model.ranked.length, whole.ranked.length);
  },
);

test.serial("an abort between two weights of EASE ends the run before anything is trained", async (t) => {
  const controller = new AbortController();
  const reason = new Error("enough");
  const stages = new Set<string>();
  const onProgress = ({ stage, done }: StageProgress): void => {
    stages.add(stage);
    if (done === 2) controller.abort(reason);
  };
  await t.throwsAsync(run(null, { onProgress, signal: controller.signal }), { is: reason });
  t.deepEqual([...stages], ["choose lambda of EASE"]);
});

test.serial("every choice is made before a test row is read", async (t) => {
  const stages: string[] = [];
  await run(new TextModel(byWords), { seeds: [1, 2], onProgress: ({ stage }) => stages.push(stage) });
  const firstTest = stages.findIndex((stage) => /\btest\b/.test(stage));
  t.is(stages[firstTest], "test popularity and EASE");
  t.notRegex(stages.slice(firstTest).join(), /train|pairs|validation|choose/);
});
