/** Rows as a table for people. */

import Table from "cli-table3";
import { type Row, reached } from "./row.js";
import { duration } from "./timing.js";

const NOTHING = "–";

/** "2.53x" */
export const times = (ratio: number | null): string =>
  ratio === null ? NOTHING : `${ratio < 0.1 ? ratio.toPrecision(2) : ratio.toFixed(2)}x`;

/** Median and who needed it. */
const peerText = ({ peer, peerName }: Row): string =>
  peer === null ? NOTHING : `${duration(peer)} (${peerName})`;

/** "the peer", or the limit's name. */
const againstText = ({ against, peerName }: Row): string =>
  against === null ? NOTHING : against === peerName ? "the peer" : against;

/** What the machine allows, and how much of it is used: "1.21 of float32 read limit". */
const shareText = ({ share, limitName }: Row): string =>
  limitName === null ? NOTHING : `${share === null ? "?" : share.toFixed(2)} of ${limitName}`;

/** "2.5x met", "2.5x MISSED" */
export function goalText(row: Row): string {
  if (row.goal === null) return NOTHING;
  const met = reached(row);
  return `${row.goal}x${met === null ? "" : met ? " met" : " MISSED"}`;
}

/** A row's work, with the unit where it is no call. */
const workText = ({ name, unit }: Row): string => (unit === "s/call" ? name : `${name} (${unit})`);

/** Columns of words and of figures; what a row writes into them. */
export const COLUMNS = [
  { title: "work", numeric: false, text: workText },
  { title: "ours", numeric: true, text: (row: Row) => duration(row.ours) },
  { title: "CPU", numeric: true, text: (row: Row) => duration(row.cpu) },
  { title: "peer", numeric: false, text: peerText },
  { title: "against", numeric: false, text: againstText },
  { title: "ratio", numeric: true, text: (row: Row) => times(row.ratio) },
  { title: "by CPU", numeric: true, text: (row: Row) => times(row.cpuRatio) },
  { title: "goal", numeric: true, text: goalText },
  { title: "share of the limit", numeric: false, text: shareText },
] as const;

/** What the columns mean. */
export const EXPLANATION =
  "ours, peer: medians of calls that took turns in one run. CPU: of one call of ours, all threads. ratio: how many times " +
  "faster than what stands under against, by CPU: the same by CPU time. share: time at the limit / ours, above 1 where " +
  "less is read or multiplied than the limit counts.";

/** The table. */
export function consoleTable(rows: readonly Row[]): string {
  const table = new Table({
    head: COLUMNS.map(({ title }) => title),
    colAligns: COLUMNS.map(({ numeric }) => (numeric ? "right" : "left")),
    style: { head: [], border: [], compact: true },
  });
  for (const row of rows) table.push(COLUMNS.map(({ text }) => text(row)));
  return table.toString();
}

/** Notes of rows, each once. */
export const notesOf = (rows: readonly Row[]): string[] => [
  ...new Set(rows.flatMap(({ note }) => (note === null ? [] : [note]))),
];
