/** The command line as its users meet it: a child process, its output and its exit code. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import test, { type ExecutionContext } from "ava";
import { embeddedModel } from "../../lib/llm/embedded.js";
import { folderOf } from "../datasets/temporary.js";
import { plantedSummary } from "../experiment/plantedSummary.js";
import { WEIGHTS } from "../llm/files.js";
import { tinyGguf } from "../llm/tinyGguf.js";
import { items, llama4rec, table } from "./command.js";

const small = ["--set", "epochs=2", "--set", "dimension=4"];
/** The job on a table with titles. */
const runWith = (model: string): string[] => [
  ...["run", "--data", "rows.csv", "--items", "items.csv"],
  ...["--llm", model, "--no-cache"],
];

test("run --json prints one JSON document and nothing else", async (t) => {
  const folder = folderOf(t, { "rows.csv": table(), "items.csv": items(), "tiny.gguf": tinyGguf(WEIGHTS) });
  const args = [...runWith("tiny.gguf"), "--seeds", "2", "--json", ...small];
  const { code, stdout, stderr } = await llama4rec(folder, args);
  t.is(code, 0, stderr);
  t.is(stderr, "");
  const report = JSON.parse(stdout);
  const keys = [
    "dataset",
    "popularity",
    "ease",
    "base",
    "llm",
    "llama4rec",
    "alpha",
    "users",
    "device",
    "timings",
  ];
  for (const key of keys) t.true(key in report && report[key] !== null, key);
  t.like(report.dataset, { users: 12, items: 8, interactions: 72, demonstration: false });
  for (const key of ["popularity", "ease", "base", "llm", "llama4rec"])
    t.deepEqual(Object.keys(report[key]), ["hr@3", "ndcg@3", "hr@5", "ndcg@5", "hr@10", "ndcg@10"]);
  t.is(report.languageModel.name, "tiny.gguf");
  t.like(report.hyperparameters, { epochs: 2, dimension: 4 });
  t.deepEqual(readdirSync(folder).sort(), ["items.csv", "rows.csv", "tiny.gguf"]);
});

test("a part of an experiment is shown and leaves the whole one's results alone", async (t) => {
  const lines = (count: number, line: (n: number) => string) =>
    Array.from({ length: count }, (_, n) => `${line(n)}\n`).join("");
  const config = {
    name: "small",
    data: "films",
    task: "direct",
    backbones: ["MF"],
    seeds: 2,
    models: { augmented: "tiny.gguf", plain: "tiny.gguf" },
    modes: ["likelihood"],
    rows: ["base", "without-data"],
  };
  const folder = folderOf(t, {
    "films/u.data": lines(
      72,
      (n) => `${1 + (n % 12)}\t${1 + (((n % 12) + Math.floor(n / 12)) % 8)}\t5\t${n}`,
    ),
    "films/u.item": lines(8, (n) => `${1 + n}|Film ${n} (1990)|01-Jan-1990|||${"0|".repeat(18)}1`),
    "films/u.user": lines(12, (n) => `${1 + n}|30|M|artist|12345`),
    "models/tiny.gguf": tinyGguf(WEIGHTS),
    "small.json": JSON.stringify(config),
    "results/small.html": "the whole",
  });
  const args = ["experiment", "small.json", "--results", "results", "--work", "work", "--json"];
  const { code, stdout, stderr } = await llama4rec(folder, [...args, "--seeds", "2"]);
  t.is(code, 0, stderr);
  t.deepEqual(JSON.parse(stdout).seeds, [2]);
  t.deepEqual(readdirSync(join(folder, "results")).sort(), ["small.html", "small.part.html"]);
  t.is(readFileSync(join(folder, "results/small.html"), "utf8"), "the whole");
});

