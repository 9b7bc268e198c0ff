import type { ExperimentSummary, SizeCurve } from "../../summary.js";
import { metricTitle } from "../figures.js";
import { sizeTable } from "../tables.js";
import { type Chart, frame, shortLabel } from "./chart.js";
import { rowSeries } from "./series.js";

const HEIGHT = 190;
const PADDING = { left: 62, right: 30, top: 8, bottom: 52 };

/** Primary metric over a size on a logarithmic axis; null without points. */
export function sizeChart(curve: SizeCurve, summary: ExperimentSummary): Chart | null {
  if (curve.points.length === 0) return null;
  const metric = metricTitle(summary.primary);
  const points = [...curve.points]
    .sort((a, b) => a.size - b.size)
    .map((point) => ({ ...point, label: shortLabel(point.label) }));
  const { colour } = rowSeries("without-prompt");
  return {
    title: `By the number of ${curve.by}`,
    description: `${metric} without prompt augmentation by ${curve.by} of the language model; dashed: Base alone. The axis of sizes is logarithmic.${
      summary.primary === "rmse" ? " Lower is better." : ""
    }`,
    legend: [],
    spec: {
      ...frame(PADDING),
      height: HEIGHT,
      data: { values: points },
      encoding: {
        x: {
          field: "size",
          type: "quantitative",
          scale: { type: points[0].size > 0 ? "log" : "symlog", nice: false, padding: 24 },
          axis: { title: curve.by, labels: false, ticks: false, grid: false, titlePadding: 24 },
        },
      },
      layer: [
        {
          mark: { type: "rule", stroke: rowSeries("base").colour, strokeDash: [4, 3] },
          encoding: {
            x: { value: 0 },
            x2: { value: "width" },
            y: { datum: curve.base, type: "quantitative" },
          },
        },
        {
          mark: { type: "line", stroke: colour, strokeWidth: 2, point: false },
          encoding: { y: { field: "value", type: "quantitative" } },
        },
        {
          mark: { type: "point", filled: true, size: 60, fill: colour, opacity: 1 },
          encoding: {
            y: {
              field: "value",
              type: "quantitative",
              scale: { zero: false, padding: 10 },
              axis: { title: metric, tickCount: 5 },
            },
          },
        },
        {
          mark: { type: "text", baseline: "top" },
          encoding: { y: { value: HEIGHT + 7 }, text: { field: "label", type: "nominal" } },
        },
      ],
    },
    tables: [sizeTable(curve, summary)],
  };
}
