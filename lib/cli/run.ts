import type { PairSource } from "../augmentation/pairAugmentation.js";
import type { Protocol } from "../data/split.js";
import { runExperiment } from "../evaluation/experiment.js";
import { resolveHyperparameters } from "../models/backbone.js";
import type { Masking } from "../models/fullRanking.js";
import { findBackbone, findTask, listBackbones } from "../models/registry.js";
import { readTunedEntry } from "../models/tunedConfig.js";
import { setThreads } from "../native/addon.js";
import { type DataOptions, readData } from "./data.js";
import { type LanguageModelOptions, openLanguageModel } from "./languageModel.js";
import { withProgress } from "./progress.js";
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

  const report = await withProgress(options.json ?? false, async (bars, signal) => {
    const dataset = await readData(options, bars, signal);
    await using languageModel = await openLanguageModel(options, signal);
    return await runExperiment({
      dataset,
      backbone,
      protocol: options.protocol,
      masking: options.masking,
      seeds: Array.from({ length: options.seeds }, (_, index) => index + 1),
      languageModel: languageModel.named,
      hyperparameters,
      pairSource: options.pairs,
      demonstration: options.data === undefined,
      signal,
      onProgress: ({ stage, done, total, note }) => bars.update(stage, done, total, note),
    });
  });
  console.log(options.json ? JSON.stringify(report, null, 2) : renderReport(report));
}
