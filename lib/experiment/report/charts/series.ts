/** Colours and shapes, the same in every plot. */

import { ROW_TITLES, type RowName } from "../../summary.js";
import type { LegendEntry } from "./chart.js";

/** Vega's names of shapes and the characters that look like them. */
const SHAPES = [
  ["circle", "●"],
  ["square", "■"],
  ["triangle-up", "▲"],
  ["diamond", "◆"],
  ["triangle-down", "▼"],
  ["cross", "✚"],
] as const;

/** Number of colours in the style sheet: `--series-0` and on. */
const COLOURS = 8;

const ROW_SERIES: Readonly<Record<RowName, number>> = {
  llama4rec: 0,
  "without-data": 1,
  "without-prompt": 2,
  "without-adaptive": 3,
  learned: 4,
  "second-seed": 5,
  "closed-form": 6,
  ift: 7,
  chosen: 7,
  base: 5,
};

/** CSS colour and shape of the n-th series. */
export function series(n: number): { colour: string; shape: string; symbol: string } {
  const [shape, symbol] = SHAPES[n % SHAPES.length];
  return { colour: `var(--series-${n % COLOURS})`, shape, symbol };
}

/** Colour and shape of a row of the paper's tables. */
export function rowSeries(row: RowName): ReturnType<typeof series> {
  return series(ROW_SERIES[row]);
}

/** Legend of the rows that a plot shows; bars are told apart by their order. */
export function rowLegend(rows: readonly RowName[], bars = false): LegendEntry[] {
  return rows.map((row) => {
    const { colour, symbol } = rowSeries(row);
    return { label: ROW_TITLES[row], colour, symbol: bars ? "■" : symbol };
  });
}
