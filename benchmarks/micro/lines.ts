import Table from "cli-table3";
import { native } from "../../lib/native/addon.js";
import { Parameter } from "../../lib/native/parameter.js";

export const dimension = 64;
export const rowBytes = dimension * 4;

/** One measured line: the engine, its rival, and how much of the hardware's limit it uses. */
export interface Line {
  readonly what: string;
  readonly ours: string;
  readonly plain: string;
  readonly ratio: string;
  readonly limit: string;
}

/** A table of these lines. */
export function tableOf(lines: readonly Line[]): string {
  const table = new Table({
    head: ["one thread, median", "llama4rec", "plain JS loop", "ratio", "of the limit"],
    colAligns: ["left", "right", "right", "right", "right"],
    style: { head: [], border: [] },
  });
  for (const line of lines) table.push([line.what, line.ours, line.plain, line.ratio, line.limit]);
  return table.toString();
}

/** A table of normal numbers `[rows x 64]`. */
export function randomTable(name: string, rows: number): Parameter {
  return new Parameter(name, rows, dimension).fillNormal(1, 42, rows);
}

/** Memory read rate for a table of this size, GB/s on one thread. */
export const bandwidth = (items: number): number => native().readBandwidth(items * rowBytes, 1);
