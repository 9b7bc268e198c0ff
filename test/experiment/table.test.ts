/** One of the paper's tables from beginning to end, on a small shop with a language model of a few lines. */
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { DatasetBuilder } from "../../lib/data/builder.js";
import type { Dataset } from "../../lib/data/dataset.js";
import { generateShop } from "../../lib/data/shop/index.js";
import { split } from "../../lib/data/split.js";
import { tuningView } from "../../lib/data/tuningView.js";
import { checkConfig } from "../../lib/experiment/config.js";
import { runTable, type TableOptions } from "../../lib/experiment/run.js";
import { sizeCurves } from "../../lib/experiment/sizeCurves.js";
import type { ExperimentSummary } from "../../lib/experiment/summary.js";
import { WorkFolder } from "../../lib/experiment/workFolder.js";
import type { LanguageModel } from "../../lib/llm/languageModel.js";
import { DIRECT_TEMPLATE } from "../../lib/llm/prompts/direct.js";
import { SEQUENTIAL_TEMPLATE } from "../../lib/llm/prompts/sequential.js";
import { type Blocks, blocksOf } from "../augmentation/promptBlocks.js";
import { type Taste, TextModel } from "../augmentation/textModel.js";
import { planted } from "../evaluation/canaries.js";
import { type Fault, FaultyLanguageModel } from "../llm/faultyLanguageModel.js";
import { temporaryFolder } from "../llm/files.js";

const shop = generateShop({ users: 120, items: 80, interactions: 1800 });
const quick = {
  MF: { dimension: 8, epochs: 10, batchSize: 128, learningRate: 0.02 },
  SASRec: { dimension: 8, hidden: 16, epochs: 2 },
  DeepFM: { dimension: 4, hidden1: 16, hidden2: 0, epochs: 3 },
} as const;

/** Likes titles that share words with the user's own. */
const byWords = (title: string, { history }: Blocks): number => {
  const known = new Set(history.flatMap((text) => text.split(/\W+/)));
  return title.split(/\W+/).filter((word) => word.length > 3 && known.has(word)).length;
};

/** Gone at the end of the test. */
async function emptyFolder(t: ExecutionContext): Promise<string> {
  const { path, remove } = await temporaryFolder();
  t.teardown(remove);
  return path;
}

const configOf = (task: string, backbone: string, rest: object = {}) =>
  checkConfig({
    name: "small",
    data: "shop",
    task,
    backbones: [backbone],
    seeds: 2,
    models: { augmented: "a.gguf", plain: "b.gguf" },
    modes: ["likelihood", "labels"],
    augmentation: { fields: ["genre"] },
    ...rest,
  });

async function run(
  folder: string,
  model: LanguageModel,
  config: ReturnType<typeof configOf>,
  rest: Partial<TableOptions> = {},
): Promise<ExperimentSummary> {
  return await runTable({ ...(await optionsOf(folder, model, config)), ...rest });
}

async function optionsOf(
  folder: string,
  model: LanguageModel,
  config: ReturnType<typeof configOf>,
): Promise<TableOptions> {
  return {
    config,
    dataset: shop,
    models: { augmented: model, plain: model, names: { augmented: "a", plain: "b" } },
    work: await WorkFolder.open(folder),
    hyperparameters: quick,
    threads: 1,
  };
}

const rowOf = (summary: ExperimentSummary, name: string) => {
  const found = summary.rows.find(({ row }) => row === name);
  if (found === undefined) throw new Error(`no row ${name}`);
  return found;
};

test.serial(
  "attributes that the catalogue's template has not are refused before anything is trained",
  async (t) => {
    const stages: string[] = [];
    const config = configOf("rating", "DeepFM", { augmentation: { fields: ["director"] } });
    const body = run(await emptyFolder(t), new TextModel(byWords), config, {
      onProgress: ({ stage }) => stages.push(stage),
    });
    await t.throwsAsync(body, { code: "E_ARGUMENT", message: /^fields: .*"director"/ });
    t.false(stages.some((stage) => stage.includes("train")));
  },
);

