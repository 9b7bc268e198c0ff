import Table from "cli-table3";
import type { Figures } from "../../../lib/experiment/summary.js";
import type { Task } from "../../../lib/models/backbone.js";
import { type BackboneRow, type RivalResult, rivalMeans } from "./results.js";

/** What a table of a task shows. */
const columns: Readonly<Record<Task, readonly string[]>> = {
  direct: ["hr@3", "ndcg@3", "hr@5", "ndcg@5", "hr@10", "ndcg@10"],
  sequential: ["hr@3", "ndcg@3", "hr@5", "ndcg@5"],
  rating: ["rmse", "mae"],
};
const titles: Readonly<Record<Task, string>> = {
  direct: "Direct recommendation",
  sequential: "Sequential recommendation",
  rating: "Rating prediction",
};

interface Line {
  readonly name: string;
  readonly cells: readonly string[];
}

const text = (
  metrics: Figures | null | undefined,
  spread: Figures | null | undefined,
  metric: string,
): string => {
  const value = metrics?.[metric];
  if (value === undefined) return "";
  const short = (x: number): string => x.toFixed(4).replace(/^0\./, ".");
  const deviation = spread?.[metric];
  return deviation === undefined ? short(value) : `${short(value)} ± ${short(deviation)}`;
};

const yes = (holds: boolean | null): string => (holds === null ? "" : holds ? "yes" : "no");

/** "15 to 40 of 40": where the seeds' best epochs lie, and the most there may be. */
function epochsOf({ epochs: { least, most, cap } }: BackboneRow): string {
  return least === most ? `${least} of ${cap}` : `${least} to ${most} of ${cap}`;
}

/** Head and lines of one task: rivals, then each backbone above the paper's Base row. */
function linesOf(
  task: Task,
  rows: readonly BackboneRow[],
  rivals: RivalResult | null,
): { head: string[]; lines: Line[] } {
  const shown = columns[task];
  const isSequential = task === "sequential";
  const head = [
    ...shown.map((metric) => metric.toUpperCase()),
    ...(isSequential ? ["masked HR@5", "masked NDCG@5"] : []),
    "seeds",
    "users",
    "at least Base",
    "at least rival",
    "best epoch",
    "s a training",
  ];
  const maskedCells = (metrics: Figures | null | undefined, spread: Figures | null | undefined): string[] =>
    isSequential ? ["hr@5", "ndcg@5"].map((metric) => text(metrics, spread, metric)) : [];
  const lines: Line[] = [];
  for (const rival of rivals === null ? [] : rivalMeans(rivals))
    lines.push({
      name: rival.name,
      cells: [
        ...shown.map((metric) => text(rival.metrics, rival.spread, metric)),
        ...maskedCells(rival.masked, null),
        String(rivals?.runs.length ?? ""),
        String(rival.users),
        "",
        "",
        "",
        "",
      ],
    });
  for (const row of rows) {
    lines.push({
      name: row.backbone,
      cells: [
        ...shown.map((metric) => text(row.metrics, row.spread, metric)),
        ...maskedCells(row.masked?.metrics, row.masked?.spread),
        String(row.seeds),
        String(row.users),
        yes(row.atLeastBase),
        yes(row.atLeastRival),
        epochsOf(row),
        row.seconds.toFixed(0),
      ],
    });
    if (row.paper !== null)
      lines.push({
        name: `  the paper's Base`,
        cells: [
          ...shown.map((metric) => text(row.paper, null, metric)),
          ...head.slice(shown.length).map(() => ""),
        ],
      });
  }
  return { head, lines };
}

/** A table for a terminal. */
export function renderTable(
  dataset: string,
  task: Task,
  rows: readonly BackboneRow[],
  rivals: RivalResult | null,
): string {
  const { head, lines } = linesOf(task, rows, rivals);
  const table = new Table({
    head: [`${dataset}, ${task}`, ...head],
    colAligns: ["left", ...head.map(() => "right" as const)],
    style: { head: [], border: [] },
  });
  for (const { name, cells } of lines) table.push([name, ...cells]);
  return table.toString();
}

/** The same as a Markdown section. */
export function renderMarkdown(
  dataset: string,
  task: Task,
  rows: readonly BackboneRow[],
  rivals: RivalResult | null,
): string {
  const { head, lines } = linesOf(task, rows, rivals);
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [
    `### ${titles[task]}, ${dataset}`,
    "",
    line(["", ...head]),
    line(["---", ...head.map(() => "---:")]),
    ...lines.map(({ name, cells }) => {
      const paper = name.startsWith("  ");
      const named = paper ? `*${name.trim()}*` : name;
      return line([named, ...cells.map((cell) => (paper && cell !== "" ? `*${cell}*` : cell))]);
    }),
    "",
  ].join("\n");
}
