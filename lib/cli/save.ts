import type { Protocol } from "../data/split.js";
import { embeddedModel } from "../llm/embedded.js";
import { resolveHyperparameters } from "../models/backbone.js";
import { findBackbone } from "../models/registry.js";
import { openTunedConfig, readTunedEntry } from "../models/tunedConfig.js";
import { setThreads } from "../native/addon.js";
import { Llama4RecError } from "../native/errors.js";
import { askedBackbone } from "./askedBackbone.js";
import { type DataOptions, readData } from "./data.js";
import { withProgress } from "./progress.js";
import { checkRated } from "./rater.js";
import { type MadeRecommender, makeRecommender } from "./recommenderFolder.js";
import { checkTunedRows } from "./tunedRows.js";

/** Options of `llama4rec save`, as parsed. */
export interface SaveOptions extends DataOptions {
  readonly out: string;
  readonly task?: string;
  readonly backbone?: string;
  /** Name of a backbone that rates. */
  readonly rater?: string;
  /** A file, or false for `--no-llm`. Absent: the embedded model on the embedded shop, else none. */
  readonly llm?: string | false;
  readonly protocol: Protocol;
  readonly set?: Record<string, number>;
  /** File of values tuned on the data set. */
  readonly config?: string;
  readonly seed: number;
  readonly threads?: number;
  readonly json?: boolean;
}

/** `llama4rec save`: trains, chooses alpha and writes a recommender's folder. */
export async function save(options: SaveOptions): Promise<void> {
  const { out, llm, data, config, protocol, seed, threads, json = false } = options;
  const backbone = askedBackbone(options);
  if (backbone.task === "rating")
    throw new Llama4RecError(
      "E_TASK",
      `task: expected direct or sequential, got rating, which ranks nothing: name it with --rater`,
    );
  const rater = options.rater === undefined ? null : findBackbone(options.rater, "rating");
  const tuned = config === undefined ? null : await readTunedEntry(config, backbone.name);
  const hyperparameters = { ...tuned?.hyperparameters, ...options.set };
  resolveHyperparameters(backbone, hyperparameters); // before anything is opened or made
  if (threads !== undefined) setThreads(threads);
  const embedded = llm === undefined && data === undefined ? embeddedModel() : null;
  const languageModel = typeof llm === "string" ? llm : (embedded?.modelPath ?? null);
  const made = await withProgress(json, async (bars, signal) => {
    const dataset = await readData(options, bars, signal);
    if (rater !== null) checkRated(dataset);
    if (config !== undefined) await openTunedConfig(config, dataset.name); // of these very data
    if (typeof llm === "string") await checkTunedRows(llm, dataset, "leave-last-out");
    const plan = { folder: out, dataset, backbone, rater, protocol, languageModel, seed, hyperparameters };
    return await makeRecommender(plan, bars, signal);
  });
  const result = { out, backbone: backbone.name, rater: rater?.name ?? null, ...made };
  console.log(json ? JSON.stringify(result, null, 2) : summaryOf(result));
}

function summaryOf({
  out,
  backbone,
  rater,
  ...made
}: MadeRecommender & {
  readonly out: string;
  readonly backbone: string;
  readonly rater: string | null;
}): string {
  const count = (value: number): string => value.toLocaleString("en");
  const { choice } = made;
  const weights =
    choice === null ? "no language model" : `alpha1 ${choice.alpha1}, alpha2 ${choice.alpha2} by validation`;
  return [
    `${out}: ${backbone}${rater === null ? "" : `, with ${rater} for ratings,`} of ${count(made.users)} users and ${count(made.items)} items, trained on ${count(made.trainedOn)} interactions; ${weights}`,
    `answer from it: npx llama4rec serve ${out} --ui`,
  ].join("\n");
}
