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
import { COLUMNS, EXPLANATION, notesOf, times } from "./console.js";
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

const TITLES: Readonly<Record<string, string>> = {
  topk: "Exact top-k by inner product, 64 dimensions",
  lookup: "Embedding lookup, 1M x 64",
  encoder: "SASRec, history of 50 items to top-10",
  training: "Training",
  "language-model": "Language model",
  calls: "Calls and start",
};

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
  const points = rows.flatMap(({ name, against, ...row }): Point[] => {
    if (row.ratio === null) return [];
    const met = reached({ name, against, ...row });
    const { colour } = kinds[met === null ? 2 : met ? 0 : 1];
    const { ratio, goal } = row;
    const end = Math.max(1, ratio, goal ?? 1);
    return [
      { key: name + SEPARATOR + against, ratio, goal, end, colour, text: `${times(ratio)} ${against}` },
    ];
  });
  if (points.length === 0) return null;
  return {
    title: TITLES[section] ?? section,
    description:
      "How many times faster than the best rival or the limit named beside the bar, on a logarithmic scale; 1 is as fast, the upright mark the goal.",
    legend: [
      ...kinds.map(({ label, colour }) => ({ label, colour, symbol: "■" })),
      { label: "goal", colour: "var(--ink)", symbol: "❙" },
    ],
    spec: ratioSpec(points),
    tables: [rowTable(section, rows)],
  };
}

interface Point {
  /** The name, made unique. */
  readonly key: string;
  readonly ratio: number;
  readonly goal: number | null;
  /** Where the text stands. */
  readonly end: number;
  readonly colour: string;
  readonly text: string;
}

/** Between what is shown of a key and what makes it unique. */
const SEPARATOR = " | ";
/** Bars end here at the latest: what is further off is told by its figure. */
const LEAST = 1 / 16;
const MOST = 64;
const TICKS = [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16, 32, 64];

function ratioSpec(points: readonly Point[]): TopLevelSpec {
  const keys = points.map(({ key }) => key);
  const padding = {
    left: labelRoom(keys.map((key) => key.split(SEPARATOR)[0])),
    right: labelRoom(points.map(({ text }) => text)),
    top: 6,
    bottom: 44,
  };
  const ends = points.flatMap(({ ratio, end }) => [ratio, end]);
  const domain = [Math.max(LEAST, Math.min(0.8, ...ends) * 0.9), Math.min(MOST, Math.max(2, ...ends) * 1.05)];
  const x = {
    type: "quantitative",
    scale: { type: "log", base: 2, domain, nice: false, clamp: true },
    axis: {
      title: "times faster",
      values: TICKS.filter((tick) => tick >= domain[0] && tick <= domain[1]),
      format: "~r",
    },
  } as const;
  const name = { title: null, labelExpr: `split(datum.label, "${SEPARATOR}")[0]` };
  return {
    $schema: undefined,
    width: WIDTH - padding.left - padding.right,
    padding,
    autosize: "none",
    height: { step: 26 },
    data: { values: [...points] },
    encoding: { y: { field: "key", type: "nominal", sort: null, axis: name, scale: { domain: keys } } },
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
        mark: { type: "text", align: "left", dx: 8, fontSize: 11 },
        encoding: { x: { ...x, field: "end" }, text: { field: "text" } },
      },
    ],
  };
}
