import { readdirSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { checkConfig, readConfig } from "../../lib/experiment/config.js";
import { paperFigures } from "../../lib/experiment/paper.js";
import { ROWS } from "../../lib/experiment/summary.js";
import { Llama4RecError } from "../../lib/native/errors.js";

const least = {
  name: "try",
  data: "ml-100k",
  task: "direct",
  models: { augmented: "a.gguf", plain: "b.gguf" },
};

test("what is not told is as the paper has it", (t) => {
  const config = checkConfig(least);
  t.deepEqual(config.backbones, ["MF", "LightGCN", "MixGCF", "SGL"]);
  t.is(config.seeds, 5);
  t.is(config.augmentation.source, "backbone");
  t.is(config.augmentation.pairs, 1);
  t.is(config.augmentation.candidates, 10);
  t.deepEqual(config.forms, ["scaled"]);
  t.deepEqual(config.rows, [...ROWS]);
});

const wrong: readonly [string, Record<string, unknown>, RegExp][] = [
  ["a field that nobody knows", { backbone: ["MF"] }, /backbones\?.*"backbone"/],
  ["no task", { task: undefined }, /^task: expected.*got/],
  ["a task that is none", { task: "ranking" }, /^task: expected.*"ranking"/],
  ["no seeds", { seeds: 0 }, /^seeds: .*0/],
  ["a backbone of another task", { backbones: ["DeepFM"] }, /DeepFM/],
  ["a mode that is none", { modes: ["likelihod"] }, /^modes\.0: /],
  [
    "a question about ranks where ratings are asked",
    { task: "rating", question: "direct" },
    /^question: .*none/,
  ],
  ["too many pairs", { augmentation: { pairs: 1000 } }, /^augmentation\.pairs: /],
  ["a backbone twice", { backbones: ["MF", "SGL", "MF"] }, /^backbones: .*once/],
  ["a row twice", { rows: ["base", "ift", "base"] }, /^rows: .*once/],
  ["a name that is no file's", { name: "../x" }, /^name: /],
];
for (const [what, change, message] of wrong)
  test(`${what}: an error that names the field`, (t) => {
    const error = t.throws(() => checkConfig({ ...least, ...change }), { instanceOf: Llama4RecError });
    t.regex(error?.message ?? "", message);
  });

test("the experiments of this repository are all well formed", async (t) => {
  const folder = "benchmarks/quality";
  const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
  t.true(files.length >= 9);
  for (const file of files) {
    const config = await readConfig(join(folder, file));
    t.is(`${config.name}.json`, file);
  }
});

test("the paper's figures are those of its tables", (t) => {
  t.deepEqual(paperFigures("ml-100k", "MF", "llama4rec"), {
    "hr@3": 0.0645,
    "ndcg@3": 0.0474,
    "hr@5": 0.0919,
    "ndcg@5": 0.0588,
  });
  t.deepEqual(paperFigures("book-crossing", "NFM", "base"), { rmse: 2.121, mae: 1.5984 });
  t.deepEqual(paperFigures("ml-1m", "AFM", "ift"), { rmse: 1.2302, mae: 0.877 });
  t.deepEqual(paperFigures("ml-1m", "LightGCN", "without-prompt"), { "hr@3": 0.0277, "ndcg@3": 0.0199 });
  t.is(paperFigures("ml-1m", "MF", "without-prompt"), null);
  t.is(paperFigures("shop", "MF", "base"), null);
});
