/** Differences to Base by backbone: the method beside its controls, and less one of its parts. */

import { type ExperimentSummary, ROW_TITLES, ROWS, type RowName, type SummaryRow } from "../../summary.js";
import { improvement, metricTitle, percent } from "../figures.js";
import type { Table } from "../table.js";
import { differencesTable, meansTable, resultsTable } from "../tables.js";
import type { Chart } from "./chart.js";
import { type IntervalPoint, intervalSpec } from "./intervals.js";
import { rowLegend, rowSeries } from "./series.js";

const METHOD_AND_CONTROLS = ["llama4rec", "learned", "chosen", "second-seed", "closed-form"] as const;
const PARTS = ["llama4rec", "without-data", "without-prompt", "without-adaptive"] as const;
const MEAN = "mean of backbones";

/** Forest plot: Llama4Rec and controls, each backbone and the mean over them; null where nothing stands beside Base. */
export function gainsChart(summary: ExperimentSummary): Chart | null {
  const means: IntervalPoint[] = [
    meanPoint("llama4rec", summary.meanOverBackbones, summary),
    ...ROWS.flatMap((row) => {
      const control = summary.controls[row];
      return control === undefined ? [] : [meanPoint(row, control, summary)];
    }),
  ];
  const points = pointsOf(summary, METHOD_AND_CONTROLS);
  if (points.length === 0) return null;
  return {
    title: "Gain by backbone",
    description:
      `${axisTitle(summary)}. Points are means, lines 95 % intervals; the figure at the right is the relative gain over Base. ` +
      "Where a line crosses 0 the difference is not distinguishable from none.",
    legend: rowLegend(shown(summary, METHOD_AND_CONTROLS)),
    spec: intervalSpec([...points, ...means], axisTitle(summary)),
    tables: [...differencesOf(summary, METHOD_AND_CONTROLS), meansTable(summary)],
  };
}

/** Table 5 as bars; null where no part was left out. */
export function ablationChart(summary: ExperimentSummary): Chart | null {
  const rows = shown(summary, PARTS);
  if (!rows.some((row) => row.startsWith("without"))) return null;
  return {
    title: "Without one part",
    description:
      `${axisTitle(summary)}: the whole method, and the method less one of its parts. Bars are means, lines 95 % intervals; ` +
      "the figure at the right is the relative gain over Base.",
    legend: rowLegend(rows, true),
    spec: intervalSpec(pointsOf(summary, PARTS), axisTitle(summary), true),
    tables: [resultsTable(withRows(summary, ["base", ...rows])), ...differencesOf(summary, rows)],
  };
}

/** "Difference to Base in NDCG@5, right is better". */
export function axisTitle({ primary }: ExperimentSummary): string {
  return primary === "rmse"
    ? `${metricTitle(primary)} lower than Base by (right is better)`
    : `${metricTitle(primary)} above Base by (right is better)`;
}

function shown(summary: ExperimentSummary, rows: readonly RowName[]): RowName[] {
  return rows.filter((name) => summary.rows.some(({ row }) => row === name));
}

function withRows(summary: ExperimentSummary, rows: readonly RowName[]): ExperimentSummary {
  return { ...summary, rows: summary.rows.filter(({ row }) => rows.includes(row)) };
}

function differencesOf(summary: ExperimentSummary, rows: readonly RowName[]): Table[] {
  const table = differencesTable(withRows(summary, rows));
  return table === null ? [] : [table];
}

function pointsOf(summary: ExperimentSummary, rows: readonly RowName[]): IntervalPoint[] {
  return summary.rows.flatMap((row) => {
    if (!rows.includes(row.row)) return [];
    const { mean, low, high } = differenceOf(row, summary);
    const { colour, shape } = rowSeries(row.row);
    const text = percent(row.gain);
    return [{ group: row.backbone, series: ROW_TITLES[row.row], mean, low, high, text, colour, shape }];
  });
}

/** Above 0 is better. Without an interval the difference of the two figures. */
function differenceOf(
  row: SummaryRow,
  { rows, primary }: ExperimentSummary,
): { mean: number; low: number | null; high: number | null } {
  if (row.difference !== null) return improvement(row.difference, primary);
  const base = rows.find((other) => other.row === "base" && other.backbone === row.backbone);
  const mean = row.metrics[primary] - (base?.metrics[primary] ?? Number.NaN);
  return { mean: primary === "rmse" ? -mean : mean, low: null, high: null };
}

function meanPoint(
  row: RowName,
  { gain, difference }: ExperimentSummary["meanOverBackbones"],
  { primary }: ExperimentSummary,
): IntervalPoint {
  const { mean, low, high } = improvement(difference, primary);
  const { colour, shape } = rowSeries(row);
  return { group: MEAN, series: ROW_TITLES[row], mean, low, high, text: percent(gain), colour, shape };
}
