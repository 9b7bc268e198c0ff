import type { PairSource } from "../augmentation/pairAugmentation.js";
import type { Protocol } from "../data/split.js";
import { runExperiment } from "../evaluation/experiment.js";
import { runRatingExperiment } from "../evaluation/ratingExperiment.js";
import { resolveHyperparameters } from "../models/backbone.js";
import type { Masking } from "../models/fullRanking.js";
import { findBackbone, findTask, listBackbones } from "../models/registry.js";
import { readTunedEntry } from "../models/tunedConfig.js";
import { setThreads } from "../native/addon.js";
import { argumentError } from "../native/errors.js";
import { type DataOptions, readData } from "./data.js";
import { type LanguageModelOptions, openLanguageModel } from "./languageModel.js";
import { withProgress } from "./progress.js";
import { renderRatingReport } from "./ratingTable.js";
import { renderReport } from "./table.js";

/** Options of `llama4rec run`, as parsed. */
export interface RunOptions extends DataOptions, LanguageModelOptions {
  readonly task: string;
  readonly backbone?: string;
  readonly seeds: number;
  readonly protocol: Protocol;
  readonly masking?: Masking;
  readonly pairs: PairSource;
  readonly set?: Record<string, number>;
  /** File of tuned values. */
  readonly config?: string;
  readonly threads?: number;
  readonly json?: boolean;
}

/** `llama4rec run`: the main job, a table or one JSON document on standard output. */
export async function run(options: RunOptions): Promise<void> {
  const task = findTask(options.task);
  const backbone =
    options.backbone === undefined ? listBackbones(task)[0] : findBackbone(options.backbone, task);
  const tuned = options.config === undefined ? null : await readTunedEntry(options.config, backbone.name);
  const hyperparameters = { ...tuned?.hyperparameters, ...options.set };
  resolveHyperparameters(backbone, hyperparameters); // before anything is opened or made
  if (options.threads !== undefined) setThreads(options.threads);
  const json = options.json ?? false;
  const seeds = Array.from({ length: options.seeds }, (_, index) => index + 1);
  const demonstration = options.data === undefined;

  if (backbone.task === "rating") {
    if (typeof options.llm === "string")
      throw argumentError("--llm", "no language model for the rating task in this version", options.llm);
    const report = await withProgress(json, async (bars, signal) =>
      runRatingExperiment({
        dataset: await readData(options, bars, signal),
        ...{ backbone, seeds, hyperparameters, demonstration, signal },
        protocol: options.protocol,
        onProgress: ({ stage, done, total, note }) => bars.update(stage, done, total, note),
      }),
    );
    console.log(json ? JSON.stringify(report, null, 2) : renderRatingReport(report));
    return;
  }
  const report = await withProgress(json, async (bars, signal) => {
    const dataset = await readData(options, bars, signal);
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
}
