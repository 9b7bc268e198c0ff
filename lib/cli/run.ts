import type { PairSource } from "../augmentation/pairAugmentation.js";
import type { Dataset } from "../data/dataset.js";
import type { Protocol } from "../data/split.js";
import { runExperiment } from "../evaluation/experiment.js";
import { runRatingExperiment } from "../evaluation/ratingExperiment.js";
import { resolveHyperparameters } from "../models/backbone.js";
import type { Masking } from "../models/fullRanking.js";
import { openTunedConfig, readTunedEntry } from "../models/tunedConfig.js";
import { setThreads } from "../native/addon.js";
import { askedBackbone, checkTaskOptions } from "./askedBackbone.js";
import { type DataOptions, readData } from "./data.js";
import { checkLanguageModelOptions, type LanguageModelOptions, openLanguageModel } from "./languageModel.js";
import { type ProgressBars, withProgress } from "./progress.js";
import { renderRatingReport } from "./ratingTable.js";
import { renderReport } from "./table.js";
import { checkTunedRows } from "./tunedRows.js";

/** Options of `llama4rec run`, as parsed. */
export interface RunOptions extends DataOptions, LanguageModelOptions {
  /** Default: the backbone's, or direct. */
  readonly task?: string;
  readonly backbone?: string;
  readonly seeds: number;
  readonly protocol: Protocol;
  readonly masking?: Masking;
  readonly pairs?: PairSource;
  readonly set?: Record<string, number>;
  /** File of values tuned on the data set. */
  readonly config?: string;
  readonly threads?: number;
  readonly json?: boolean;
}

/** `llama4rec run`: the main job, a table or one JSON document on standard output. */
export async function run(options: RunOptions): Promise<void> {
  const backbone = askedBackbone(options);
  checkTaskOptions(backbone.task, options);
  checkLanguageModelOptions(options);
  const tuned = options.config === undefined ? null : await readTunedEntry(options.config, backbone.name);
  const hyperparameters = { ...tuned?.hyperparameters, ...options.set };
  resolveHyperparameters(backbone, hyperparameters); // before anything is opened or made
  if (options.threads !== undefined) setThreads(options.threads);
  const json = options.json ?? false;
  const seeds = Array.from({ length: options.seeds }, (_, index) => index + 1);
  const demonstration = options.data === undefined;
  const read = async (bars: ProgressBars, signal: AbortSignal): Promise<Dataset> => {
    const dataset = await readData(options, bars, signal);
    if (options.config !== undefined) await openTunedConfig(options.config, dataset.name); // of these very data
    return dataset;
  };

  if (backbone.task === "rating") {
    const report = await withProgress(json, async (bars, signal) =>
      runRatingExperiment({
        dataset: await read(bars, signal),
        ...{ backbone, seeds, hyperparameters, demonstration, signal },
        protocol: options.protocol,
        onProgress: ({ stage, done, total, note }) => bars.update(stage, done, total, note),
      }),
    );
    console.log(json ? JSON.stringify(report, null, 2) : renderRatingReport(report));
    return;
  }
  const report = await withProgress(json, async (bars, signal) => {
    const dataset = await read(bars, signal);
    for (const file of [options.llm, ...(options.lora ?? [])])
      if (typeof file === "string") await checkTunedRows(file, dataset, "leave-last-out");
    await using languageModel = await openLanguageModel(options, signal);
    return await runExperiment({
      dataset,
      backbone,
      protocol: options.protocol,
      masking: options.masking,
      seeds,
      languageModel: languageModel.named,
      hyperparameters,
      pairSource: options.pairs,
      demonstration,
      signal,
      onProgress: ({ stage, done, total, note }) => bars.update(stage, done, total, note),
    });
  });
  console.log(json ? JSON.stringify(report, null, 2) : renderReport(report));
  if (!json && demonstration) console.log("\nsee it: npx llama4rec serve --ui");
}
