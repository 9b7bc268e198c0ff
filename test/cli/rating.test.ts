/** The rating task and the list of backbones on the command line. */
import test from "ava";
import { listBackbones } from "../../lib/models/registry.js";
import { folderOf } from "../datasets/temporary.js";
import { llama4rec } from "./command.js";

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

test("a language model for the rating task is refused, not ignored", async (t) => {
  const { code, stdout, stderr } = await llama4rec(folderOf(t, {}), [
    "run",
    "--task",
    "rating",
    "--llm",
    "x.gguf",
  ]);
  t.is(code, 2);
  t.is(stdout, "");
  t.regex(stderr, /--llm: expected no language model for the rating task/);
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
