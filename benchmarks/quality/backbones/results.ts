import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { summarize } from "../../../lib/evaluation/summary.js";
import { paperFigures } from "../../../lib/experiment/paper.js";
import type { Figures } from "../../../lib/experiment/summary.js";
import type { Task } from "../../../lib/models/backbone.js";
import { replaceFile } from "../../../lib/storage/atomicFile.js";
import type { Run } from "./measure.js";
import type { RivalRun } from "./rivals.js";

/** All runs of one backbone on one data set, as they are kept in a file. Figures only. */
export interface BackboneResult {
  readonly dataset: string;
  readonly backbone: string;
  readonly task: Task;
  /** Over the backbone's defaults. */
  readonly hyperparameters: Readonly<Record<string, number>>;
  /** Day of the last run. */
  readonly date: string;
  readonly machine: string;
  readonly runs: readonly Run[];
}

/** The rivals of one task on one data set, one list a seed. */
export interface RivalResult {
  readonly dataset: string;
  readonly task: Task;
  readonly date: string;
  readonly runs: readonly { readonly split: string; readonly rows: readonly RivalRun[] }[];
}

/** Where a result is kept. */
export const resultFile = (folder: string, dataset: string, name: string): string =>
  join(folder, dataset, `${name}.json`);

/** A kept result; null where there is none. */
export async function readResult<T>(file: string): Promise<T | null> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  return text === null ? null : (JSON.parse(text) as T);
}

/** Keeps a result: the file is the old one or the new one, whole. */
export async function writeResult(file: string, result: BackboneResult | RivalResult): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await replaceFile(file, [Buffer.from(`${JSON.stringify(result, null, 1)}\n`)]);
}

/** A line of the table. */
export interface BackboneRow {
  readonly dataset: string;
  readonly backbone: string;
  readonly task: Task;
  /** Mean over the seeds, masked as the paper does. */
  readonly metrics: Figures;
  /** Sample standard deviation over the seeds; null with one. */
  readonly spread: Figures | null;
  /** Of sequential backbones with known items masked, mean and deviation; else null. */
  readonly masked: { readonly metrics: Figures; readonly spread: Figures | null } | null;
  readonly users: number;
  readonly seeds: number;
  /** The paper's Base row. */
  readonly paper: Figures | null;
  /** The best rival by NDCG@5 or RMSE; sequential: with known items masked. */
  readonly rival: { readonly name: string; readonly metrics: Figures } | null;
  /** Whether no figure is worse than the paper's Base row; null without one. */
  readonly atLeastBase: boolean | null;
  /** Whether NDCG@5 (RMSE) is not worse than the rival's, under the masking of the rival. */
  readonly atLeastRival: boolean | null;
  /** The best epochs of the seeds, least and most, and the cap. */
  readonly epochs: { readonly least: number; readonly most: number; readonly cap: number };
  /** Seconds a training took, mean. */
  readonly seconds: number;
}

/** Lower is better. */
const isError = (metric: string): boolean => metric === "rmse" || metric === "mae";
const notWorse = (metric: string, ours: number, theirs: number): boolean =>
  isError(metric) ? ours <= theirs : ours >= theirs;
const primary = (task: Task): string => (task === "rating" ? "rmse" : "ndcg@5");

/** The table's line for a backbone's runs and the rivals on the same splits. */
export function rowOf(result: BackboneResult, rivals: RivalResult | null): BackboneRow {
  const { dataset, backbone, task, runs } = result;
  const { mean: metrics, spread } = summarize(runs.map((run) => run.metrics));
  const maskedRuns = runs.flatMap((run) => (run.masked === null ? [] : [run.masked]));
  const masked = maskedRuns.length === 0 ? null : summarize(maskedRuns);
  const paper = paperFigures(dataset, backbone, "base");
  const rival = rivals === null ? null : bestRival(rivals, runs);
  const ours = masked?.mean ?? metrics;
  const key = primary(task);
  return {
    dataset,
    backbone,
    task,
    metrics,
    spread,
    masked: masked && { metrics: masked.mean, spread: masked.spread },
    users: Math.round(runs.reduce((sum, run) => sum + run.users, 0) / runs.length),
    seeds: runs.length,
    paper,
    rival,
    atLeastBase:
      paper === null
        ? null
        : Object.entries(paper).every(([metric, base]) => notWorse(metric, metrics[metric], base)),
    atLeastRival: rival === null ? null : notWorse(key, ours[key], rival.metrics[key]),
    epochs: {
      least: Math.min(...runs.map(({ epoch }) => epoch)),
      most: Math.max(...runs.map(({ epoch }) => epoch)),
      cap: result.hyperparameters.epochs,
    },
    seconds: runs.reduce((sum, run) => sum + run.seconds, 0) / runs.length,
  };
}

/** Mean figures of every rival over the splits that were used, in their order. */
export function rivalMeans(rivals: RivalResult): readonly (RivalRun & { readonly spread: Figures | null })[] {
  return (rivals.runs[0]?.rows ?? []).map((row, index) => {
    const runs = rivals.runs.map(({ rows }) => rows[index]);
    const masked = runs.flatMap((run) => (run.masked === null ? [] : [run.masked]));
    const { mean, spread } = summarize(runs.map((run) => run.metrics));
    return {
      ...row,
      // Chosen on each split: what differs between them is left out of the name.
      name: runs.every(({ name }) => name === row.name) ? row.name : row.name.split(",")[0],
      metrics: mean,
      spread,
      masked: masked.length === 0 ? null : summarize(masked).mean,
    };
  });
}

function bestRival(rivals: RivalResult, runs: readonly Run[]): BackboneRow["rival"] {
  const splits = new Set(runs.map((run) => run.split));
  const same = { ...rivals, runs: rivals.runs.filter((run) => splits.has(run.split)) };
  const key = primary(rivals.task);
  const means = rivalMeans(same).map(({ name, metrics, masked }) => ({ name, metrics: masked ?? metrics }));
  if (means.length === 0) return null;
  return means.reduce((best, next) =>
    next.metrics[key] !== best.metrics[key] && notWorse(key, next.metrics[key], best.metrics[key])
      ? next
      : best,
  );
}