test("the gains of a folder of results count a table once, however many experiments repeat a part of it", async (t) => {
  const table = { ...plantedSummary({ task: "direct", name: "films-direct" }), gain: 4 };
  const part = { ...plantedSummary({ task: "direct", name: "films-ablation", backbones: ["MF"] }), gain: 9 };
  const rating = { ...plantedSummary({ task: "rating", name: "films-rating" }), gain: 2 };
  const all = [part, table, rating];
  const files = all.map((one) => [`results/${one.name}.json`, JSON.stringify(one)] as const);
  const folder = folderOf(t, Object.fromEntries(files));
  const { code, stdout } = await llama4rec(folder, ["experiment", "--summary", "results", "--json"]);
  t.is(code, 0);
  const { gain, controls, rows } = JSON.parse(stdout);
  t.deepEqual(gain, { direct: 4, rating: 2 });
  t.deepEqual(Object.keys(controls).sort(), ["films-ablation", "films-direct", "films-rating"]);
  t.is(
    rows.length,
    all.reduce((sum, one) => sum + one.rows.length, 0),
  );
});

test("a damaged file among the results of experiments is named", async (t) => {
  const folder = folderOf(t, { "results/small.json": "{" });
  const { code, stderr } = await llama4rec(folder, ["experiment", "--summary", "results"]);
  t.not(code, 0);
  t.regex(stderr, /small\.json: expected JSON/);
  t.notRegex(stderr, /at JSON\.parse/);
});

test("run on the embedded shop prints a table and says that it is a demonstration and the language side off", async (t) => {
  const { code, stdout } = await llama4rec(folderOf(t, {}), ["run", "--no-llm", ...small, "--threads", "1"]);
  t.is(code, 0);
  for (const words of [
    /shop: 800 users, 600 items/,
    /a demonstration/,
    /popularity/,
    /EASE/,
    /MF \(base\)/,
    /language side is off/,
    /1 thread\b/,
  ])
    t.regex(stdout, words);
});

const embedded = embeddedModel() === null ? test.skip : test;
embedded("run on the embedded shop asks the embedded model", async (t) => {
  const { code, stdout, stderr } = await llama4rec(folderOf(t, {}), [
    "run",
    "--json",
    "--no-cache",
    ...small,
  ]);
  t.is(code, 0, stderr);
  const { languageModel, llama4rec: mixed, segments } = JSON.parse(stdout);
  t.is(languageModel.name, embeddedModel()?.name);
  t.is(languageModel.lists.answered, languageModel.lists.asked);
  t.truthy(mixed && segments.tail.llama4rec && segments.head.llama4rec);
});

test("run shows tail and head users apart where there are both", async (t) => {
  const rows = ["user,item,rating,timestamp"];
  for (let user = 0; user < 12; user++)
    for (let age = 0; age < (user < 8 ? 4 : 7); age++) rows.push(`u${user},i${(user + age) % 8},5,${age}`);
  const folder = folderOf(t, { "rows.csv": rows.join("\n") });
  const args = ["run", "--data", "rows.csv", ...small];
  const { stdout } = await llama4rec(folder, args);
  t.regex(stdout, /tail: the 8 test users with at most 2 training interactions .*head: the other 4/);
  t.regex(stdout, /all HR@5.*tail HR@5.*head HR@5/);
  const { segments, ...all } = JSON.parse((await llama4rec(folder, [...args, "--json"])).stdout);
  t.like(segments, { cut: 2, tail: { users: 8 }, head: { users: 4 } });
  const mean = (8 * segments.tail.base["hr@3"] + 4 * segments.head.base["hr@3"]) / 12;
  t.true(Math.abs(mean - all.base["hr@3"]) < 1e-12);
});

const tiny = ["--tokens", "3000", "--dimension", "32", "--blocks", "1", "--hidden", "32", "--heads", "2"];
const tinyTune = ["tune", "--data", "rows.csv", ...tiny, "--kv-heads", "1", "--context", "256", "--no-hints"];