for (const [task, backbone] of [
  ["direct", "MF"],
  ["sequential", "SASRec"],
  ["rating", "DeepFM"],
] as const)
  test.serial(`${task}: all rows, the same again, and nothing is asked twice`, async (t) => {
    const folder = await emptyFolder(t);
    const model = new TextModel(byWords);
    const config = configOf(task, backbone);
    const summary = await run(folder, model, config);
    t.deepEqual(
      summary.rows.map(({ row }) => row),
      [...config.rows],
    );
    t.is(rowOf(summary, "base").difference, null);
    for (const { row, metrics, difference } of summary.rows) {
      t.true(Object.values(metrics).every(Number.isFinite), row);
      if (difference !== null) {
        const gap = metrics[summary.primary] - rowOf(summary, "base").metrics[summary.primary];
        t.true(Math.abs(difference.mean - gap) < 1e-9, `${row}: ${difference.mean} is not ${gap}`);
        t.true(difference.low <= difference.mean && difference.mean <= difference.high, row);
      }
    }
    t.true(summary.cost.prompts > 0);

    const asked = model.stats().calls;
    const again = await run(folder, model, config);
    t.is(model.stats().calls, asked);
    t.deepEqual(again.rows, summary.rows);

    // One part lost, as after a kill: only that is done again, from the models that are kept.
    const notes = join(folder, "notes");
    const lost = readdirSync(notes).find((name) => name.startsWith(`${backbone}-seed2`)) ?? "";
    rmSync(join(notes, lost));
    const resumed = await run(folder, model, config);
    t.deepEqual(resumed.rows, summary.rows);
  });

test.serial("direct recommendation may ask what comes next, and the report says so", async (t) => {
  const model = new TextModel(byWords);
  const rest = { question: "sequential", seeds: 1, rows: ["base", "without-data"] };
  const { notes } = await run(await emptyFolder(t), model, configOf("direct", "MF", rest));
  t.true(model.ranked.length > 0);
  for (const { prefix } of model.ranked) {
    t.true(
      [SEQUENTIAL_TEMPLATE.question.title, SEQUENTIAL_TEMPLATE.question.choose].some((words) =>
        prefix.includes(words),
      ),
    );
    t.false(prefix.includes(DIRECT_TEMPLATE.question.title));
  }
  t.true(notes.some((note) => note.includes("question of sequential")));
});

test.serial("curves ask the models of other sizes and leave all else as it is", async (t) => {
  const folder = await emptyFolder(t);
  const points = ["small.gguf", "large.gguf"].map((model, at) => ({ size: 10 ** at, label: model, model }));
  const curve = { by: "parameters", seeds: 1, points };
  const config = configOf("direct", "MF", { seeds: 1, curves: [curve] });
  const augmented = new TextModel(byWords);
  const options = await optionsOf(folder, augmented, config);
  const { rows } = await runTable(options);
  const small = new TextModel(byWords, undefined, "small");
  const large = new TextModel((title) => title.length, undefined, "large");
  const [found] = await sizeCurves(options, async (name) => (name === "small.gguf" ? small : large));
  const value = (row: string) => rows.find((one) => one.row === row)?.metrics["ndcg@5"] ?? Number.NaN;
  t.is(found.base, value("base"));
  t.is(found.points[0].value, value("without-prompt"), "the same words, the same figure");
  t.deepEqual(
    found.points.map(({ label }) => label),
    ["small.gguf", "large.gguf"],
  );
  t.true(small.ranked.length > 0 && large.ranked.length > 0);
});

test.serial("canaries of validation and test rows reach no history and no similar user's list", async (t) => {
  const dataset = planted(shop);
  const parts = split(dataset, { protocol: "paper", leastHistory: 1 });
  const model = new TextModel(byWords);
  await run(await emptyFolder(t), model, configOf("direct", "MF"), { dataset });
  const heldOut = [...parts.validation.users, ...parts.test.users].length;
  t.true(heldOut > 0 && model.compared.length > 0 && model.ranked.length > 0);
  for (const { prefix } of [...model.ranked, ...model.compared]) {
    const { history, similar } = blocksOf(prefix);
    t.true(history.length > 0);
    for (const line of [...history, ...similar]) t.notRegex(line, /Canary of (validation|test)/);
  }
});

test.serial(
  "a model that errs in any way: the run completes, faults are counted, the conventional order stays",
  async (t) => {
    for (const fault of ["throw", "hang", "nan", "short", "long", "no permutation"] satisfies Fault[]) {
      const model = new FaultyLanguageModel(fault);
      const config = configOf("direct", "MF", { seeds: 1, deadline: 0.02, rows: ["base", "without-data"] });
      const { rows, cost } = await run(await emptyFolder(t), model, config);
      const [base, mixed] = rows;
      t.deepEqual(mixed.metrics, base.metrics, fault);
      t.is(mixed.changed, 0, fault);
      t.true(Object.values(cost.faults).reduce((sum, count) => sum + count, 0) > 0, fault);
    }
  },
);

test.serial(
  "rounds of augmentation: what a round wrote joins the one before, and a round that is no better ends it",
  async (t) => {
    const folder = await emptyFolder(t);
    const model = new TextModel(byWords);
    const rows = ["base", "llama4rec"];
    const augmentation = { source: "random", rounds: 4, guard: false };
    await run(folder, model, configOf("direct", "MF", { seeds: 1, rows, augmentation }));
    const files = readdirSync(join(folder, "augmentations"));
    t.true(files.length >= 2 && files.length <= 4, files.join(" "));
    t.true(files.includes("MF-seed1-pairs.jsonl") && files.includes("MF-seed1-round2-pairs.jsonl"));
    // Two seeds of the base, and one training a round.
    t.is(readdirSync(join(folder, "models")).length, 2 + files.length);
  },
);

