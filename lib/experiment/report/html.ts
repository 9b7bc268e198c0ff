import { type ExperimentSummary, ROW_TITLES, ROWS } from "../summary.js";
import { alphaChart } from "./charts/alpha.js";
import type { Chart } from "./charts/chart.js";
import { ablationChart, gainsChart } from "./charts/gains.js";
import { helpedChart } from "./charts/helped.js";
import { modesChart } from "./charts/modes.js";
import { overviewChart } from "./charts/overview.js";
import { segmentChart } from "./charts/segments.js";
import { sizeChart } from "./charts/sizes.js";
import { interval, metricTitle, PAPER_GAIN, percent, verdict } from "./figures.js";
import { escapeHtml, figureHtml, listHtml, tableHtml, termsHtml } from "./markup.js";
import { about, findings, titleOf } from "./prose.js";
import { STYLE } from "./style.js";
import { type Draw, loadDraw } from "./svg.js";
import type { Table } from "./table.js";
import {
  costTable,
  differencesTable,
  furtherMetricsTable,
  meansTable,
  mixingTable,
  resultsTable,
} from "./tables.js";

/**
 * Experiments as one HTML document that needs nothing else: no script, no network; plots are SVG with the same figures in
 * tables beside them; light, dark and print. Names are data: markup in them is escaped.
 *
 * @throws Llama4RecError `E_DEPENDENCY` if the optional packages vega and vega-lite are not installed.
 */
export async function renderHtml(summaries: readonly ExperimentSummary[]): Promise<string> {
  const draw = await loadDraw();
  const heading =
    summaries.length === 1 ? "Llama4Rec: an experiment" : `Llama4Rec: ${summaries.length} experiments`;
  const title = summaries.length === 1 ? titleOf(summaries[0]) : heading;
  const sections: string[] = [];
  for (const [n, summary] of summaries.entries())
    sections.push(await sectionHtml(summary, `experiment-${n + 1}`, draw));
  const overview = summaries.length > 1 ? await plotsHtml([overviewChart(summaries)], "overview", draw) : "";
  const contents = summaries.map(
    ({ name }, n) => `<li><a href="#experiment-${n + 1}">${escapeHtml(name)}</a></li>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>${heading}</h1>
<p class="muted">Conventional recommenders and a language model, augmenting each other: every figure on held-out test rows
unless it says validation. Brackets hold the figures that the paper printed for a 7B model.</p>
${summaries.length > 1 ? `<nav aria-label="Experiments"><ul>${contents.join("")}</ul></nav>` : ""}
</header>
<main>
${overview}
${sections.join("\n")}
</main>
<footer>An interval that holds 0 is called not distinguishable. Intervals are of a paired bootstrap over users, 95 %.</footer>
</body>
</html>
`;
}

async function sectionHtml(summary: ExperimentSummary, id: string, draw: Draw): Promise<string> {
  const tables = [
    resultsTable(summary),
    differencesTable(summary),
    meansTable(summary),
    mixingTable(summary),
    furtherMetricsTable(summary),
  ];
  return [
    `<section id="${id}" aria-labelledby="${id}-name">`,
    `<h2 id="${id}-name">${escapeHtml(titleOf(summary))}</h2>`,
    tilesHtml(summary),
    listHtml(findings(summary)),
    "<h3>Plots</h3>",
    await plotsHtml(chartsOf(summary), id, draw),
    "<h3>Tables</h3>",
    ...tables.filter((table): table is Table => table !== null).map(tableHtml),
    "<h3>Cost</h3>",
    tableHtml(costTable(summary)),
    "<h3>About</h3>",
    termsHtml(about(summary)),
    ...(summary.notes.length === 0 ? [] : ["<h3>Notes</h3>", listHtml(summary.notes)]),
    "</section>",
  ].join("\n");
}

function chartsOf(summary: ExperimentSummary): Chart[] {
  const charts = [
    gainsChart(summary),
    ablationChart(summary),
    ...summary.segments.map((segmentation) =>
      segmentation.buckets.length === 0 ? null : segmentChart(segmentation, summary),
    ),
    ...summary.alphaCurves.map((curve) => alphaChart(curve, summary)),
    ...summary.sizeCurves.map((curve) => sizeChart(curve, summary)),
    ...ROWS.map((row) => modesChart(row, summary)),
    ...summary.helped.map(helpedChart),
  ];
  return charts.filter((chart) => chart !== null);
}

async function plotsHtml(charts: readonly Chart[], id: string, draw: Draw): Promise<string> {
  const figures: string[] = [];
  for (const [n, chart] of charts.entries())
    figures.push(figureHtml(chart, await draw(chart.spec), `${id}-plot-${n + 1}`));
  return `<div class="plots">${figures.join("\n")}</div>`;
}

/** The figures that are looked for first. */
function tilesHtml(summary: ExperimentSummary): string {
  const { gain, meanOverBackbones, controls, primary, task } = summary;
  const against = ({ gain, difference }: typeof meanOverBackbones): string[] => [
    percent(gain),
    `${verdict(difference, primary)}; ${interval(difference)}`,
  ];
  const tiles: (readonly [name: string, values: readonly string[]])[] = [
    [
      "Gain over the better of Base and IFT, all metrics",
      [percent(gain), `the paper: ${percent(PAPER_GAIN[task])}`],
    ],
    [`Gain over Base, ${metricTitle(primary)}`, against(meanOverBackbones)],
    ...ROWS.flatMap((row) => {
      const control = controls[row];
      return control === undefined ? [] : [[`Control: ${ROW_TITLES[row]}`, against(control)] as const];
    }),
  ];
  const html = tiles.map(
    ([name, values]) =>
      `<div class="tile"><dt>${escapeHtml(name)}</dt>${values.map((value) => `<dd>${escapeHtml(value)}</dd>`).join("")}</div>`,
  );
  return `<dl class="tiles">${html.join("\n")}</dl>`;
}
