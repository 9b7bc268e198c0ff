/** `llama4rec search` as its users meet it: a child process, its output, its files and its exit code. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { rename } from "node:fs/promises";
import { join, resolve } from "node:path";
import test from "ava";
import { folderOf } from "../datasets/temporary.js";
import { llama4rec, table } from "./command.js";

const search = ["search", "--data", "rows.csv", "--set", "dimension=4", "--threads", "1"];
const scoresOf = (stdout: string): unknown =>
  JSON.parse(stdout).trials.map(({ trial, rung, score }: Record<string, unknown>) => [trial, rung, score]);

test("data without timestamps: run and search say that the order within a user is a shuffle", async (t) => {
  const rows = table().replace(/,\d+$/gm, "").replace(",timestamp", "");
  const folder = folderOf(t, { "rows.csv": rows });
  const says = /No timestamps: the order within a user is a shuffle/;
  const once = ["--trials", "1", "--epochs", "1", "--backbone", "SASRec"];
  const found = await llama4rec(folder, [...search, ...once, "--set", "hidden=8", "--set", "length=4"]);
  t.is(found.code, 0, found.stderr);
  t.regex(found.stdout, says);
  const run = ["run", "--data", "rows.csv", "--set", "epochs=1", "--no-llm"];
  t.regex((await llama4rec(folder, run)).stdout, says);
  t.like(JSON.parse((await llama4rec(folder, [...run, "--json"])).stdout), { dataset: { ordered: false } });
  const ordered = folderOf(t, { "rows.csv": table() });
  t.notRegex((await llama4rec(ordered, run)).stdout, says);
});

test("ratings that are missing are named before anything is trained", async (t) => {
  const rows = table().replace(/,5,/g, ",").replace(",rating", "");
  const folder = folderOf(t, { "rows.csv": rows });
  for (const command of ["run", "search"]) {
    const { code, stderr } = await llama4rec(folder, [command, "--data", "rows.csv", "--backbone", "DeepFM"]);
    t.is(code, 2);
    t.regex(stderr, /ratings: expected two or more that differ in rows .*--column rating=.*72 rows rated 1/);
  }
});

test("search keeps trials, writes the best, and run takes it under --set", async (t) => {
  const folder = folderOf(t, { "rows.csv": table() });
  const args = [...search, "--strategy", "halving", "--trials", "4", "--epochs", "4", "--eta", "2"];
  const files = ["--file", "trials.jsonl", "--out", "tuned.json"];
  const space = ["--space", "learningRate=0.01..0.1:log", "--space", "batchSize=16,32"];
  const { code, stdout, stderr } = await llama4rec(folder, [...args, ...files, ...space, "--json"]);
  t.is(code, 0, stderr);
  t.is(stderr, "");
  const report = JSON.parse(stdout);
  t.like(report, { dataset: "rows", backbone: "MF", task: "direct", strategy: "halving", metric: "ndcg@10" });
  t.deepEqual(report.rungs, [
    { trials: 4, epochs: 1 },
    { trials: 2, epochs: 2 },
    { trials: 1, epochs: 4 },
  ]);
  t.is(report.trials.length, 7);
  t.deepEqual(Object.keys(report.space).sort(), [
    "batchSize",
    "l2",
    "learningRate",
    "negatives",
    "temperature",
  ]);
  t.deepEqual(readdirSync(folder).sort(), ["rows.csv", "trials.jsonl", "tuned.json"]);
  const { hyperparameters, validation } = JSON.parse(readFileSync(join(folder, "tuned.json"), "utf8"))
    .backbones.MF;
  t.deepEqual(hyperparameters, report.best.hyperparameters);
  t.deepEqual(validation, { metric: "ndcg@10", score: report.best.score, epoch: report.best.epoch });

  const again = await llama4rec(folder, [...args, ...files, ...space]);
  t.is(again.code, 0, again.stderr);
  t.regex(again.stdout, /validation rows; test rows are not read/);
  t.regex(again.stdout, /trials x epochs: 4 x 1, 2 x 2, 1 x 4; 0 diverged/);
  t.regex(
    again.stdout,
    /trials in trials\.jsonl.*\n.*best values in tuned\.json: llama4rec run --backbone MF --config tuned\.json/,
  );

  const config = ["run", "--data", "rows.csv", "--config", "tuned.json", "--set", "epochs=2", "--json"];
  const run = await llama4rec(folder, config);
  t.is(run.code, 0, run.stderr);
  t.deepEqual(JSON.parse(run.stdout).hyperparameters, { ...hyperparameters, epochs: 2 });
  await rename(join(folder, "rows.csv"), join(folder, "other.csv"));
  const mismatch = ["search", "--data", "other.csv", "--out", "tuned.json", "--file", "new.jsonl"];
  const refused = await llama4rec(folder, mismatch);
  t.is(refused.code, 2);
  t.regex(refused.stderr, /tuned\.json: expected values tuned on "other", got those of "rows"/);
  t.false(readdirSync(folder).includes("new.jsonl"), "refused before the search");
  for (const task of ["direct", "rating"]) {
    const backbones = {
      MF: { hyperparameters: {}, chosen: "" },
      DeepFM: { hyperparameters: {}, chosen: "" },
    };
    writeFileSync(join(folder, "rows.json"), JSON.stringify({ dataset: "rows", backbones }));
    const args = ["run", "--data", "other.csv", "--task", task, "--config", "rows.json", "--json"];
    const ran = await llama4rec(folder, args);
    t.is(ran.code, 2);
    t.is(ran.stdout, "");
    t.regex(ran.stderr, /rows\.json: expected values tuned on "other", got those of "rows"/);
  }
  const other = await llama4rec(folder, [...config, "--backbone", "SASRec", "--task", "sequential"]);
  t.is(other.code, 2);
  t.regex(other.stderr, /tuned\.json: backbones: expected one for SASRec, got "MF"/);
});

test("a rating backbone is searched by RMSE", async (t) => {
  const rows = table().replace(/(i[0-3]),5,/g, "$1,2,");
  const folder = folderOf(t, { "rows.csv": rows });
  const args = ["search", "--data", "rows.csv", "--task", "rating", "--trials", "3", "--epochs", "2"];
  const sizes = ["--set", "dimension=4", "--set", "hidden1=4", "--set", "hidden2=0", "--threads", "1"];
  const { code, stdout, stderr } = await llama4rec(folder, [
    ...args,
    ...sizes,
    "--json",
    "--file",
    "x.jsonl",
  ]);
  t.is(code, 0, stderr);
  const report = JSON.parse(stdout);
  t.like(report, { task: "rating", metric: "rmse", masking: null });
  const scores = report.trials.map(({ score }: { score: number }) => score);
  t.is(report.best.score, Math.min(...scores));
  const shown = await llama4rec(folder, [...args, ...sizes, "--file", "x.jsonl"]);
  const best = report.best.score.toFixed(4);
  t.regex(shown.stdout, /rating prediction, DeepFM, protocol paper, every interaction/);
  const [row] = shown.stdout.split("\n").filter((line) => /^│ +\d/.test(line));
  t.true(row.includes(best), shown.stdout);
});

test("killed, it goes on from its file as if it had never been", async (t) => {
  const folder = folderOf(t, { "rows.csv": table() });
  const args = [...search, "--trials", "5", "--epochs", "3", "--json"];
  const file = join(folder, "trials.jsonl");
  const child = spawn(
    process.execPath,
    [resolve("dist/lib/cli/main.js"), ...args, "--file", "trials.jsonl"],
    { cwd: folder },
  );
  const exit = once(child, "exit");
  const linesOf = (): number =>
    readdirSync(folder).includes("trials.jsonl") ? readFileSync(file, "utf8").split("\n").length - 1 : 0;
  while (linesOf() < 3 && child.exitCode === null) await new Promise((later) => setTimeout(later, 2));
  child.kill("SIGKILL");
  await exit;
  t.is(child.signalCode, "SIGKILL");
  const kept = readFileSync(file, "utf8");
  const resumed = await llama4rec(folder, [...args, "--file", "trials.jsonl"]);
  t.is(resumed.code, 0, resumed.stderr);
  t.deepEqual(scoresOf(resumed.stdout), scoresOf((await llama4rec(folder, args)).stdout));
  const whole = kept.slice(0, kept.lastIndexOf("\n") + 1);
  t.true(readFileSync(file, "utf8").startsWith(whole), "nothing is run twice");
});

const badInput: Record<string, { args: readonly string[]; says: readonly RegExp[] }> = {
  "a space that is none": { args: ["--space", "l2=x"], says: [/--space/, /name=low\.\.high/] },
  "a space without values": { args: ["--space", "l2"], says: [/--space/, /name=low\.\.high/] },
  "half a range": { args: ["--space", "l2=1.."], says: [/--space/, /name=low\.\.high/] },
  "a space of an unknown name": {
    args: ["--space", "learnrate=0.1,0.2"],
    says: [/expected one of dimension/, /did you mean "learningRate"\?/],
  },
  "a range the wrong way round": { args: ["--space", "l2=1..0.1"], says: [/space\.l2: expected a low end/] },
  "a fixed value that is searched": {
    args: ["--space", "l2=0,1", "--set", "l2=0"],
    says: [/space\.l2: expected a hyper-parameter that is not fixed/],
  },
  "a near backbone": { args: ["--backbone", "SASReck"], says: [/did you mean "SASRec"\?/] },
  "a near task": { args: ["--task", "sequentiel"], says: [/did you mean "sequential"\?/] },
  "an unknown strategy": { args: ["--strategy", "grid"], says: [/--strategy/, /random, halving/] },
  "an unknown metric": { args: ["--metric", "mrr"], says: [/--metric/, /ndcg@10/] },
  "a ranking metric for ratings": {
    args: ["--task", "rating", "--metric", "hr@5"],
    says: [/--metric: expected one of rmse, mae for task rating, got "hr@5"/],
  },
  "an error for rankings": {
    args: ["--backbone", "SASRec", "--metric", "mae"],
    says: [/--metric: expected one of hr@3, .* for task sequential, got "mae"/],
  },
  "a masking for ratings": {
    args: ["--backbone", "NFM", "--masking", "seen"],
    says: [/--masking: expected none for the rating task/],
  },
  "an eta without halving": {
    args: ["--eta", "4"],
    says: [/--eta: expected --strategy halving beside it, got 4/],
  },
  "epochs twice": {
    args: ["--epochs", "4", "--set", "epochs=3"],
    says: [/--epochs: expected no --set epochs=3 beside it, got 4/],
  },
  "no trial": { args: ["--trials", "0"], says: [/--trials/, /expected a whole number/] },
  "more epochs than a backbone allows": {
    args: ["--epochs", "1000000"],
    says: [/MF epochs: expected an integer in 1\.\.10000/],
  },
  "a file that is a table": {
    args: ["--file", "rows.csv"],
    says: [/rows\.csv:1: damaged, expected the first line/],
  },
  "a file in no folder": { args: ["--file", "sub/x"], says: [/--file: expected a file that can be written/] },
  "an out in no folder": { args: ["--out", "sub/x"], says: [/--out: expected a file that can be written/] },
  "an out that is a table": {
    args: ["--out", "rows.csv"],
    says: [/rows\.csv: expected tuned values as JSON/],
  },
};

for (const [name, { args, says }] of Object.entries(badInput))
  test.serial(`${name} is exit code 2 and one clear line`, async (t) => {
    const folder = folderOf(t, { "rows.csv": table() });
    const { code, stdout, stderr } = await llama4rec(folder, [
      "search",
      ...["--data", "rows.csv", "--json"],
      ...args,
    ]);
    t.is(code, 2, stderr);
    t.is(stdout, "");
    t.is(stderr.trimEnd().split("\n").length, 1, stderr);
    for (const words of says) t.regex(stderr, words);
    t.deepEqual(readdirSync(folder), ["rows.csv"]);
    t.is(readFileSync(join(folder, "rows.csv"), "utf8"), table());
  });
