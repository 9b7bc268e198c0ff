import { type ExperimentSummary, ROW_TITLES, type RowName } from "../../summary.js";
import { metricTitle } from "../figures.js";
import { modesTable } from "../tables.js";
import { type Chart, frame, labelRoom, shortLabel } from "./chart.js";
import { series } from "./series.js";

const LINE_HEIGHT = 13;

/** The language model alone by the way it is asked, for one row of the table; null where it has no figures. */
export function modesChart(row: RowName, summary: ExperimentSummary): Chart | null {
  const { primary, modes } = summary;
  const metric = metricTitle(primary);
  const ofRow = modes.filter((mode) => mode.row === row && Number.isFinite(mode.metrics[primary]));
  if (ofRow.length === 0) return null;
  const backbones = [...new Set(ofRow.map(({ backbone }) => backbone))];
  const points = ofRow.map(({ backbone, mode, metrics }) => {
    const { colour, shape } = series(backbones.indexOf(backbone));
    return { mode: shortLabel(mode), backbone, value: metrics[primary], colour, shape };
  });
  const names = [...new Set(points.map(({ mode }) => mode))];
  const rating = primary === "rmse";
  return {
    title: `Ways of asking: ${ROW_TITLES[row]}`,
    description: `${metric} of ${rating ? "the language model" : "the language model's order"} alone over all validation rows, by backbone.${
      rating ? " Left is better." : " Right is better."
    }`,
    legend: backbones.map((backbone, n) => ({ label: backbone, ...series(n) })),
    spec: {
      ...frame({ left: labelRoom(names), right: 20, top: 4, bottom: 44 }),
      height: { step: LINE_HEIGHT },
      data: { values: points },
      mark: { type: "point", filled: true, size: 56, opacity: 1 },
      encoding: {
        y: {
          field: "mode",
          type: "nominal",
          sort: null,
          scale: { domain: names, paddingInner: 0.15, paddingOuter: 0.1 },
          axis: { title: null, grid: true, tickBand: "extent" },
        },
        yOffset: { field: "backbone", type: "nominal", sort: null, scale: { domain: backbones } },
        x: {
          field: "value",
          type: "quantitative",
          scale: { zero: false, padding: 12 },
          axis: { title: metric, tickCount: 5 },
        },
        fill: { field: "colour", type: "nominal", scale: null },
        shape: { field: "shape", type: "nominal", scale: null },
      },
    },
    tables: [modesTable({ ...summary, modes: modes.filter((mode) => mode.row === row) })],
  };
}
