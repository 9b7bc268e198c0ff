import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import type { PairSource } from "../augmentation/pairAugmentation.js";
import type { Dataset } from "../data/dataset.js";
import { openDataset, resolveDataFolder } from "../data/open.js";
import { generateShop } from "../data/shop/index.js";
import type { Protocol } from "../data/split.js";
import { type NamedLanguageModel, runExperiment } from "../evaluation/experiment.js";
import { loadLlama } from "../llm/load.js";
import type { Masking } from "../models/fullRanking.js";
import { findBackbone, findTask, listBackbones } from "../models/registry.js";
import { setThreads } from "../native/addon.js";
import { Llama4RecError } from "../native/errors.js";
import { ProgressBars } from "./progress.js";
import { renderReport } from "./table.js";

/** Options of `llama4rec run`, as parsed. */
export interface RunOptions {
  readonly data?: string;
  readonly column?: Record<string, string>;
  readonly task: string;
  readonly backbone?: string;
  readonly llm?: string;
  /** Folder, or false for `--no-cache`. */
  readonly cache: string | boolean;
  readonly seeds: number;
  readonly protocol: Protocol;
  readonly masking?: Masking;
  readonly pairs: PairSource;
  readonly set?: Record<string, number>;
  readonly threads?: number;
  readonly json?: boolean;
}

/** `llama4rec run`: the main job, a table or one JSON document on standard output. */
export async function run(options: RunOptions): Promise<void> {
  const task = findTask(options.task);
  const backbone =
    options.backbone === undefined ? listBackbones(task)[0] : findBackbone(options.backbone, task);
  if (options.threads !== undefined) setThreads(options.threads);

  const abort = new AbortController();
  process.once("SIGINT", () => abort.abort());
  const bars = new ProgressBars(options.json ?? false);
  try {
    const dataset = await readData(options, bars, abort.signal);
    await using languageModel = await openLanguageModel(options);
    const report = await runExperiment({
      dataset,
      backbone,
      protocol: options.protocol,
      masking: options.masking,
      seeds: Array.from({ length: options.seeds }, (_, index) => index + 1),
      languageModel: languageModel.named,
      hyperparameters: options.set,
      pairSource: options.pairs,
      demonstration: options.data === undefined,
      signal: abort.signal,
      onProgress: ({ stage, done, total, note }) => bars.update(stage, done, total, note),
    });
    bars.finish();
    console.log(options.json ? JSON.stringify(report, null, 2) : renderReport(report));
  } finally {
    bars.stop();
  }
}

async function openLanguageModel({
  llm,
  cache,
}: RunOptions): Promise<AsyncDisposable & { named: NamedLanguageModel | null }> {
  if (llm === undefined) return { named: null, [Symbol.asyncDispose]: async () => {} };
  const cacheFolder = cache === false ? undefined : typeof cache === "string" ? cache : defaultCacheFolder();
  const model = await loadLlama({ modelPath: llm, cacheFolder });
  return { named: { name: basename(llm), model }, [Symbol.asyncDispose]: () => model.dispose() };
}

function defaultCacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "llama4rec", "answers");
}

async function readData(options: RunOptions, bars: ProgressBars, signal: AbortSignal): Promise<Dataset> {
  if (options.data === undefined) return generateShop();
  return openDataset({
    data: locate(options.data),
    columns: options.column,
    signal,
    onProgress: ({ file, bytesRead, bytesTotal, rows }) =>
      bars.update(`read ${basename(file)}`, bytesRead, bytesTotal, `${rows.toLocaleString("en")} rows`),
  });
}

/** A path, or the name of a data set inside the data folder. */
function locate(data: string): string {
  if (existsSync(data)) return data;
  const inside = join(resolveDataFolder(), data);
  if (existsSync(inside)) return inside;
  throw new Llama4RecError(
    "E_FILE",
    `--data: expected a data set's folder or a table, got ${data}: no such path`,
  );
}
