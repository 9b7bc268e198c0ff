/** Made-up summaries: no experiment found these figures. They come from a counter, so that no two are alike. */

import {
  type Difference,
  type ExperimentSummary,
  type Figures,
  ROWS,
  type RowName,
  type SummaryRow,
} from "../../lib/experiment/summary.js";

const GRID = [0.1, 0.3, 0.5, 0.7, 0.9];
const MODES = ["likelihood", "labels", "listing"];

/** Figures apart from each other: start, start + step, ... */
function counter(start: number, step: number): () => number {
  let calls = 0;
  return () => start + step * calls++;
}

/** What a test may change. */
export interface Planted {
  task: ExperimentSummary["task"];
  backbones?: readonly string[];
  name?: string;
}

/** Every part filled. */
export function plantedSummary({
  task,
  name,
  backbones = ["MF", "LightGCN", "MixGCF"],
}: Planted): ExperimentSummary {
  const rating = task === "rating";
  const primary = rating ? "rmse" : "ndcg@5";
  const turn = rating ? -1 : 1;
  const names = rating ? ["rmse", "mae"] : ["hr@3", "ndcg@3", "hr@5", "ndcg@5", "hr@10", "ndcg@10"];
  const level = rating ? 0.9 : 0.03;
  const next = counter(level, 0.00013);
  const spread = counter(0.0011, 0.0001);
  const figures = (of: () => number, metrics = names): Figures =>
    Object.fromEntries(metrics.map((metric) => [metric, of()]));
  const p = counter(0.011, 0.002);

  /** `strength` interval half-widths away from 0; below 1 the interval holds 0. */
  const difference = (strength: number, corrected: boolean): Difference => {
    const half = 0.0011 + 0.00007 * Math.abs(strength);
    const mean = turn * strength * half;
    const value = p();
    return { mean, low: mean - half, high: mean + half, p: value, holm: corrected ? value * 3 : null };
  };
  const strengths: Readonly<Record<RowName, number>> = {
    base: 0,
    ift: -4,
    llama4rec: 2.2,
    "without-data": 1.3,
    "without-prompt": 0.4,
    "without-adaptive": 1.7,
    learned: 2.5,
    chosen: 2.1,
    "second-seed": 0.8,
    "closed-form": -0.6,
  };
  const gains = counter(1.07, 0.31);
  const rowOf = (backbone: string, row: RowName, n: number): SummaryRow => {
    const isMixed = row !== "base" && row !== "ift";
    const strength = strengths[row] * (1 - 0.35 * n);
    return {
      backbone,
      row,
      metrics: figures(next),
      spread: figures(spread),
      paper: ["base", "ift", "llama4rec"].includes(row) ? figures(next, names.slice(0, 4)) : null,
      difference: row === "base" ? null : difference(strength, true),
      gain: row === "base" ? null : Math.sign(strength) * gains(),
      mixing: isMixed
        ? {
            mode: MODES[n % MODES.length],
            alpha1: row === "llama4rec" ? GRID[(n + 1) % 5] : null,
            alpha2: row === "llama4rec" ? GRID[(n + 2) % 5] : null,
            form: row === "llama4rec" ? "scaled" : null,
            weights: { min: 0.02 + 0.01 * n, mean: 0.21 + 0.01 * n, max: 0.61 + 0.01 * n },
          }
        : null,
      changed: isMixed ? 0.313 + 0.017 * n : null,
    };
  };
  const bucket = (label: string, n: number) => {
    const base = level + 0.0027 * n;
    const found = difference(2.6 - 0.55 * n, false);
    return { label, rows: 1201 + 7 * n, base, ours: base + found.mean, difference: found };
  };
  return {
    name: name ?? `planted-${task}`,
    dataset: { name: "Planted", users: 943, items: 1682, interactions: 99_991, ordered: true },
    task,
    protocol: "paper",
    masking: rating ? null : "seen",
    split: "leave-last-out",
    seeds: [1, 2, 3, 4, 5],
    users: 941,
    primary,
    askedHitsOnly: !rating,
    models: [
      { role: "augmented", name: "pocket-augmented.gguf", id: "0a1b2c3d" },
      { role: "plain", name: "pocket-plain.gguf", id: "4e5f6071" },
    ],
    date: "2001-02-03",
    machine: "planted machine, 2 cores",
    version: "0.0.1",
    rows: backbones.flatMap((backbone, n) => ROWS.map((row) => rowOf(backbone, row, n))),
    gain: 7.43,
    meanOverBackbones: { gain: 6.21, difference: difference(2.1, false) },
    controls: {
      "second-seed": { gain: 1.52, difference: difference(0.7, false) },
      "closed-form": { gain: -0.63, difference: difference(-0.3, false) },
    },
    segments: [
      {
        by: "activity",
        buckets: ["up to 16 interactions", "17 to 48 interactions", "49 and more interactions"].map(bucket),
      },
      {
        by: "popularity",
        buckets: Array.from({ length: 10 }, (_, n) => bucket(`${10 * n + 1} to ${10 * n + 10} users`, n)),
      },
    ],
    alphaCurves: backbones.map((backbone, n) => ({
      backbone,
      mode: MODES[n % MODES.length],
      base: level,
      points: [
        { alpha1: 0, alpha2: 0, value: level },
        ...GRID.flatMap((alpha1, row) =>
          GRID.map((alpha2, column) => ({
            alpha1,
            alpha2,
            value: level + turn * (0.004 - 0.0011 * Math.hypot(row - n - 1, column - 2)),
          })),
        ),
      ],
    })),
    sizeCurves: [
      {
        by: "instructions",
        base: level,
        points: [2500, 12_500, 25_000].map((size, n) => ({
          size,
          label: `${size / 1000}K`,
          value: level + turn * 0.0021 * n,
        })),
      },
      {
        by: "parameters",
        base: level,
        points: [1_100_000, 4_300_000, 15_700_000].map((size, n) => ({
          size,
          label: `${size / 1e6} M`,
          value: level + turn * 0.0017 * n,
        })),
      },
    ],
    modes: (["ift", "llama4rec"] as const).flatMap((row) =>
      backbones.flatMap((backbone) =>
        MODES.map((mode, n) => ({
          backbone,
          row,
          mode,
          asked: 907 + n,
          answered: 811 + n,
          metrics: figures(next),
        })),
      ),
    ),
    helped: backbones.map((backbone, n) => ({
      backbone,
      fallback: n === 2,
      buckets: ["least", "less", "more", "most"].map((label, at) => ({
        label: `${label} weight`,
        rows: 1000 + n,
        improved: 71 + 37 * at,
        worsened: 67 + 11 * at,
        alpha: 0.12 + 0.17 * at,
      })),
    })),
    cost: {
      prompts: 12_345,
      answered: 12_001,
      cacheHits: 3210,
      evaluatedTokens: 7_654_321,
      reusedTokens: 2_345_678,
      trainingSeconds: 431,
      askingSeconds: 1789,
      faults: { timeout: 17, "unknown label": 5 },
    },
    notes: ["Attributes were written by a pocket model, which has no world knowledge."],
  };
}

/** One seed, one backbone, nothing that may be absent. */
export function bareSummary(task: ExperimentSummary["task"]): ExperimentSummary {
  const full = plantedSummary({ task, backbones: ["MF"] });
  return {
    ...full,
    seeds: [7],
    models: [],
    rows: full.rows
      .filter(({ row }) => row === "base" || row === "llama4rec")
      .map((row) => ({ ...row, spread: null, paper: null, difference: null, mixing: null, changed: null })),
    controls: {},
    segments: [],
    alphaCurves: [],
    sizeCurves: [],
    modes: [],
    helped: [],
    cost: { ...full.cost, faults: {} },
    notes: [],
  };
}
