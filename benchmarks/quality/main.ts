import { tmpdir } from "node:os";
import { join } from "node:path";
import Table from "cli-table3";
import { Command, InvalidArgumentError, Option } from "commander";
import { assignment, wholeNumber } from "../../lib/cli/parse.js";
import { openDataset } from "../../lib/data/open.js";
import { type Protocol, split } from "../../lib/data/split.js";
import { runExperiment } from "../../lib/evaluation/experiment.js";
import { paperFigures } from "../../lib/experiment/paper.js";
import { type OrderMode, orderModes } from "../../lib/llm/ordering/types.js";
import { CUTOFFS, type RankingMetrics } from "../../lib/metrics/ranking.js";
import type { Task } from "../../lib/models/backbone.js";
import { evaluateRanking, type Masking } from "../../lib/models/fullRanking.js";
import type { Ranker } from "../../lib/models/ranker.js";
import { ease } from "../../lib/models/reference/ease.js";
import { popularity } from "../../lib/models/reference/popularity.js";
import { findBackbone, listTasks } from "../../lib/models/registry.js";
import { cpuInfo, setThreads, threads } from "../../lib/native/addon.js";
import { measureAttacks, renderAttacks } from "./attacks.js";
import { measureBackbones, readReport } from "./backbones/run.js";
import { renderMarkdown, renderTable } from "./backbones/table.js";
import { measureColdItems } from "./coldItems.js";
import { type FoldInOptions, measureFoldIn } from "./foldIn/measure.js";
import { foldInMarkdown, renderFoldIn } from "./foldIn/table.js";
import { type Measured, measurable, measureLanguageModel } from "./languageModel.js";
import { renderColdItems, renderLanguageModel } from "./languageModelTable.js";

import { measurePositionBias, renderPositionBias } from "./positionBias.js";

/** A line of a printed table. */
interface Row {
  readonly name: string;
  readonly metrics: Partial<RankingMetrics>;
  readonly spread?: RankingMetrics | null;
  /** Denominator; null where it is not known. */
  readonly users: number | null;
}

function print(title: string, rows: readonly Row[], json: boolean): void {
  if (json) {
    console.log(JSON.stringify({ title, device: `cpu (${cpuInfo().level})`, rows }, null, 2));
    return;
  }
  const columns = CUTOFFS.flatMap((k) => [`hr@${k}`, `ndcg@${k}`] as const);
  const table = new Table({
    head: [title, ...columns.map((column) => column.toUpperCase()), "users"],
    colAligns: ["left", ...columns.map(() => "right" as const), "right"],
    style: { head: [], border: [] },
  });
  for (const { name, metrics, spread, users } of rows)
    table.push([
      name,
      ...columns.map((column) => {
        const spreadText = spread ? ` ±${spread[column].toFixed(4)}` : "";
        return (metrics[column]?.toFixed(4) ?? "") + spreadText;
      }),
      users ?? "",
    ]);
  console.log(table.toString());
}

/** Popularity and EASE: closed forms, so equal figures prove reading, splitting, masking and metrics right. */
async function reference(options: {
  data: string;
  protocol: Protocol;
  lambda: number[];
  json: boolean;
}): Promise<void> {
  const dataset = await openDataset({ data: options.data });
  const parts = split(dataset, { protocol: options.protocol });
  const rows: Row[] = [];
  const measure = (name: string, ranker: Ranker, masking: Masking): void => {
    const { metrics, users } = evaluateRanking(ranker, parts.final, parts.test, { masking });
    rows.push({ name, metrics, users });
  };
  using byPopularity = popularity(parts.final);
  measure("popularity, seen items masked", byPopularity, "seen");
  measure("popularity, nothing masked", byPopularity, "none");
  for (const lambda of options.lambda) {
    using binary = await ease(parts.final, { lambda });
    measure(`EASE, lambda ${lambda}, masked`, binary, "seen");
    measure(`EASE, lambda ${lambda}, nothing masked`, binary, "none");
    using recent = await ease(parts.final, { lambda, recency: 0.8, recencyFloor: 0.05 });
    measure(`EASE, lambda ${lambda}, input weighted .8^age + .05, masked`, recent, "seen");
  }
  print(`${dataset.name}, ${options.protocol}`, rows, options.json);
}

