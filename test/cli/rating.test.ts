/** The rating task and the list of backbones on the command line. */
import test from "ava";
import { listBackbones } from "../../lib/models/registry.js";
import { folderOf } from "../datasets/temporary.js";
import { llama4rec, table } from "./command.js";

const small = ["--set", "epochs=2", "--set", "dimension=4", "--set", "hidden1=8", "--set", "hidden2=0"];

test("run --task rating prints a table with the bias models, and with --json one document", async (t) => {
  const folder = folderOf(t, {});
  const shown = await llama4rec(folder, ["run", "--task", "rating", ...small]);
  t.is(shown.code, 0, shown.stderr);
  for (const words of [
    /rating prediction, DeepFM/,
    /RMSE/,
    /item mean/,
    /biases and factors/,
    /demonstration/,
  ])
    t.regex(shown.stdout, words);
  const printed = await llama4rec(folder, ["run", "--task", "rating", "--json", ...small]);
  t.is(printed.code, 0, printed.stderr);
  t.is(printed.stderr, "");
  t.like(JSON.parse(printed.stdout), { task: "rating", backbone: "DeepFM", seeds: [1] });
});

test("what a task has no use for is refused, not ignored", async (t) => {
  const folder = folderOf(t, {});
  for (const [backbone, option, value, why] of [
    ["DeepFM", "--llm", "x.gguf", "for the rating task, whose language side is no part of this version"],
    ["DeepFM", "--lora", "x.gguf", "for the rating task, whose language side"],
    ["DeepFM", "--runner", "pocket", "for the rating task, whose language side"],
    ["DeepFM", "--cache", "folder", "for the rating task, whose language side"],
    ["NFM", "--masking", "none", "for the rating task, which ranks nothing"],
    ["NFM", "--pairs", "backbone", "for the rating task, which ranks nothing"],
    ["SASRec", "--pairs", "random", "for the sequential task, whose augmentation writes insertions"],
  ]) {
    const { code, stdout, stderr } = await llama4rec(folder, ["run", "--backbone", backbone, option, value]);
    t.is(code, 2);
    t.is(stdout, "");
    t.true(stderr.includes(`${option}: expected none ${why}`), stderr);
    t.true(stderr.includes(`got "${value}"`), stderr);
  }
});

test("the backbone says which task it is, --task may say so too, and neither is needed", async (t) => {
  const folder = folderOf(t, { "rows.csv": table().replace(/(i[0-3]),5,/g, "$1,2,") });
  const fewer = ["--data", "rows.csv", "--set", "epochs=1", "--json"];
  for (const [args, task, backbone] of [
    [["--backbone", "nfm"], "rating", "NFM"],
    [["--backbone", "SASRec", "--protocol", "standard"], "sequential", "SASRec"],
    [["--task", "sequential", "--protocol", "standard"], "sequential", "SASRec"],
    [["--protocol", "standard", "--no-cache"], "direct", "MF"],
  ] as const) {
    const { code, stdout, stderr } = await llama4rec(folder, ["run", ...fewer, ...args]);
    t.is(code, 0, stderr);
    t.like(JSON.parse(stdout), { task, backbone });
  }
  const { code, stderr } = await llama4rec(folder, ["run", "--task", "direct", "--backbone", "SASRec"]);
  t.is(code, 2);
  t.regex(stderr, /backbone: expected one of MF, .* for task direct, got "SASRec"/);
});

test("backbones lists all there are, and of one its hyper-parameters with their ranges", async (t) => {
  const folder = folderOf(t, {});
  const all = await llama4rec(folder, ["backbones", "--json"]);
  t.deepEqual(
    JSON.parse(all.stdout).map(({ name }: { name: string }) => name),
    listBackbones().map(({ name }) => name),
  );
  const one = await llama4rec(folder, ["backbones", "lightgcn"]);
  t.is(one.code, 0, one.stderr);
  t.regex(one.stdout, /LightGCN \(direct\)/);
  t.regex(one.stdout, /layers .* whole/);
  const wrong = await llama4rec(folder, ["backbones", "lightgnc"]);
  t.is(wrong.code, 2);
  t.regex(wrong.stderr, /did you mean "LightGCN"/);
});
