import type { ExperimentSummary } from "../summary.js";
import { about, findings, titleOf } from "./prose.js";
import { oneLine, type Table } from "./table.js";
import {
  alphaTable,
  costTable,
  differencesTable,
  furtherMetricsTable,
  helpedTable,
  meansTable,
  mixingTable,
  modesTable,
  resultsTable,
  segmentTable,
  sizeTable,
} from "./tables.js";

/**
 * An experiment as Markdown (GitHub's tables): what was found, the paper's table beside its figures, means and controls,
 * what was chosen, segments, curves, cost and notes. Names are data: markup in them is escaped.
 */
export function renderMarkdown(summary: ExperimentSummary): string {
  const section = (title: string, tables: readonly (Table | null)[]): string[] => {
    const present = tables.filter((table) => table !== null && table.lines.length > 0);
    return present.length === 0
      ? []
      : [`## ${title}`, ...present.map((table) => renderTable(table as Table))];
  };
  return `${[
    `# ${escapeMarkdown(titleOf(summary))}`,
    list(findings(summary)),
    ...section("Results", [resultsTable(summary), differencesTable(summary), furtherMetricsTable(summary)]),
    ...section("Means and controls", [meansTable(summary)]),
    ...section("Chosen mixing", [mixingTable(summary)]),
    ...section(
      "Segments",
      summary.segments.map((segmentation) => segmentTable(segmentation, summary)),
    ),
    ...section("Modes", [modesTable(summary)]),
    ...section(
      "Alpha grid",
      summary.alphaCurves.map((curve) => alphaTable(curve, summary)),
    ),
    ...section(
      "Sizes",
      summary.sizeCurves.map((curve) => sizeTable(curve, summary)),
    ),
    ...section("Whom the language model helps", summary.helped.map(helpedTable)),
    ...section("Cost", [costTable(summary)]),
    "## About",
    list(about(summary).map(([name, value]) => `${name}: ${value}`)),
    ...(summary.notes.length === 0 ? [] : ["## Notes", list(summary.notes)]),
  ].join("\n\n")}\n`;
}

function list(items: readonly string[]): string {
  return items.map((item) => `- ${escapeMarkdown(item)}`).join("\n");
}

function renderTable({ caption, columns, lines }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [
    `${escapeMarkdown(caption)}:`,
    "",
    line(columns.map(({ title }) => escapeMarkdown(title))),
    line(columns.map(({ numeric }) => (numeric ? "---:" : "---"))),
    ...lines.map(({ cells, strong }) =>
      line(
        cells.map((cell, column) => {
          const text = escapeMarkdown(cell);
          return strong && !columns[column].numeric ? `**${text}**` : text;
        }),
      ),
    ),
  ].join("\n");
}

/** One line of text that no Markdown or HTML of its own survives in. */
function escapeMarkdown(text: string): string {
  return oneLine(text)
    .replace(/[\\`*[\]|]/g, "\\$&")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;");
}