/** A backbone over several seeds beside its rivals and the paper's Base row; validation chooses epoch and lambda. */
async function backbone(
  name: string,
  options: {
    data: string;
    protocol: Protocol;
    masking?: Masking;
    seeds: number;
    set?: Record<string, number>;
    json: boolean;
  },
): Promise<void> {
  const report = await runExperiment({
    dataset: await openDataset({ data: options.data }),
    backbone: findBackbone(name),
    protocol: options.protocol,
    masking: options.masking,
    hyperparameters: options.set,
    seeds: Array.from({ length: options.seeds }, (_, index) => index + 1),
  });
  const { users } = report;
  const rows: Row[] = [
    { name: "popularity", metrics: report.popularity, users },
    { name: `EASE, lambda ${report.chosen.easeLambda}`, metrics: report.ease, users },
    { name: report.backbone, metrics: report.base, spread: report.spread?.base, users },
  ];
  const { recencyEase } = report.chosen;
  if (report.recencyEase !== null && recencyEase !== null)
    rows.splice(2, 0, {
      name: `EASE, lambda ${recencyEase.lambda}, recency ${recencyEase.recency}`,
      metrics: report.recencyEase,
      users,
    });
  const paper = paperFigures(report.dataset.name, report.backbone, "base");
  // The paper masks training items in direct recommendation and nothing in sequential.
  const masksLikeThePaper = report.masking === (report.task === "direct" ? "seen" : "none");
  if (report.protocol === "paper" && masksLikeThePaper && paper !== null)
    rows.push({ name: "the paper's Base row", metrics: paper, users: null });
  const masked = report.masking === "seen" ? "known items masked" : "nothing masked";
  print(`${report.dataset.name}, ${report.protocol}, ${masked}, ${options.seeds} seeds`, rows, options.json);
}

/** All backbones beside rivals and the paper's Base rows. */
async function backbones({
  data,
  quiet,
  markdown,
  json,
  ...options
}: {
  data?: string;
  seeds: number;
  only?: string[];
  task?: Task;
  results: string;
  tuned?: string;
  threads?: number;
  quiet: boolean;
  markdown: boolean;
  json: boolean;
}): Promise<void> {
  if (options.threads !== undefined) setThreads(options.threads);
  const onProgress = (line: string): void => {
    if (!quiet) process.stderr.write(`${line}\n`);
  };
  const reports =
    data === undefined
      ? await readReport(options.results)
      : [await measureBackbones({ ...options, data, threads: options.threads ?? threads(), onProgress })];
  if (json) console.log(JSON.stringify(reports.length === 1 ? reports[0] : reports, null, 2));
  else
    for (const { dataset, rows, rivals } of reports)
      for (const task of listTasks()) {
        const render = markdown ? renderMarkdown : renderTable;
        const ofTask = rows.filter((row) => row.task === task);
        if (ofTask.length > 0)
          console.log(render(dataset, task, ofTask, rivals.find((rival) => rival.task === task) ?? null));
      }
}

/** Users who were absent from training, folded in and retrained. */
async function foldIn({
  data,
  markdown,
  json,
  ...options
}: Omit<FoldInOptions, "onProgress"> & { data: string; markdown: boolean; json: boolean }): Promise<void> {
  setThreads(options.threads);
  const onProgress = (line: string): void => {
    process.stderr.write(`${line}\n`);
  };
  const report = await measureFoldIn(await openDataset({ data }), { ...options, onProgress });
  if (json) console.log(JSON.stringify(report, null, 2));
  else console.log(markdown ? foldInMarkdown(report) : renderFoldIn(report));
}

function lambdas(text: string): number[] {
  const values = text.split(",").map(Number);
  if (values.some((value) => !(value > 0)))
    throw new InvalidArgumentError("expected numbers above 0, with commas.");
  return values;
}

function measurements(text: string): Measured[] {
  return text.split(",").map((name) => {
    const found = measurable.find((known) => known === name);
    if (found === undefined) throw new InvalidArgumentError(`expected some of ${measurable.join(",")}.`);
    return found;
  });
}

function modes(text: string): OrderMode[] {
  return text.split(",").map((name) => {
    const found = orderModes.find((known) => known === name);
    if (found === undefined) throw new InvalidArgumentError(`expected some of ${orderModes.join(",")}.`);
    return found;
  });
}

const count = wholeNumber(1, 2 ** 31 - 1);

const runner = new Option("--runner <name>", "what runs the model")
  .choices(["auto", "pocket", "llama.cpp"])
  .default("auto");
const keep = new Option("--keep <file.gguf>", "where the tuned model is kept; default: nowhere");
const tokens = new Option("--tokens <n>", "length of the tuning; default: the recipe's").argParser(count);
const program = new Command("quality").description(
  "Figures that show whether evaluation and models are right.",
);
program
  .command("reference")
  .description("popularity and EASE, to the fourth digit")
  .requiredOption("--data <folder>", "a data set's folder")
  .option("--protocol <name>", "paper or standard", "paper")
  .option("--lambda <list>", "ridge weights of EASE", lambdas, [100, 300])
  .option("--json", "one JSON document", false)
  .action(reference);