test.serial(
  "what a model writes is kept where validation is better for it, and dropped where it is not",
  async (t) => {
    const least: Taste = (title) => -title.length;
    for (const guard of [true, false]) {
      const folder = await emptyFolder(t);
      const rows = ["base", "llama4rec"];
      const augmentation = { source: "random", pairs: 20, guard };
      const config = configOf("direct", "MF", { seeds: 1, rows, augmentation });
      const { notes } = await run(folder, new TextModel(least), config);
      t.is(
        notes.some((note) => note.includes("was dropped in 1 of 1 trainings")),
        guard,
      );
    }
  },
);

test.serial("a catalogue without titles is refused by name", async (t) => {
  const bare = rebuilt({});
  const folder = await emptyFolder(t);
  await t.throwsAsync(
    () => run(folder, new TextModel(byWords), configOf("direct", "MF"), { dataset: bare }),
    {
      code: "E_ARGUMENT",
      message: /^titles/,
    },
  );
});

test.serial(
  "what leaves nothing to do or to measure is refused by name before anything is trained",
  async (t) => {
    const folder = await emptyFolder(t);
    const model = new TextModel(byWords);
    for (const only of [{ seeds: [3] }, { backbones: ["SGL"] }])
      await t.throwsAsync(() => run(folder, model, configOf("direct", "MF"), { only }), {
        code: "E_ARGUMENT",
        message: new RegExp(`^only\\.${Object.keys(only)[0]}: `),
      });
    // Nobody has the items of another: no held-out item is known from training.
    const apart = new DatasetBuilder("apart", { likeThreshold: 4 });
    for (let user = 0; user < 4; user++)
      for (let age = 0; age < 4; age++) {
        apart.addItem(4 * user + age, `Title ${user} ${age}`);
        apart.addInteraction(user, 4 * user + age, 5, age);
      }
    await t.throwsAsync(() => run(folder, model, configOf("direct", "MF"), { dataset: apart.build() }), {
      code: "E_ARGUMENT",
      message: /^dataset: expected validation rows/,
    });
  },
);

test.serial("rows that need no other list need no other cell; other titles do", async (t) => {
  const folder = await emptyFolder(t);
  const cells = () => readdirSync(join(folder, "notes")).length;
  const model = new TextModel(byWords);
  const config = (...rows: string[]) => configOf("direct", "MF", { seeds: 1, rows });
  await run(folder, model, config("base", "llama4rec"));
  t.is(cells(), 1);
  await run(folder, model, config("learned", "base", "without-adaptive", "second-seed", "llama4rec"));
  t.is(cells(), 1);
  const dataset = rebuilt({ title: (old) => `${old}, new` });
  await run(folder, model, config("base", "llama4rec"), { dataset });
  t.is(cells(), 2);
});

test.serial("without timestamps: no seed holds out what the language models were tuned on", async (t) => {
  const dataset = rebuilt({ title: (old) => old, timed: false });
  const folder = await emptyFolder(t);
  await run(folder, new TextModel(byWords), configOf("direct", "MF", { rows: ["base"] }), { dataset });
  const cells = readdirSync(join(folder, "notes")).map((name) =>
    JSON.parse(readFileSync(join(folder, "notes", name), "utf8")),
  );
  // `llama4rec tune` takes these splits.
  const tunedOn = tuningView(dataset, [{ protocol: "paper" }, { protocol: "standard" }]);
  const { digest, test: heldOut } = split(dataset, { protocol: "paper" });
  t.true(heldOut.users.every((user, row) => !tunedOn.has(user, heldOut.items[row])));
  t.deepEqual(
    cells.map(({ value }) => [value.seed, value.split]),
    [
      [1, digest],
      [2, digest],
    ],
  );
});

/** The shop's interactions with other titles, none for items known by number alone, or without times. */
function rebuilt({ title, timed = true }: { title?: (old: string) => string; timed?: boolean }): Dataset {
  const { users, items, interactions, titles } = shop;
  const builder = new DatasetBuilder("rebuilt", { likeThreshold: 4 });
  if (title !== undefined) for (const id of items) builder.addItem(id, title(titles[items.indexOf(id)]));
  interactions.users.forEach((user, row) => {
    const time = timed ? interactions.timestamps?.[row] : undefined;
    const item = items.idAt(interactions.items[row]);
    builder.addInteraction(users.idAt(user), item, interactions.ratings[row], time);
  });
  return builder.build();
}
