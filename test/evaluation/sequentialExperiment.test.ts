import test from "ava";
import { generateShop } from "../../lib/data/shop/index.js";
import { type Protocol, split } from "../../lib/data/split.js";
import { type ExperimentOptions, runExperiment } from "../../lib/evaluation/experiment.js";
import type { ExperimentReport } from "../../lib/evaluation/report.js";
import type { LanguageModel } from "../../lib/llm/languageModel.js";
import { SEQUENTIAL_TEMPLATE } from "../../lib/llm/prompts/sequential.js";
import type { SequentialDefinition } from "../../lib/models/backbone.js";
import { SASREC } from "../../lib/models/sequential/sasrec.js";
import { setThreads, threads } from "../../lib/native/addon.js";
import { type Blocks, blocksOf } from "../augmentation/promptBlocks.js";
import { TextModel } from "../augmentation/textModel.js";
import { linesOf, planted } from "./canaries.js";

const shop = generateShop({ users: 80, items: 60, interactions: 1200 });
const hyperparameters = {
  dimension: 8,
  hidden: 8,
  blocks: 1,
  length: 12,
  epochs: 10,
  batchSize: 32,
  learningRate: 0.01,
};

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
    backbone: SASREC,
    hyperparameters,
    languageModel: model && { name: "in test", model },
    ...options,
  });

const withoutTimings = ({ timings: _, ...rest }: ExperimentReport): Omit<ExperimentReport, "timings"> => rest;

test.serial("the whole method runs, and gives the same report at any number of threads", async (t) => {
  const before = threads();
  const reports: ExperimentReport[] = [];
  try {
    for (const count of [1, 2]) {
      setThreads(count);
      reports.push(await run(new TextModel(byWords)));
    }
  } finally {
    setThreads(before);
  }
  const [report, threaded] = reports;
  t.deepEqual(withoutTimings(threaded), withoutTimings(report));
  const parts = split(shop, { leastHistory: 2 });
  t.like(report, {
    task: "sequential",
    backbone: "SASRec",
    protocol: "paper",
    masking: "none",
    users: parts.test.users.length,
  });
  t.truthy(report.recencyEase && report.augmented && report.llm && report.llama4rec && report.alpha);
  t.true((report.chosen.recencyEase?.recency ?? 1) < 1);
  const { augmentation } = report.languageModel ?? t.fail();
  t.is(augmentation.writes, "insertions");
  t.is(augmentation.asked, parts.counts.users);
  t.is(augmentation.used, augmentation.asked);
});

test.serial("known items are masked where it is asked for, for every ranker", async (t) => {
  const open = await run(null);
  const masked = await run(null, { masking: "seen" });
  t.is((await run(null, { protocol: "standard" })).masking, "seen");
  t.is(masked.masking, "seen");
  t.is(masked.users, open.users);
  for (const name of ["popularity", "ease", "recencyEase", "base"] as const)
    t.notDeepEqual(masked[name], open[name], name);
  t.true(masked.popularity["hr@10"] > open.popularity["hr@10"]);
});

/** SASRec that keeps the sequences it is trained on. */
function recording(seen: { items: number[]; negatives: number[] }[]): SequentialDefinition {
  return {
    ...SASREC,
    create: (...args) => {
      const model = SASREC.create(...args);
      return {
        parameters: model.parameters,
        encoder: () => model.encoder(),
        loss: (batch) => {
          for (let s = 0; s + 1 < batch.offsets.length; s++) {
            const [begin, end] = [batch.offsets[s], batch.offsets[s + 1]];
            seen.push({
              items: [...batch.inputs.slice(begin, end), batch.targets[end - 1]],
              negatives: [...batch.negatives.slice(begin, end)],
            });
          }
          return model.loss(batch);
        },
      };
    },
  };
}

for (const protocol of ["paper", "standard"] as Protocol[])
  test.serial(`canaries, protocol ${protocol}: held-out rows reach no history and no sequence`, async (t) => {
    const dataset = planted(shop);
    const parts = split(dataset, { protocol, leastHistory: 2 });
    const model = new TextModel(byWords);
    const seen: { items: number[]; negatives: number[] }[] = [];
    await run(model, {
      dataset,
      protocol,
      backbone: recording(seen),
      hyperparameters: { ...hyperparameters, negatives: 1, length: 100, epochs: 5 },
    });

    const views = [parts.train, parts.final];
    const histories = new Set(
      views.flatMap((view) =>
        Array.from(view.userCounts.keys(), (user) => linesOf(view, user).slice(-50).join("\n")),
      ),
    );
    const requests = [...model.ranked, ...model.chosen];
    const prompts = requests.map(({ prefix }) => prefix);
    t.true(model.ranked.length > 10 && model.chosen.length > 70);
    for (const prompt of prompts) {
      const { history, similar } = blocksOf(prompt);
      t.true(histories.has(history.join("\n")), "the user's history, in order and whole");
      if (similar.length > 0) t.true(histories.has(similar.join("\n")), "so is the similar user's");
      for (const title of [...history, ...similar]) {
        t.notRegex(title, /Canary of test/);
        if (protocol === "paper") t.notRegex(title, /Canary/);
      }
    }
    t.true(requests.every(({ template }) => template === SEQUENTIAL_TEMPLATE.version));

    // Every sequence is a user's training row, as it is or with one foreign item that is not its last.
    const rows = views.flatMap((view) =>
      Array.from(view.userCounts.keys(), (user) => [...view.itemsOf(user)]).filter((row) => row.length > 0),
    );
    const known = new Set(rows.map(String));
    let [whole, augmented, heldOutNegatives] = [0, 0, 0];
    const testItems = new Set(parts.test.items);
    for (const { items, negatives } of seen) {
      if (known.has(String(items))) whole++;
      else {
        const place = items.findIndex((_, index) => known.has(String(items.toSpliced(index, 1))));
        if (place < 0 || place === items.length - 1) t.fail(`trained on ${items.join(" ")}`);
        augmented++;
      }
      if (negatives.some((item) => items.includes(item))) t.fail("a negative is unseen");
      heldOutNegatives += negatives.filter((item) => testItems.has(item)).length;
    }
    t.true(whole > 300 && augmented > 300, `${whole} as they are, ${augmented} with an insertion`);
    t.true(heldOutNegatives > 0, "held-out items are negatives like any other");
  });
