/** What every plot of the report is made of. */

import type { TopLevelSpec } from "vega-lite";
import { oneLine, type Table } from "../table.js";

/** Width of every plot in its own units; the page scales it. Narrow, so that text stays readable on a phone. */
export const WIDTH = 440;

/** One entry of a legend, which is HTML: it wraps where the page is narrow. */
export interface LegendEntry {
  readonly label: string;
  /** CSS colour. */
  readonly colour: string;
  /** Shape that tells series apart without colour. */
  readonly symbol: string;
}

/** A plot with what stands beside it. */
export interface Chart {
  readonly title: string;
  /** What is drawn and how to read it: under the plot, and for who cannot see it. */
  readonly description: string;
  readonly legend: readonly LegendEntry[];
  readonly spec: TopLevelSpec;
  /** The same figures. */
  readonly tables: readonly Table[];
}

/** Space around the plot's own rectangle. */
export interface Padding {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Average width of a letter at the size of the plots' labels: the server has no font to measure with. */
const LETTER = 6.1;
const LONGEST_LABEL = 26;

/** Room for labels at the left, with their tick. */
export function labelRoom(labels: readonly string[]): number {
  return 14 + LETTER * Math.max(4, ...labels.map(({ length }) => length));
}

/** A label that fits its room. */
export function shortLabel(text: string): string {
  const letters = [...oneLine(text)];
  return letters.length <= LONGEST_LABEL
    ? letters.join("")
    : `${letters.slice(0, LONGEST_LABEL - 1).join("")}…`;
}

/** What all plots share. Padding is given, not measured, so that the same figures give the same bytes anywhere. */
export function frame(padding: Padding): {
  $schema: undefined;
  width: number;
  padding: Padding;
  autosize: "none";
} {
  return { $schema: undefined, width: WIDTH - padding.left - padding.right, padding, autosize: "none" };
}