program
  .command("backbone <name>")
  .description("a backbone over several seeds beside its rivals")
  .requiredOption("--data <folder>", "a data set's folder")
  .option("--protocol <name>", "paper or standard", "paper")
  .option("--masking <which>", "seen or none; default: as the protocol has it for the task")
  .option("--seeds <n>", "how many seeds, from 1", count, 5)
  .option("--set <name=value>", "a hyper-parameter; may be repeated", assignment)
  .option("--json", "one JSON document", false)
  .action(backbone);
program
  .command("backbones")
  .description("every backbone over several seeds beside its rivals and the paper's Base rows; resumable")
  .option("--data <folder>", "a data set's folder; without it the kept results are shown")
  .option("--seeds <n>", "seeds 1 to n", count, 5)
  .option("--only <list>", "some backbones, with commas", (text: string) => text.split(","))
  .addOption(new Option("--task <name>", "one task only").choices(["direct", "sequential", "rating"]))
  .option("--results <folder>", "where results are kept", "benchmarks/quality/results")
  .option("--tuned <file.json>", "hyper-parameters; default: the committed ones of the data set")
  .option("--threads <n>", "threads of the native engine; default: all processors", count)
  .option("--quiet", "no lines of progress on standard error", false)
  .option("--markdown", "tables as Markdown", false)
  .option("--json", "one JSON document", false)
  .action(backbones);
program
  .command("language-model")
  .description("a language model on sampled candidates, pairs and ratings, beside rivals on the same rows")
  .requiredOption("--data <folder>", "a data set's folder")
  .option("--model <file.gguf>", "default: a pocket model is tuned on the training view first")
  .addOption(runner)
  .addOption(tokens)
  .addOption(keep)
  .option("--users <n>", "the first n users only", count)
  .option(
    "--only <list>",
    `some of ${measurable.join(",")}, with commas`,
    measurements,
    measurable.filter((name) => name !== "borda"),
  )
  .option("--json", "one JSON document", false)
  .action(async (options) => {
    const report = await measureLanguageModel(options);
    console.log(options.json ? JSON.stringify(report, null, 2) : renderLanguageModel(report));
  });
program
  .command("cold-items")
  .description("a language model on items of the generated shop that no training history holds")
  .option("--model <file.gguf>", "tuned without these items; default: a pocket model is tuned first")
  .addOption(runner)
  .addOption(tokens)
  .addOption(keep)
  .option("--seed <n>", "which items are taken out", count, 1)
  .option("--json", "one JSON document", false)
  .action(async (options) => {
    const report = await measureColdItems(options);
    console.log(options.json ? JSON.stringify(report, null, 2) : renderColdItems(report));
  });
program
  .command("fold-in")
  .description("users wholly absent from training, folded in, beside a training with them; resumable")
  .requiredOption("--data <folder>", "a data set's folder")
  .option("--backbones <list>", "some backbones, with commas", (text: string) => text.split(","))
  .option("--users <n>", "how many are absent", count, 2000)
  .option("--epochs <n>", "most epochs of a training; default: those that tuning chose", count)
  .option("--seed <n>", "who is absent, and of the trainings", count, 1)
  .option("--threads <n>", "threads of the native engine", count, 1)
  .option("--work <folder>", "where trainings are kept", join(tmpdir(), "llama4rec-fold-in"))
  .option("--markdown", "the table as Markdown", false)
  .option("--json", "one JSON document", false)
  .action(foldIn);
program
  .command("attacks")
  .description("how far titles that are attacks move their item in lists of EASE, by mode, alone and mixed")
  .option("--data <folder>", "a data set's folder; default: the generated shop")
  .option("--model <file.gguf>", "default: the embedded model of the shop")
  .addOption(runner)
  .option("--users <n>", "lists, each with every attack", count, 5)
  .option("--modes <list>", "ways to ask, with commas", modes, ["likelihood", "lift", "labels", "listing"])
  .option("--json", "one JSON document", false)
  .action(async (options) => {
    const report = await measureAttacks(options);
    console.log(options.json ? JSON.stringify(report, null, 2) : renderAttacks(report));
  });
program
  .command("position-bias")
  .description("how much the place at which a candidate is shown decides its place in the answer")
  .option("--data <folder>", "a data set's folder; default: the generated shop")
  .option("--model <file.gguf>", "default: the embedded model of the shop")
  .addOption(runner)
  .option("--users <n>", "lists of EASE, each asked in four shuffled orders", count, 100)
  .option("--modes <list>", "ways to ask, with commas", modes, ["labels", "listing", "pairwise"])
  .option("--orders <n>", "fixed orders that labels are averaged over", count, 1)
  .option("--json", "one JSON document", false)
  .action(async (options) => {
    const report = await measurePositionBias(options);
    console.log(options.json ? JSON.stringify(report, null, 2) : renderPositionBias(report));
  });
await program.parseAsync();
