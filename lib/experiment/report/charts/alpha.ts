import type { AlphaCurve, ExperimentSummary } from "../../summary.js";
import { figure, metricTitle, signed, weight } from "../figures.js";
import { alphaTable } from "../tables.js";
import { type Chart, frame } from "./chart.js";

const ROW_HEIGHT = 36;
/** Per cent of the full colour that the farthest cell gets: its figure stays readable. */
const DEEPEST = 62;

/** Heat map of the grid on validation rows; null where the grid holds the backbone alone. */
export function alphaChart(curve: AlphaCurve, summary: ExperimentSummary): Chart | null {
  // (0, 0) is the backbone alone: named in the text, no cell of the grid.
  const points = curve.points.filter(({ alpha1, alpha2 }) => alpha1 !== 0 || alpha2 !== 0);
  if (points.length === 0) return null;
  const turn = summary.primary === "rmse" ? -1 : 1;
  const farthest = Math.max(...points.map(({ value }) => Math.abs(value - curve.base)));
  const chosen = summary.rows.find(
    ({ backbone, row }) => row === "llama4rec" && backbone === curve.backbone,
  )?.mixing;
  const cells = points.map(({ alpha1, alpha2, value }) => {
    const better = turn * (value - curve.base);
    const depth = farthest > 0 ? Math.round((DEEPEST * Math.abs(better)) / farthest) : 0;
    return {
      alpha1,
      alpha2,
      text: signed(value - curve.base),
      colour: `color-mix(in srgb, var(--${better < 0 ? "worse" : "better"}) ${depth}%, var(--card))`,
      chosen: chosen?.alpha1 === alpha1 && chosen.alpha2 === alpha2,
    };
  });
  const rows = new Set(cells.map(({ alpha2 }) => alpha2)).size;
  const isChosen = cells.some((cell) => cell.chosen);
  return {
    title: `Weights on validation: ${curve.backbone}`,
    description:
      `${metricTitle(summary.primary)} on validation rows against the backbone alone (${figure(curve.base)}), ` +
      `mode ${curve.mode}, over alpha_1 and alpha_2. ${
        isChosen
          ? `Framed: what was chosen, ${weight(chosen?.alpha1)} and ${weight(chosen?.alpha2)}.`
          : "Validation chose none of these cells."
      }${turn < 0 ? " Below 0 is better." : ""}`,
    legend: [
      { label: "better than the backbone alone", colour: "var(--better)", symbol: "■" },
      { label: "worse", colour: "var(--worse)", symbol: "■" },
    ],
    spec: {
      ...frame({ left: 48, right: 12, top: 4, bottom: 44 }),
      height: rows * ROW_HEIGHT,
      data: { values: cells },
      encoding: {
        x: { field: "alpha1", type: "ordinal", axis: { title: "alpha_1", labelAngle: 0 } },
        y: { field: "alpha2", type: "ordinal", sort: "descending", axis: { title: "alpha_2" } },
      },
      layer: [
        {
          mark: { type: "rect", stroke: "var(--line)", strokeWidth: 1 },
          encoding: { fill: { field: "colour", type: "nominal", scale: null } },
        },
        {
          transform: [{ filter: "datum.chosen" }],
          mark: { type: "rect", fill: null, stroke: "var(--ink)", strokeWidth: 2.5 },
        },
        {
          mark: { type: "text", fontSize: 10.5 },
          encoding: { text: { field: "text", type: "nominal" } },
        },
      ],
    },
    tables: [alphaTable(curve, summary)],
  };
}
