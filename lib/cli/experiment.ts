import { mkdir, readdir, readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Dataset } from "../data/dataset.js";
import { type ExperimentConfig, readConfig } from "../experiment/config.js";
import { renderHtml } from "../experiment/report/html.js";
import { renderMarkdown } from "../experiment/report/markdown.js";
import { type NamedModels, runTable, type TableOptions } from "../experiment/run.js";
import { sizeCurves } from "../experiment/sizeCurves.js";
import type { ExperimentSummary } from "../experiment/summary.js";
import { WorkFolder } from "../experiment/workFolder.js";
import { loadLanguageModel } from "../llm/load.js";
import { readTunedConfig } from "../models/tunedConfig.js";
import { setThreads } from "../native/addon.js";
import { argumentError, describe, Llama4RecError } from "../native/errors.js";
import { replaceFile } from "../storage/atomicFile.js";
import { readData } from "./data.js";
import { withProgress } from "./progress.js";
import { checkTunedRows } from "./tunedRows.js";

/** Options of `llama4rec experiment`, as parsed. */
export interface ExperimentCommandOptions {
  /** Folder with the language models. */
  readonly models: string;
  /** Folder for what has been done. */
  readonly work: string;
  /** Folder for results. */
  readonly results: string;
  readonly only?: readonly string[];
  readonly seeds?: readonly number[];
  readonly threads?: number;
  /** A folder of results to show instead of running anything. */
  readonly summary?: string;
  readonly json?: boolean;
}

/** What `--summary --json` prints. */
interface Overview {
  /** Mean gain in per cent over the better of Base and IFT; of experiments on the same data the one with the most backbones. */
  readonly gain: Readonly<Partial<Record<ExperimentSummary["task"], number>>>;
  /** Of the controls over Base, by the primary metric in per cent, by experiment. */
  readonly controls: Readonly<Record<string, ExperimentSummary["controls"]>>;
  readonly rows: readonly (ExperimentSummary["rows"][number] & { readonly experiment: string })[];
}

/** `llama4rec experiment`: one of the paper's tables from its file, or what a folder of results holds. */
export async function experiment(file: string | undefined, options: ExperimentCommandOptions): Promise<void> {
  if (options.summary !== undefined) {
    if (file !== undefined) throw argumentError("--summary", "no experiment file beside it", file);
    return showSummaries(options.summary, options.json ?? false);
  }
  if (file === undefined)
    throw argumentError("file", "an experiment file, or --summary with a folder", "none");
  const summary = await runFile(file, options);
  const results = resolve(options.results);
  await mkdir(results, { recursive: true });
  const kept = async (ending: string, text: string): Promise<string> => {
    const path = join(results, `${summary.name}.${ending}`);
    await replaceFile(path, [Buffer.from(text)]);
    return path;
  };
  const markdown = renderMarkdown(summary);
  const whole = !isPart(options);
  if (whole) {
    await kept("json", `${JSON.stringify(summary, null, 1)}\n`);
    await kept("md", markdown);
  }
  const html = await kept(whole ? "html" : "part.html", await renderHtml([summary]));
  console.log(options.json ? JSON.stringify(summary, null, 2) : `${markdown}\n${html}`);
}

async function runFile(file: string, options: ExperimentCommandOptions): Promise<ExperimentSummary> {
  const config = await readConfig(file);
  checkOnly(config, options);
  if (options.threads !== undefined) setThreads(options.threads);
  return await withProgress(options.json ?? false, async (bars, signal) => {
    const dataset = await readData({ data: config.data }, bars, signal);
    const tuned =
      config.tuned === undefined ? null : await readTunedConfig(resolve(dirname(file), config.tuned));
    const work = await WorkFolder.open(join(options.work, config.name));
    const load = (name: string) => loadModelFile(join(options.models, name), config, dataset, work, signal);
    await using augmented = await load(config.models.augmented);
    await using plain = await load(config.models.plain);
    const models: NamedModels = { augmented, plain, names: config.models };
    const table: TableOptions = {
      config,
      dataset,
      models,
      work,
      hyperparameters: Object.fromEntries(
        Object.entries(tuned?.backbones ?? {}).map(([name, entry]) => [name, entry.hyperparameters]),
      ),
      only: { backbones: options.only, seeds: options.seeds },
      threads: options.threads,
      signal,
      onProgress: ({ stage, done, total, note }) => bars.update(stage, done, total, note),
    };
    const summary = await runTable(table);
    return isPart(options) ? summary : { ...summary, sizeCurves: await sizeCurves(table, load) };
  });
}

