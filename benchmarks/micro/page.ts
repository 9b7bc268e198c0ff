/** The benchmarks as one HTML file that needs nothing else: the report's style and plots. */

import type { TopLevelSpec } from "vega-lite";
import type { Chart } from "../../lib/experiment/report/charts/chart.js";
import { labelRoom } from "../../lib/experiment/report/charts/chart.js";
import {
  escapeHtml,
  figureHtml,
  listHtml,
  tableHtml,
  termsHtml,
} from "../../lib/experiment/report/markup.js";
import { STYLE } from "../../lib/experiment/report/style.js";
import { loadDraw } from "../../lib/experiment/report/svg.js";
import type { Table } from "../../lib/experiment/report/table.js";
import { againstText, COLUMNS, EXPLANATION, notesOf, times } from "./console.js";
import { limitTexts, type Machine, machineText } from "./machine.js";
import { type Row, reached } from "./row.js";

/** One run. */
export interface Results {
  readonly machine: Machine;
  readonly rows: readonly Row[];
}

const WIDTH = 860;

/** Plots are wider than the report's: their labels are sentences. */
const OWN_STYLE = `
figure svg { max-width: ${WIDTH}px; }
.plots { grid-template-columns: 1fr; }
`;

/** How a bar is coloured. */
const kinds = [
  { label: "goal met", colour: "var(--better)" },
  { label: "goal missed", colour: "var(--worse)" },
  { label: "no goal set", colour: "var(--series-5)" },
] as const;

/**
 * The page.
 * @throws Llama4RecError `E_DEPENDENCY` if the optional packages vega and vega-lite are not installed.
 */
export async function renderPage({ machine, rows }: Results): Promise<string> {
  const draw = await loadDraw();
  const sections = [...new Set(rows.map(({ section }) => section))];
  const figures: string[] = [];
  for (const section of sections) {
    const own = rows.filter((row) => row.section === section);
    const chart = sectionChart(section, own);
    if (chart === null) figures.push(tableHtml(rowTable(section, own)));
    else figures.push(figureHtml(chart, await draw(chart.spec), `plot-${section}`));
  }
  const notes = notesOf(rows);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>llama4rec: benchmarks</title>
<style>${STYLE}${OWN_STYLE}</style>
</head>
<body>
<header>
<h1>llama4rec: how fast, and against what</h1>
<p class="muted">${escapeHtml(machineText(machine))}</p>
</header>
<main>
${tilesHtml(rows)}
<div class="plots">${figures.join("\n")}</div>
<h3>All figures</h3>
${tableHtml(rowTable("Every row of this run", rows))}
<p class="muted">${escapeHtml(EXPLANATION)}</p>
${notes.length === 0 ? "" : `<h3>Notes</h3>${listHtml(notes)}`}
<h3>The machine and its limits, measured in this run</h3>
${termsHtml([["Machine", machineText(machine)], ...limitTexts(machine.limits).map((text) => text.split(": ") as [string, string])])}
</main>
<footer>Results are checked against float64 before anything is timed.</footer>
</body>
</html>
`;
}

/** The figures that are looked for first. */
function tilesHtml(rows: readonly Row[]): string {
  const judged = rows.filter((row) => reached(row) !== null);
  const met = judged.filter((row) => reached(row) === true).length;
  const peers = judged.filter(({ peerName, against }) => peerName !== null && peerName === against);
  const middle = peers.map(({ ratio }) => ratio ?? Number.NaN).sort((a, b) => a - b)[peers.length >> 1];
  const tiles: (readonly [name: string, value: string, more: string])[] = [
    ["Goals met", `${met} of ${judged.length}`, "rows with a goal and something to compare with"],
  ];
  if (middle !== undefined)
    tiles.push(["Against the best rival", times(middle), "median of the rows with a goal and a rival"]);
  const html = tiles.map(
    ([name, value, more]) =>
      `<div class="tile"><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd><dd>${escapeHtml(more)}</dd></div>`,
  );
  return `<dl class="tiles">${html.join("\n")}</dl>`;
}

const rowTable = (caption: string, rows: readonly Row[]): Table => ({
  caption,
  columns: COLUMNS.map(({ title, numeric }) => ({ title, numeric })),
  lines: rows.map((row) => ({ cells: COLUMNS.map(({ text }) => text(row)) })),
});

/** Bars of the ratios on a logarithmic scale, the goal as a mark; null where a section compares nothing. */
function sectionChart(section: string, rows: readonly Row[]): Chart | null {
  const points = rows.flatMap((row) => {
    if (row.ratio === null) return [];
    const met = reached(row);
    const { colour } = kinds[met === null ? 2 : met ? 0 : 1];
    const name = `${row.name} / ${againstText(row)}`;
    return [{ name, ratio: row.ratio, goal: row.goal, colour, text: times(row.ratio) }];
  });
  if (points.length === 0) return null;
  return {
    title: section,
    description:
      "How many times faster than what stands behind the slash, on a logarithmic scale; the upright mark is the goal.",
    legend: [
      ...kinds.map(({ label, colour }) => ({ label, colour, symbol: "■" })),
      { label: "goal", colour: "var(--ink)", symbol: "❙" },
    ],
    spec: ratioSpec(points),
    tables: [rowTable(section, rows)],
  };
}

interface Point {
  readonly name: string;
  readonly ratio: number;
  readonly goal: number | null;
  readonly colour: string;
  readonly text: string;
}

function ratioSpec(points: readonly Point[]): TopLevelSpec {
  const names = points.map(({ name }) => name);
  const padding = { left: labelRoom(names), right: 56, top: 6, bottom: 44 };
  const values = points.flatMap(({ ratio, goal }) => [ratio, goal ?? 1]);
  const domain = [Math.min(0.8, ...values) * 0.9, Math.max(2, ...values) * 1.1];
  const x = {
    type: "quantitative",
    scale: { type: "log", base: 2, domain, nice: false },
    axis: { title: "times faster", tickCount: 7, format: "~r" },
  } as const;
  return {
    $schema: undefined,
    width: WIDTH - padding.left - padding.right,
    padding,
    autosize: "none",
    height: { step: 26 },
    data: { values: [...points] },
    encoding: {
      y: { field: "name", type: "nominal", sort: null, axis: { title: null }, scale: { domain: names } },
    },
    layer: [
      {
        mark: { type: "rule", color: "var(--muted)" },
        encoding: { x: { ...x, datum: 1 }, y: { value: "height" }, y2: { value: 0 } },
      },
      {
        mark: { type: "bar", height: { band: 0.62 }, opacity: 0.9 },
        encoding: {
          x: { ...x, field: "ratio" },
          x2: { datum: 1 },
          fill: { field: "colour", type: "nominal", scale: null },
        },
      },
      {
        transform: [{ filter: "isValid(datum.goal)" }],
        mark: { type: "tick", thickness: 3, color: "var(--ink)", bandSize: 24 },
        encoding: { x: { ...x, field: "goal" } },
      },
      {
        mark: { type: "text", align: "left", dx: 6, fontSize: 11 },
        encoding: { x: { ...x, field: "ratio" }, text: { field: "text" } },
      },
    ],
  };
}