test("tune writes one GGUF, the same from the same command, and run takes it", async (t) => {
  const folder = folderOf(t, { "rows.csv": table(), "items.csv": items() });
  const first = await llama4rec(folder, [...tinyTune, "--out", "one.gguf", "--json"]);
  t.is(first.code, 0, first.stderr);
  t.is(first.stderr, "");
  const result = JSON.parse(first.stdout);
  t.like(result, { out: "one.gguf", kind: "pocket", dataset: "rows", seed: 1, hints: false });
  t.true(result.tokens >= 3000 && result.loss > 0 && result.parameters > 3000);
  const bytes = readFileSync(join(folder, "one.gguf"));
  t.is(result.bytes, bytes.length);
  t.is(result.sha256, createHash("sha256").update(bytes).digest("hex"));

  const second = await llama4rec(folder, [...tinyTune, "--out", "two.gguf", "--threads", "1"]);
  t.is(second.code, 0, second.stderr);
  t.regex(second.stdout, /two\.gguf: a pocket Llama of [\d,]+ parameters/);
  t.deepEqual(readFileSync(join(folder, "two.gguf")), bytes);
  t.deepEqual(readdirSync(folder).sort(), ["items.csv", "one.gguf", "rows.csv", "two.gguf"]);

  const args = ["run", "--data", "rows.csv", "--llm", "one.gguf", "--no-cache", "--json", ...small];
  const untitled = await llama4rec(folder, args);
  t.is(untitled.code, 2);
  t.regex(untitled.stderr, /titles: expected titles of items/);
  const { code, stdout, stderr } = await llama4rec(folder, [...args, "--items", "items.csv"]);
  t.is(code, 0, stderr);
  t.true(JSON.parse(stdout).languageModel.lists.answered > 0);
});

test("run refuses a model that was tuned on rows which it holds out", async (t) => {
  // Half of the users are three days behind the others.
  const rows = table().replace(
    /^(u[6-9]|u1\d),(.*),(\d)$/gm,
    (_, user, row, day) => `${user},${row},${+day + 3}`,
  );
  const folder = folderOf(t, { "rows.csv": rows, "items.csv": items() });
  const late = [...tinyTune, "--hold-out", "global-time", "--out", "late.gguf", "--json"];
  const tuned = await llama4rec(folder, late);
  t.is(tuned.code, 0, tuned.stderr);
  t.like(JSON.parse(tuned.stdout), { holdOut: "global-time" });
  const args = [...runWith("late.gguf"), ...small];
  const { code, stderr } = await llama4rec(folder, args);
  t.is(code, 2);
  t.regex(
    stderr,
    /late\.gguf: expected a model tuned on what leave-last-out leaves.*global-time.*E_MISMATCH/s,
  );
});

test("Ctrl-C ends a tuning at once, exit code 130, and leaves nothing behind", async (t) => {
  const folder = folderOf(t, { "rows.csv": table() });
  const args = ["tune", "--data", "rows.csv", "--no-hints", "--out", "x.gguf"];
  const child = spawn(process.execPath, [resolve("dist/lib/cli/main.js"), ...args], { cwd: folder });
  child.stderr.on("data", (text: Buffer) => {
    if (/^tune$/m.test(text.toString())) child.kill("SIGINT");
  });
  const [code] = await once(child, "exit");
  t.is(code, 130);
  t.deepEqual(readdirSync(folder), ["rows.csv"]);
});

test("tune --base writes an adapter", async (t) => {
  const folder = folderOf(t, { "rows.csv": table() });
  await llama4rec(folder, [...tinyTune, "--out", "base.gguf"]);
  const base = ["--base", "base.gguf", "--rank", "2", "--tokens", "2000", "--no-hints"];
  const args = ["tune", "--data", "rows.csv", ...base, "--out", "adapter.gguf", "--json"];
  const { code, stdout, stderr } = await llama4rec(folder, args);
  t.is(code, 0, stderr);
  t.like(JSON.parse(stdout), { kind: "adapter", out: "adapter.gguf" });
});