/** Whether only a part was asked for: it is shown, but does not take the place of the whole one's results. */
const isPart = ({ only, seeds }: ExperimentCommandOptions): boolean =>
  only !== undefined || seeds !== undefined;

/** @throws Llama4RecError `E_FILE` that names the command which makes such a model; `E_MISMATCH` for one that may know the answers. */
async function loadModelFile(
  modelPath: string,
  { split }: ExperimentConfig,
  dataset: Dataset,
  work: WorkFolder,
  signal: AbortSignal,
) {
  try {
    await checkTunedRows(modelPath, dataset, split);
    return await loadLanguageModel({ modelPath, cacheFolder: work.answers, signal });
  } catch (error) {
    if (!(error instanceof Llama4RecError) || error.code !== "E_FILE") throw error;
    throw new Llama4RecError(
      "E_FILE",
      `${error.message}; "llama4rec tune --data <data set> --out ${modelPath}" makes a pocket model (with --no-hints the plain one), --models names its folder`,
      { cause: error },
    );
  }
}

function checkOnly({ backbones, seeds }: ExperimentConfig, options: ExperimentCommandOptions): void {
  const stray = options.only?.find((name) => !backbones.includes(name));
  if (stray !== undefined) throw argumentError("--only", `some of ${backbones.join(", ")}`, stray);
  const beyond = options.seeds?.find((seed) => seed > seeds);
  if (beyond !== undefined) throw argumentError("--seeds", `seeds from 1 to ${seeds}`, beyond);
}

/** Shows a folder of results: tables, or one JSON document; the page with plots is written beside them. */
async function showSummaries(folder: string, json: boolean): Promise<void> {
  const names = (
    await readdir(folder).catch((cause: unknown) => {
      throw new Llama4RecError("E_FILE", `--summary: expected a folder of results, got ${describe(folder)}`, {
        cause,
      });
    })
  ).filter((name) => name.endsWith(".json"));
  const summaries: ExperimentSummary[] = [];
  for (const name of names.sort()) {
    const value = parsed(join(folder, name), await readFile(join(folder, name), "utf8"));
    if (isSummary(value)) summaries.push(value);
  }
  if (summaries.length === 0)
    throw new Llama4RecError("E_FILE", `--summary: expected results of experiments in ${folder}, got none`);
  if (json) {
    console.log(JSON.stringify(overviewOf(summaries), null, 2));
    return;
  }
  const page = join(folder, "index.html");
  await replaceFile(page, [Buffer.from(await renderHtml(summaries))]);
  console.log([...summaries.map(renderMarkdown), page].join("\n"));
}

function parsed(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Llama4RecError("E_CORRUPT", `--summary: ${path}: expected JSON, got: ${String(cause)}`, {
      cause,
    });
  }
}

const isSummary = (value: unknown): value is ExperimentSummary =>
  typeof value === "object" && value !== null && "meanOverBackbones" in value && "rows" in value;

/** Of experiments on the same data, under the same split, the one with the most backbones: an ablation counts no table twice. */
function widest(summaries: readonly ExperimentSummary[]): ExperimentSummary[] {
  const backbones = ({ rows }: ExperimentSummary): number =>
    new Set(rows.map(({ backbone }) => backbone)).size;
  const found = new Map<string, ExperimentSummary>();
  for (const one of summaries) {
    const about = `${one.dataset.name} ${one.split}`;
    const other = found.get(about);
    if (other === undefined || backbones(one) > backbones(other)) found.set(about, one);
  }
  return [...found.values()];
}

function overviewOf(summaries: readonly ExperimentSummary[]): Overview {
  const gains = (["direct", "sequential", "rating"] as const).flatMap((task) => {
    const own = widest(summaries.filter((one) => one.task === task));
    return own.length === 0
      ? []
      : [[task, own.reduce((sum, { gain }) => sum + gain, 0) / own.length] as const];
  });
  return {
    gain: Object.fromEntries(gains),
    controls: Object.fromEntries(summaries.map(({ name, controls }) => [name, controls])),
    rows: summaries.flatMap(({ name, rows }) => rows.map((row) => ({ experiment: name, ...row }))),
  };
}
