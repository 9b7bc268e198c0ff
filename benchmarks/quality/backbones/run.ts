import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { openDataset } from "../../../lib/data/open.js";
import { type BackboneDefinition, resolveHyperparameters, type Task } from "../../../lib/models/backbone.js";
import { findBackbone, listBackbones } from "../../../lib/models/registry.js";
import { readTunedConfig, type TunedConfig } from "../../../lib/models/tunedConfig.js";
import { cpuInfo } from "../../../lib/native/addon.js";
import { measureBackbone, splitOf } from "./measure.js";
import {
  type BackboneResult,
  type BackboneRow,
  type RivalResult,
  readResult,
  resultFile,
  rowOf,
  writeResult,
} from "./results.js";
import { measureRivals } from "./rivals.js";

/** Options of {@link measureBackbones}. */
export interface BackbonesOptions {
  readonly data: string;
  /** Seeds 1 to n; of data without timestamps also those of the splits. */
  readonly seeds: number;
  /** Only these, by name; default all. */
  readonly only?: readonly string[];
  readonly task?: Task;
  /** Where results are kept: what is there with the same hyper-parameters is not measured again. */
  readonly results: string;
  /** Tuned hyper-parameters; default the file of the data set's name beside this tool, if there is one. */
  readonly tuned?: string;
  readonly threads: number;
  readonly onProgress: (line: string) => void;
}

/** All tasks of the report, with what was measured. */
export interface BackbonesReport {
  readonly dataset: string;
  readonly rows: readonly BackboneRow[];
  readonly rivals: readonly RivalResult[];
}

/** What is kept in a folder of results, one report a data set; nothing is measured. */
export async function readReport(folder: string): Promise<readonly BackbonesReport[]> {
  const folders = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  const reports: BackbonesReport[] = [];
  for (const { name: dataset } of folders) {
    const names = (await readdir(join(folder, dataset))).map((name) => name.replace(/\.json$/, ""));
    const read = <T>(name: string): Promise<T | null> => readResult<T>(resultFile(folder, dataset, name));
    const rivals: RivalResult[] = [];
    for (const name of names.filter((one) => one.startsWith("rivals-"))) {
      const found = await read<RivalResult>(name);
      if (found !== null) rivals.push(found);
    }
    const rows: BackboneRow[] = [];
    for (const { name, task } of listBackbones()) {
      const found = names.includes(name) ? await read<BackboneResult>(name) : null;
      if (found !== null && found.runs.length > 0)
        rows.push(rowOf(found, rivals.find((rival) => rival.task === task) ?? null));
    }
    reports.push({ dataset, rows, rivals });
  }
  return reports;
}

/** Tuned values of a data set: of the file that is named, else of the committed one, else none. */
async function tunedValues(dataset: string, given?: string): Promise<TunedConfig["backbones"]> {
  const path = given ?? join("benchmarks", "quality", "tuned", `${dataset}.json`);
  if (given === undefined && !existsSync(path)) return {};
  return (await readTunedConfig(path)).backbones;
}

const today = (): string => new Date().toISOString().slice(0, 10);
const machineName = (): string =>
  `${cpus()[0]?.model ?? "unknown processor"}, ${cpuInfo().processors} processors, ${cpuInfo().level}`;

/** Every backbone over several seeds, beside its rivals and the paper's Base rows; resumable after each training. */
export async function measureBackbones(options: BackbonesOptions): Promise<BackbonesReport> {
  const { data, seeds, only, task: onlyTask, results, threads, onProgress } = options;
  const dataset = await openDataset({ data });
  const wanted = new Set(only?.map((name) => findBackbone(name, onlyTask)));
  const backbones = listBackbones(onlyTask).filter((one) => only === undefined || wanted.has(one));
  const tuned = await tunedValues(dataset.name, options.tuned);
  const rivals: RivalResult[] = [];
  const rows: BackboneRow[] = [];
  for (const task of new Set(backbones.map((backbone) => backbone.task))) {
    const parts = (seed: number) => splitOf(dataset, task, seed);
    const rivalFile = resultFile(results, dataset.name, `rivals-${task}`);
    let kept = (await readResult<RivalResult>(rivalFile)) ?? null;
    const splits = Array.from({ length: seeds }, (_, index) => parts(index + 1));
    const missing = splits.filter(
      (one, index) =>
        !kept?.runs.some((run) => run.split === one.digest) &&
        splits.findIndex((other) => other.digest === one.digest) === index,
    );
    if (missing.length > 0) {
      onProgress(`${dataset.name}, ${task}: rivals`);
      const runs = kept === null ? [] : [...kept.runs];
      for (const one of missing) runs.push({ split: one.digest, rows: await measureRivals(one, task) });
      kept = { dataset: dataset.name, task, date: today(), runs };
      await writeResult(rivalFile, kept);
    }
    const asked = new Set(splits.map(({ digest }) => digest));
    if (kept !== null) kept = { ...kept, runs: kept.runs.filter(({ split }) => asked.has(split)) };
    if (kept !== null) rivals.push(kept);
    for (const backbone of backbones.filter((one) => one.task === task)) {
      const hyperparameters = tuned[backbone.name]?.hyperparameters ?? {};
      const result = await completed(backbone, hyperparameters, dataset.name, splits, options);
      rows.push(rowOf(result, kept));
    }
  }
  return { dataset: dataset.name, rows, rivals };

  async function completed(
    backbone: BackboneDefinition,
    hyperparameters: Readonly<Record<string, number>>,
    name: string,
    splits: readonly ReturnType<typeof splitOf>[],
    { results: folder }: BackbonesOptions,
  ): Promise<BackboneResult> {
    const file = resultFile(folder, name, backbone.name);
    const resolved = resolveHyperparameters(backbone, hyperparameters);
    const before = await readResult<BackboneResult>(file);
    const same =
      before !== null && sameNumbers(resolveHyperparameters(backbone, before.hyperparameters), resolved);
    let result: BackboneResult = {
      dataset: name,
      backbone: backbone.name,
      task: backbone.task,
      hyperparameters: resolved,
      date: before?.date ?? today(),
      machine: machineName(),
      // Of this very split and seed: figures of other rows would be averaged with them.
      runs: same ? before.runs.filter(({ seed, split }) => splits[seed - 1]?.digest === split) : [],
    };
    for (const [index, parts] of splits.entries()) {
      const seed = index + 1;
      if (result.runs.some((run) => run.seed === seed && run.split === parts.digest)) continue;
      const label = `${name}, ${backbone.name}, seed ${seed}`;
      const run = await measureBackbone(backbone, parts, {
        hyperparameters: resolved,
        seed,
        threads,
        onEpoch: ({ epoch, validation, best }) => {
          if (validation !== null)
            onProgress(`${label}: epoch ${epoch}, ${validation.toFixed(4)}, best ${best?.toFixed(4)}`);
        },
      });
      onProgress(`${label}: epoch ${run.epoch}, ${run.seconds} s, ${JSON.stringify(run.metrics)}`);
      result = { ...result, date: today(), machine: machineName(), runs: [...result.runs, run] };
      await writeResult(file, result);
    }
    return { ...result, runs: result.runs.filter((run) => run.seed <= splits.length) };
  }
}

function sameNumbers(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): boolean {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names].every((name) => a[name] === b[name]);
}