test("export instructions writes JSON lines and says where", async (t) => {
  const folder = folderOf(t, { "rows.csv": table() });
  const args = ["export", "instructions", "--data", "rows.csv", "--format", "alpaca", "--count", "20"];
  const { code, stdout, stderr } = await llama4rec(folder, [...args, "--out", ".", "--no-hints"]);
  t.is(code, 0, stderr);
  t.regex(stdout, /instructions\.alpaca\.jsonl: 20 instructions/);
  t.regex(stdout, /dataset_info\.json: LLaMA-Factory finds them as "instructions\.alpaca"/);
  const lines = readFileSync(join(folder, "instructions.alpaca.jsonl"), "utf8").trimEnd().split("\n");
  t.is(lines.length, 20);
  for (const line of lines) t.deepEqual(Object.keys(JSON.parse(line)), ["instruction", "input", "output"]);
});

test("doctor --json says what was found, what is used and why", async (t) => {
  const folder = folderOf(t, { "data/ml/readme": "" });
  const { code, stdout, stderr } = await llama4rec(folder, ["doctor", "--json"], { LLAMA4REC_CPU: "scalar" });
  t.is(code, 0, stderr);
  const { version, findings, cuda } = JSON.parse(stdout);
  t.is(typeof cuda.available, "boolean");
  t.is(cuda.reason === "", cuda.available);
  t.is(cuda.devices.length > 0, cuda.available);
  t.regex(version, /^\d+\.\d+\.\d+/);
  const about = (name: string) => findings.find((finding: { name: string }) => finding.name === name);
  t.like(about("native engine"), { ok: true });
  t.regex(about("native engine").found, /CPU level scalar/);
  t.regex(about("native engine").why, /LLAMA4REC_CPU asks for scalar/);
  t.like(about("data folder"), { ok: true, found: "./data: ml" });
  for (const finding of findings) t.true(finding.found.length > 0 && finding.why.length > 0, finding.name);
});

const gguf = tinyGguf(WEIGHTS);
const header = "user,item,rating,timestamp\n";

const badInput: Record<
  string,
  {
    /** Default: run. */
    command?: readonly string[];
    args: readonly string[];
    files?: Record<string, string | Uint8Array>;
    says: readonly RegExp[];
  }
