import type { ExperimentSummary } from "../../summary.js";
import { interval, metricTitle, PAPER_GAIN, percent, verdict } from "../figures.js";
import type { Table } from "../table.js";
import { columns } from "../table.js";
import { type Chart, frame, labelRoom, shortLabel } from "./chart.js";
import { rowSeries } from "./series.js";

/** Mean gain of every experiment beside the paper's. */
export function overviewChart(summaries: readonly ExperimentSummary[]): Chart {
  const { colour } = rowSeries("llama4rec");
  const points = summaries.map(({ name, gain, task }) => ({
    name: shortLabel(name),
    gain,
    paper: PAPER_GAIN[task],
    text: percent(gain),
  }));
  const names = [...new Set(points.map(({ name }) => name))];
  const x = { type: "quantitative", scale: { zero: true } } as const;
  return {
    title: "Mean gain beside the paper's",
    description:
      "Mean over backbones and metrics of the gain over the better of Base and IFT, in per cent; the paper's is with a 7B model.",
    legend: [
      { label: "ours", colour, symbol: "■" },
      { label: "the paper", colour: "var(--ink)", symbol: "❙" },
    ],
    spec: {
      ...frame({ left: labelRoom(names), right: 20, top: 4, bottom: 44 }),
      height: { step: 28 },
      data: { values: points },
      encoding: {
        y: { field: "name", type: "nominal", sort: null, scale: { domain: names }, axis: { title: null } },
      },
      layer: [
        {
          mark: { type: "bar", height: { band: 0.6 }, fill: colour, opacity: 0.85 },
          encoding: { x: { ...x, field: "gain", axis: { title: "gain, per cent", tickCount: 6 } } },
        },
        {
          mark: { type: "tick", thickness: 3, color: "var(--ink)", bandSize: 22 },
          encoding: { x: { ...x, field: "paper", axis: { title: "gain, per cent", tickCount: 6 } } },
        },
      ],
    },
    tables: [overviewTable(summaries)],
  };
}

/** One line an experiment. */
export function overviewTable(summaries: readonly ExperimentSummary[]): Table {
  return {
    caption: "Means over the backbones",
    columns: [
      ...columns(
        ["Experiment", "Data", "Task"],
        ["Gain", "Paper's (7B model)", "Over Base", "95 % interval"],
      ),
      { title: "Against Base" },
    ],
    lines: summaries.map(({ name, dataset, task, gain, primary, meanOverBackbones }) => ({
      cells: [
        name,
        dataset.name,
        task,
        percent(gain),
        percent(PAPER_GAIN[task]),
        `${percent(meanOverBackbones.gain)} (${metricTitle(primary)})`,
        interval(meanOverBackbones.difference),
        verdict(meanOverBackbones.difference, primary),
      ],
    })),
  };
}
