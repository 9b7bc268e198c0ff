import { requireRatings } from "../data/requireRatings.js";
import { type Protocol, type Split, split } from "../data/split.js";
import { methodOf } from "../evaluation/tasks.js";
import type { MetricName } from "../metrics/names.js";
import { type BackboneDefinition, metricsOf } from "../models/backbone.js";
import type { Masking } from "../models/fullRanking.js";
import { openTunedConfig, type TunedEntry, writeTunedEntry } from "../models/tunedConfig.js";
import { threads as poolThreads, setThreads } from "../native/addon.js";
import { argumentError } from "../native/errors.js";
import { packageVersion } from "../native/packageVersion.js";
import {
  type SearchProgress,
  type SearchResult,
  type SearchSpace,
  type SearchStrategy,
  searchHyperparameters,
  searchSpace,
} from "../search/index.js";
import { askedBackbone, checkTaskOptions } from "./askedBackbone.js";
import { type DataOptions, readData } from "./data.js";
import { checkOutFile } from "./outFile.js";
import { type ProgressBars, withProgress } from "./progress.js";
import { renderTrials } from "./trialTable.js";

/** Options of `llama4rec search`, as parsed. */
export interface SearchCommandOptions extends DataOptions {
  readonly task?: string;
  readonly backbone?: string;
  readonly strategy: SearchStrategy;
  readonly trials: number;
  readonly epochs?: number;
  /** Of successive halving. */
  readonly eta?: number;
  readonly seed: number;
  readonly file?: string;
  readonly out?: string;
  readonly space?: SearchSpace;
  readonly set?: Record<string, number>;
  readonly protocol: Protocol;
  readonly masking?: Masking;
  readonly metric?: MetricName;
  readonly threads?: number;
  readonly json?: boolean;
}

/** What the command prints. */
export interface SearchReport extends SearchResult {
  readonly dataset: string;
  /** Whether the data has timestamps; without, the order within a user is a shuffle. */
  readonly ordered: boolean;
  readonly task: string;
  readonly backbone: string;
  readonly protocol: Protocol;
  /** Null for ratings. */
  readonly masking: Masking | null;
  readonly metric: MetricName;
  readonly strategy: SearchStrategy;
  readonly seed: number;
  /** Users with a validation row. */
  readonly users: number;
  /** Of all trials, those of earlier runs among them. */
  readonly seconds: number;
  /** Where trials were kept. */
  readonly file: string | null;
  /** Where the best values went. */
  readonly out: string | null;
}

/** `llama4rec search`: tries hyper-parameters, a table or one JSON document on standard output. */
export async function search(options: SearchCommandOptions): Promise<void> {
  const { strategy, seed, protocol, file, out, json = false } = options;
  const backbone = askedBackbone(options);
  checkTaskOptions(backbone.task, options);
  searchSpace(backbone, options.space, options.set); // before anything is opened or made
  checkSchedule(options);
  const metric = metricOf(options, backbone);
  const method = backbone.task === "rating" ? null : methodOf(backbone.task);
  const masking = method === null ? null : (options.masking ?? method.masking(protocol));
  if (file !== undefined) await checkOutFile("--file", file);
  if (out !== undefined) await checkOutFile("--out", out);
  if (options.threads !== undefined) setThreads(options.threads);

  const report = await withProgress(json, async (bars, signal): Promise<SearchReport> => {
    const dataset = await readData(options, bars, signal);
    if (out !== undefined) await openTunedConfig(out, dataset.name); // rather now than after the search
    if (backbone.task === "rating") requireRatings(dataset);
    // The test rows stay where they are: nothing here looks at them.
    const rows = method === null ? { likeThreshold: null } : { leastHistory: method.leastHistory };
    const { train: view, validation } = split(dataset, { protocol, ...rows });
    checkRows(validation);
    const { trials, epochs, eta, space, set: hyperparameters, threads = poolThreads() } = options;
    const result = await searchHyperparameters({
      backbone,
      view,
      validation: { heldOut: validation, metric, masking: masking ?? undefined },
      ...{ strategy, trials, epochs, eta, space, hyperparameters, seed, file, threads, signal },
      onProgress: (progress) => drawProgress(bars, `search ${backbone.name}`, metric, progress),
    });
    const { name, ordered } = dataset.describe();
    const asked = { dataset: name, ordered, task: backbone.task, backbone: backbone.name, protocol, masking };
    const seconds = result.trials.reduce((sum, trial) => sum + trial.seconds, 0);
    const users = validation.users.length;
    return {
      ...asked,
      metric,
      strategy,
      seed,
      users,
      seconds,
      file: file ?? null,
      out: out ?? null,
      ...result,
    };
  });
  if (out !== undefined) await writeTunedEntry(out, report.dataset, report.backbone, entryOf(report));
  console.log(json ? JSON.stringify(report, null, 2) : renderTrials(report));
}

/** How long trials train is said once, and nothing is said of halving where nothing is halved. */
function checkSchedule({ strategy, eta, epochs, set }: SearchCommandOptions): void {
  if (eta !== undefined && strategy !== "halving")
    throw argumentError("--eta", "--strategy halving beside it", eta);
  if (epochs !== undefined && set?.epochs !== undefined)
    throw argumentError("--epochs", `no --set epochs=${set.epochs} beside it`, epochs);
}

/** The metric that chooses: one of the backbone's task. */
function metricOf({ metric }: SearchCommandOptions, { task }: BackboneDefinition): MetricName {
  if (metric === undefined) return task === "rating" ? "rmse" : "ndcg@10";
  const known = metricsOf(task);
  if (!known.includes(metric))
    throw argumentError("--metric", `one of ${known.join(", ")} for task ${task}`, metric);
  return metric;
}

function checkRows({ users }: Split["validation"]): void {
  if (users.length === 0)
    throw argumentError("--data", "at least one validation row whose item somebody has in training", "none");
}

function drawProgress(bars: ProgressBars, stage: string, metric: string, progress: SearchProgress): void {
  const { rung, rungs, trial, trials, done, epoch, best } = progress;
  const { epochs } = epoch;
  const score = best === null ? "" : `, best ${metric} ${best.toFixed(4)}`;
  const rungText = rungs === 1 ? "" : `, rung ${rung} of ${rungs}`;
  bars.update(
    `${stage}${rungText}`,
    done * epochs + epoch.epoch,
    trials * epochs,
    `trial ${trial}, ${done} of ${trials} done${score}`,
  );
}

/** The best trial as an entry of a file of tuned values. */
function entryOf({ best, metric, ...report }: SearchReport): TunedEntry {
  const { hyperparameters, score, epoch } = best;
  const { strategy, rungs, seed, protocol, masking } = report;
  const how =
    `llama4rec ${packageVersion()} search, ${strategy}, ${rungs[0].trials} trials, seed ${seed}, ` +
    `protocol ${protocol}, ` +
    (masking === null ? "every interaction" : masking === "seen" ? "known items masked" : "nothing masked");
  return {
    hyperparameters,
    validation: { metric, score, epoch },
    chosen: `${new Date().toISOString().slice(0, 10)}, ${how}`,
  };
}