> = {
  "a missing data file": {
    args: ["--data", "nowhere.csv"],
    says: [/expected a data set's folder or a table/, /nowhere\.csv/],
  },
  "a folder with nothing known": {
    args: ["--data", "sub"],
    files: { "sub/x": "" },
    says: [/expected one of u\.data/, /got x/],
  },
  "a wrong column": {
    args: ["--data", "rows.csv", "--column", "user=nope"],
    files: { "rows.csv": table() },
    says: [/rows\.csv/, /nope/, /got "user", "item", "rating", "timestamp"/],
  },
  "a row that does not parse": {
    args: ["--data", "rows.csv"],
    files: { "rows.csv": `${header}u1,i1,5,1\nu1,i2\n` },
    says: [/rows\.csv:3/, /expected/],
  },
  "a rating that is NaN": {
    args: ["--data", "rows.csv"],
    files: { "rows.csv": `${header}u1,i1,5,1\nu1,i2,NaN,2\n` },
    says: [/rows\.csv:3/, /expected/, /NaN/],
  },
  "a table without users enough": {
    args: ["--data", "rows.csv"],
    files: { "rows.csv": `${header}u1,i1,5,1\nu1,i2,5,2\n` },
    says: [/expected a user with at least 3 eligible items/, /got/],
  },
  "an unknown backbone": {
    args: ["--backbone", "NOPE"],
    says: [/backbone: expected one of MF/, /got "NOPE"/],
  },
  "an unknown task": { args: ["--task", "cooking"], says: [/task: expected one of direct/, /got "cooking"/] },
  "seeds that are no number": {
    args: ["--seeds", "many"],
    says: [/--seeds/, /many/, /expected a whole number in 1\.\.1000/],
  },
  "no seed": { args: ["--seeds", "0"], says: [/--seeds/, /'0'/, /expected a whole number/] },
  "a setting without a number": { args: ["--set", "epochs"], says: [/--set/, /expected name=number/] },
  "a config that is not there": {
    args: ["--config", "nowhere.json"],
    says: [/nowhere\.json: expected a file/],
  },
  "a setting nearly right": { args: ["--set", "Epoch=3"], says: [/did you mean "epochs"\?/] },
  "an unknown setting": { args: ["--set", "depth=3"], says: [/expected one of dimension/, /got "depth"/] },
  "a setting out of range": { args: ["--set", "epochs=0"], says: [/expected an integer in 1\.\./, /got 0/] },
  "an unknown option": { args: ["--frobnicate"], says: [/unknown option '--frobnicate'/] },
  "an unknown protocol": { args: ["--protocol", "mine"], says: [/--protocol/, /paper, standard/] },
  "a missing GGUF": { args: ["--llm", "nowhere.gguf"], says: [/nowhere\.gguf/, /expected/] },
  "a GGUF that is a text": {
    args: ["--llm", "model.gguf"],
    files: { "model.gguf": "Dear reader, I am no model at all.\n".repeat(40) },
    says: [/model\.gguf/, /expected/],
  },
  "a GGUF cut in its header": {
    args: ["--llm", "model.gguf"],
    files: { "model.gguf": gguf.subarray(0, 100) },
    says: [/model\.gguf/, /expected/],
  },
  "a GGUF cut in its weights": {
    args: ["--llm", "model.gguf"],
    files: { "model.gguf": gguf.subarray(0, gguf.length - 1000) },
    says: [/model\.gguf/, /expected/],
  },
  "an adapter without its model": {
    args: ["--lora", "adapter.gguf"],
    says: [/--lora: expected --llm beside it/, /adapter\.gguf/],
  },
  "an empty path": { args: ["--data", ""], says: [/--data <path>/, /'' is invalid/, /expected a path/] },
  "an empty path of a model": {
    args: ["--llm", ""],
    says: [/--llm <file\.gguf>/, /'' is invalid/, /expected a path/],
  },
  "a column of no table": {
    args: ["--column", "user=who", "--column", "item=what"],
    says: [/--column: expected --data beside it/, /got "user=who item=what"/],
  },
  "a runner without its model": {
    args: ["--no-llm", "--runner", "pocket"],
    says: [/--runner: expected --llm beside it/, /"pocket"/],
  },
  "a cache without a model": {
    args: ["--data", "rows.csv", "--cache", "answers"],
    files: { "rows.csv": table() },
    says: [/--cache: expected --llm beside it/, /"answers"/],
  },
  "pairs without a model to ask": {
    args: ["--data", "rows.csv", "--pairs", "random"],
    files: { "rows.csv": table() },
    says: [/--pairs: expected --llm beside it/, /"random"/],
  },
  "tune without a file to write": { command: ["tune"], args: [], says: [/--out <file\.gguf>/] },
  "tune into a folder that is not there": {
    command: ["tune"],
    args: ["--out", "sub/model.gguf"],
    says: [/--out: expected a file that can be written/, /sub/],
  },
  "tune over a folder": {
    command: ["tune"],
    args: ["--out", "sub"],
    files: { "sub/x": "" },
    says: [/--out: expected a file/, /a folder/],
  },
  "a mix of unknown tasks": {
    command: ["tune"],
    args: ["--out", "x.gguf", "--mix", "cooking=1"],
    says: [/--mix/, /direct=1,sequential=1/],
  },
  "a mix of nothing": {
    command: ["tune"],
    args: ["--out", "x.gguf", "--mix", "direct=0"],
    says: [/--mix/, /above 0/],
  },
  "a size beside a base": {
    command: ["tune"],
    args: ["--out", "x.gguf", "--base", "b.gguf", "--dimension", "64"],
    says: [/--dimension/, /--base/],
  },
  "a rank without a base": {
    command: ["tune"],
    args: ["--out", "x.gguf", "--rank", "4"],
    says: [/--rank: expected --base beside it/, /got 4/],
  },
  "an alpha without a base": {
    command: ["tune"],
    args: ["--out", "x.gguf", "--alpha", "4"],
    says: [/--alpha: expected --base beside it/, /got 4/],
  },
  "a base that is not there": {
    command: ["tune"],
    args: ["--out", "x.gguf", "--base", "b.gguf"],
    says: [/b\.gguf/, /expected/],
  },
  "a checkpoint in no folder": {
    command: ["tune"],
    args: ["--out", "x.gguf", "--checkpoint", "sub/x"],
    says: [/sub\/x/, /folder does not exist/],
  },
  "a size beyond what a model can have": {
    command: ["tune"],
    args: ["--out", "x.gguf", "--dimension", "16384"],
    says: [/--dimension/, /expected a whole number in 2\.\.4096/],
  },
  "sizes that do not fit together": {
    command: ["tune"],
    args: ["--out", "x.gguf", "--dimension", "30"],
    says: [/dimension|heads/, /expected/],
  },
  "sizes that do not fit the type": {
    command: ["tune"],
    args: ["--out", "x.gguf", "--dimension", "48", "--type", "Q8_0"],
    says: [/shape\.dimension: expected a multiple of 32 for type Q8_0, got 48/],
  },
  "an unknown format": {
    command: ["export", "instructions"],
    args: ["--out", "x.jsonl", "--format", "parquet"],
    says: [/--format/, /chat, alpaca, dpo/],
  },
  "pairs of ratings": {
    command: ["export", "instructions"],
    args: ["--out", "x.jsonl", "--format", "dpo", "--tasks", "rating"],
    says: [/mix: expected direct or sequential/],
  },
  "instructions for an unknown task": {
    command: ["export", "instructions"],
    args: ["--out", "x.jsonl", "--format", "chat", "--tasks", "direct,cooking"],
    says: [/--tasks/, /direct,sequential,rating/],
  },
};

async function refuses(t: ExecutionContext, name: string): Promise<void> {
  const { command = ["run"], args, files = {}, says } = badInput[name];
  const folder = folderOf(t, files);
  const before = readdirSync(folder);
  const { code, stdout, stderr } = await llama4rec(folder, [...command, "--json", ...args]);
  t.is(code, 2, stderr);
  t.is(stdout, "");
  t.is(stderr.trimEnd().split("\n").length, 1, `one line: ${stderr}`);
  for (const words of says) t.regex(stderr, words);
  t.deepEqual(readdirSync(folder).sort(), before.sort(), "nothing half-written");
}

for (const name of Object.keys(badInput))
  test.serial(`${name} is exit code 2 and one clear line`, refuses, name);

test.serial("settings of the environment that make no sense are exit code 2 too", async (t) => {
  const folder = folderOf(t, { "rows.csv": table() });
  for (const [name, value] of [
    ["LLAMA4REC_CPU", "nonsense"],
    ["LLAMA4REC_THREADS", "bad"],
  ]) {
    const { code, stdout, stderr } = await llama4rec(
      folder,
      ["run", "--data", "rows.csv", "--json", ...small],
      { [name]: value },
    );
    t.is(code, 2, stderr);
    t.is(stdout, "");
    t.regex(stderr, /LLAMA4REC_(CPU|THREADS): expected .* got "(nonsense|bad)"/);
  }
});

test("doctor says what is wrong with a data folder that is a file or is not there", async (t) => {
  const folder = folderOf(t, { "rows.csv": table() });
  for (const [data, fault] of [
    ["rows.csv", /^rows\.csv: ENOTDIR/],
    ["nowhere", /^nowhere: not there$/],
  ] as const) {
    const { code, stdout, stderr } = await llama4rec(folder, ["doctor", "--json", "--data", data]);
    t.is(code, 0, stderr);
    const findings: { name: string; ok: boolean; found: string }[] = JSON.parse(stdout).findings;
    const finding = findings.find(({ name }) => name === "data folder");
    t.false(finding?.ok);
    t.regex(finding?.found ?? "", fault);
  }
});
