import Table from "cli-table3";
import type { FoldInReport, FoldInRow } from "./measure.js";

const head = [
  "backbone",
  "metric",
  "retrained",
  "folded in",
  "ratio",
  "95 % interval",
  "ratio, items alike",
  "ms",
  "epochs",
  "users",
] as const;

const cells = (row: FoldInRow): string[] => [
  row.backbone,
  row.metric.toUpperCase(),
  row.retrained.toFixed(4),
  row.foldedIn.toFixed(4),
  row.ratio.toFixed(3),
  `${row.low.toFixed(3)} to ${row.high.toFixed(3)}`,
  row.alike === null
    ? ""
    : `${row.alike.ratio.toFixed(3)} (${row.alike.low.toFixed(3)} to ${row.alike.high.toFixed(3)})`,
  row.milliseconds.toFixed(3),
  String(row.epochs),
  String(row.users),
];

/** The report for a terminal. */
export function renderFoldIn({ dataset, seed, rows }: FoldInReport): string {
  const table = new Table({
    head: [...head],
    colAligns: head.map((_, at) => (at < 2 ? "left" : "right")),
    style: { head: [], border: [] },
  });
  for (const row of rows) table.push(cells(row));
  const methods = rows.map(({ backbone, method }) => `${backbone}: ${method}`);
  return [`${dataset}, users absent from training, seed ${seed}`, table.toString(), ...methods].join("\n");
}

/** Its rows as Markdown. */
export function foldInMarkdown({ rows }: FoldInReport): string {
  const line = (values: readonly string[]): string => `| ${values.join(" | ")} |`;
  const rule = head.map((_, at) => (at < 2 ? "---" : "--:"));
  return [line(head), line(rule), ...rows.map((row) => line(cells(row)))].join("\n");
}
