import { cpus } from "node:os";
import type { Dataset } from "../data/dataset.js";
import { holm } from "../evaluation/summary.js";
import type { Masking } from "../models/fullRanking.js";
import { cpuInfo } from "../native/addon.js";
import { packageVersion } from "../native/packageVersion.js";
import type { Cell } from "./cell.js";
import { differenceOf, gainOf, gainOverBetter, meanOverRows, overSeeds, userDifferences } from "./compare.js";
import type { ExperimentConfig } from "./config.js";
import type { BackboneOutcome, Outcome } from "./outcome.js";
import { paperFigures } from "./paper.js";
import { segmentations } from "./segments.js";
import { type Cost, type ExperimentSummary, ROW_TITLES, type RowName, type SummaryRow } from "./summary.js";

/** What a summary needs beside the outcomes. */
export interface SummaryInput {
  readonly config: ExperimentConfig;
  readonly dataset: Dataset;
  readonly masking: Masking | null;
  readonly models: ExperimentSummary["models"];
  readonly outcomes: readonly BackboneOutcome[];
  readonly cells: readonly Cell<unknown>[];
  readonly notes: readonly string[];
}

const CONTROLS: readonly RowName[] = ["second-seed", "closed-form"];

/** The experiment in short, from what all backbones brought. */
export function summarize({
  config,
  dataset,
  masking,
  models,
  outcomes,
  cells,
  notes,
}: SummaryInput): ExperimentSummary {
  const primary = config.task === "rating" ? "rmse" : "ndcg@5";
  const compared = (row: RowName): { backbone: string; differences: Map<number, number>; gain: number }[] =>
    outcomes.flatMap(({ backbone, outcomes: rows }) => {
      const base = rows.find((one) => one.row === "base");
      const ours = rows.find((one) => one.row === row);
      if (base === undefined || ours === undefined) return [];
      const gain = gainOf(primary, overSeeds(ours).metrics[primary], overSeeds(base).metrics[primary]);
      return [{ backbone, differences: userDifferences(ours, base), gain }];
    });
  const meanOf = (row: RowName): ExperimentSummary["meanOverBackbones"] | null => {
    const all = compared(row);
    if (all.length === 0) return null;
    return {
      gain: all.reduce((sum, { gain }) => sum + gain, 0) / all.length,
      difference: differenceOf(meanOverRows(all.map(({ differences }) => differences))),
    };
  };
  const controls = CONTROLS.flatMap((row) => {
    const mean = config.rows.includes(row) ? meanOf(row) : null;
    return mean === null ? [] : [[row, mean] as const];
  });
  return {
    name: config.name,
    dataset: dataset.describe(),
    task: config.task,
    protocol: "paper",
    masking,
    split: config.split,
    seeds: [...new Set(cells.map(({ seed }) => seed))].sort((a, b) => a - b),
    users: meanTestRows(outcomes),
    primary,
    askedHitsOnly: config.task !== "rating",
    models,
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus()[0]?.model ?? "unknown processor"}, ${cpuInfo().processors} processors, ${cpuInfo().level}`,
    version: packageVersion(),
    rows: tableRows(config, dataset.name, outcomes, primary),
    gain: meanGain(outcomes),
    meanOverBackbones: meanOf("llama4rec") ?? {
      gain: 0,
      difference: { mean: 0, low: 0, high: 0, p: 1, holm: null },
    },
    controls: Object.fromEntries(controls),
    segments: segmentations(outcomes),
    alphaCurves: outcomes.flatMap(({ curve }) => curve ?? []),
    sizeCurves: [],
    modes: outcomes.flatMap(({ modes }) => modes),
    helped: outcomes.flatMap(({ helped }) => helped ?? []),
    cost: totalCost(cells.map(({ cost }) => cost)),
    notes: [...notes, ...partsNotes(outcomes, meanOf("chosen"))],
  };
}

/** What validation chose for the row `chosen`, and what it brought. */
function partsNotes(
  outcomes: readonly BackboneOutcome[],
  mean: ExperimentSummary["meanOverBackbones"] | null,
): string[] {
  const taken = outcomes.flatMap(({ backbone, outcomes: rows }) => {
    const parts = rows.find(({ row }) => row === "chosen")?.mixing?.parts;
    return parts === undefined
      ? []
      : [`${backbone}: ${parts === "ift" ? "neither augmentation" : ROW_TITLES[parts]}`];
  });
  if (mean === null || taken.length === 0) return [];
  const { gain, difference } = mean;
  const digits = (value: number): string => value.toFixed(4);
  return [
    `Beyond the paper: with parts chosen on validation rows the mean gain over Base is ${gain.toFixed(2)} %, difference ${digits(difference.mean)} (95 % interval ${digits(difference.low)} to ${digits(difference.high)}). Chosen: ${taken.join("; ")}.`,
  ];
}

/** All rows of all backbones; p-values of each row are corrected over the backbones. */
function tableRows(
  { rows: names }: ExperimentConfig,
  dataset: string,
  outcomes: readonly BackboneOutcome[],
  primary: "ndcg@5" | "rmse",
): SummaryRow[] {
  const rows = outcomes.flatMap(({ backbone, outcomes: own }) => {
    const base = own.find(({ row }) => row === "base");
    return own.map((one): SummaryRow => {
      const { metrics, spread } = overSeeds(one);
      const compared = base === undefined || one.row === "base" ? null : base;
      return {
        backbone,
        row: one.row,
        metrics,
        spread,
        paper: paperFigures(dataset, backbone, one.row),
        difference: compared && differenceOf(userDifferences(one, compared).values()),
        gain: compared && gainOf(primary, metrics[primary], overSeeds(compared).metrics[primary]),
        mixing: one.mixing,
        changed: one.changed,
      };
    });
  });
  const corrected = new Map<SummaryRow, number>();
  for (const name of names) {
    const tested = rows.filter(({ row, difference }) => row === name && difference !== null);
    for (const [at, p] of holm(tested.map(({ difference }) => difference?.p ?? 1)).entries())
      corrected.set(tested[at], p);
  }
  return rows.map((row) => ({
    ...row,
    difference: row.difference && { ...row.difference, holm: corrected.get(row) ?? null },
  }));
}

/** As the paper computes it: over the better of Base and IFT, all its metrics, all backbones. */
function meanGain(outcomes: readonly BackboneOutcome[]): number {
  const gains = outcomes.flatMap(({ outcomes: rows }) => {
    const figures = (row: RowName): Outcome | undefined => rows.find((one) => one.row === row);
    const [ours, base, ift] = [figures("llama4rec"), figures("base"), figures("ift")];
    if (ours === undefined || base === undefined) return [];
    return [
      gainOverBetter(overSeeds(ours).metrics, overSeeds(base).metrics, ift ? overSeeds(ift).metrics : null),
    ];
  });
  return gains.length === 0 ? 0 : gains.reduce((sum, gain) => sum + gain, 0) / gains.length;
}

function meanTestRows(outcomes: readonly BackboneOutcome[]): number {
  const counts = outcomes.flatMap(({ facts }) => facts.map(({ interactions }) => interactions.length));
  return counts.length === 0 ? 0 : counts.reduce((sum, count) => sum + count, 0) / counts.length;
}

function totalCost(costs: readonly Cost[]): Cost {
  const sum = (of: (cost: Cost) => number): number => costs.reduce((total, cost) => total + of(cost), 0);
  const faults: Record<string, number> = {};
  for (const cost of costs)
    for (const [reason, count] of Object.entries(cost.faults)) faults[reason] = (faults[reason] ?? 0) + count;
  return {
    prompts: sum(({ prompts }) => prompts),
    answered: sum(({ answered }) => answered),
    cacheHits: sum(({ cacheHits }) => cacheHits),
    evaluatedTokens: sum(({ evaluatedTokens }) => evaluatedTokens),
    reusedTokens: sum(({ reusedTokens }) => reusedTokens),
    trainingSeconds: sum(({ trainingSeconds }) => trainingSeconds),
    askingSeconds: sum(({ askingSeconds }) => askingSeconds),
    faults,
  };
}
