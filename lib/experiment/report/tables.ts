/** Every table of a report, the same in Markdown and HTML. */

import {
  type AlphaCurve,
  type ExperimentSummary,
  type Figures,
  type HelpedUsers,
  ROW_TITLES,
  ROWS,
  type Segmentation,
  type SizeCurve,
} from "../summary.js";
import {
  count,
  figure,
  interval,
  metricCell,
  metricTitle,
  NOTHING,
  PAPER_GAIN,
  paperMetrics,
  percent,
  pValue,
  share,
  signed,
  verdict,
  weight,
} from "./figures.js";
import { columns, type Line, type Table } from "./table.js";

/** The paper's table beside its figures. */
export function resultsTable(summary: ExperimentSummary): Table {
  const metrics = paperMetrics(summary.task);
  return {
    caption: `Mean over seeds${summary.seeds.length > 1 ? " ±standard deviation" : ""}, in brackets the paper's figure (7B model); gain over Base in ${metricTitle(summary.primary)}`,
    columns: columns(["Backbone", "Row"], [...metrics.map(metricTitle), "Gain"]),
    lines: summary.rows.map((row) => ({
      strong: row.row === "llama4rec",
      cells: [
        row.backbone,
        ROW_TITLES[row.row],
        ...metrics.map((metric) => metricCell(metric, row)),
        percent(row.gain),
      ],
    })),
  };
}

/** Every row against Base; null where no difference was tested. */
export function differencesTable(summary: ExperimentSummary): Table | null {
  const tested = summary.rows.filter(({ difference }) => difference !== null);
  if (tested.length === 0) return null;
  return {
    caption: `Difference to Base in ${metricTitle(summary.primary)}${summary.primary === "rmse" ? " (below 0 is better)" : ""}, paired bootstrap over users`,
    columns: [
      ...columns(["Backbone", "Row"], ["Gain", "Difference", "95 % interval", "p", "p (Holm)"]),
      { title: "Against Base" },
    ],
    lines: tested.map(({ backbone, row, gain, difference }) => ({
      strong: row === "llama4rec",
      cells: [
        backbone,
        ROW_TITLES[row],
        percent(gain),
        signed(difference?.mean),
        interval(difference),
        pValue(difference?.p),
        pValue(difference?.holm),
        verdict(difference, summary.primary),
      ],
    })),
  };
}

/** Metrics that the paper does not print; null where there are none. */
export function furtherMetricsTable(summary: ExperimentSummary): Table | null {
  const further = metricsOf(summary.task, summary.rows).slice(paperMetrics(summary.task).length);
  if (further.length === 0) return null;
  return {
    caption: "Metrics that the paper does not print",
    columns: columns(["Backbone", "Row"], further.map(metricTitle)),
    lines: summary.rows.map((row) => ({
      strong: row.row === "llama4rec",
      cells: [
        row.backbone,
        ROW_TITLES[row.row],
        ...further.map((metric) => metricCell(metric, { ...row, paper: null })),
      ],
    })),
  };
}

/** What validation chose, and how many lists it changed; null where nothing was mixed. */
export function mixingTable(summary: ExperimentSummary): Table | null {
  const mixed = summary.rows.filter(({ mixing, changed }) => mixing !== null || changed !== null);
  if (mixed.length === 0) return null;
  return {
    caption: `Chosen on validation rows of all seeds together; changed: ${summary.task === "rating" ? "predictions moved by more than 0.05" : "test lists in another order than the row's own backbone gives"}`,
    columns: [
      ...columns(["Backbone", "Row", "Mode", "Form"], ["alpha_1", "alpha_2"]),
      ...columns([], ["Smallest weight", "Mean weight", "Largest weight", "Changed"]),
    ],
    lines: mixed.map(({ backbone, row, mixing, changed }) => ({
      strong: row === "llama4rec",
      cells: [
        backbone,
        ROW_TITLES[row],
        mixing === null ? NOTHING : (mixing.mode ?? "backbone alone"),
        mixing?.form ?? NOTHING,
        weight(mixing?.alpha1),
        weight(mixing?.alpha2),
        weight(mixing?.weights.min),
        weight(mixing?.weights.mean),
        weight(mixing?.weights.max),
        share(changed),
      ],
    })),
  };
}

/** Ours beside the paper's, then the controls. */
export function meansTable(summary: ExperimentSummary): Table {
  const primary = metricTitle(summary.primary);
  const { meanOverBackbones, controls } = summary;
  const against = (title: string, mean: ExperimentSummary["meanOverBackbones"], strong = false): Line => ({
    strong,
    cells: [
      title,
      percent(mean.gain),
      NOTHING,
      signed(mean.difference.mean),
      interval(mean.difference),
      pValue(mean.difference.p),
      verdict(mean.difference, summary.primary),
    ],
  });
  return {
    caption: "Means over the backbones",
    columns: [
      { title: "Mean" },
      ...columns([], ["Gain", "Paper's (7B model)", "Difference", "95 % interval", "p"]),
      { title: "Against Base" },
    ],
    lines: [
      {
        strong: true,
        cells: [
          "Llama4Rec over the better of Base and IFT, all metrics",
          percent(summary.gain),
          percent(PAPER_GAIN[summary.task]),
          ...Array<string>(4).fill(NOTHING),
        ],
      },
      against(`Llama4Rec over Base, ${primary}`, meanOverBackbones, true),
      ...ROWS.flatMap((row) => {
        const control = controls[row];
        return control === undefined ? [] : [against(`${ROW_TITLES[row]} over Base, ${primary}`, control)];
      }),
    ],
  };
}

/** Users or items by how much is known of them. */
export function segmentTable(segmentation: Segmentation, summary: ExperimentSummary): Table {
  const primary = metricTitle(summary.primary);
  return {
    caption:
      segmentation.by === "activity"
        ? "Test users by their interactions, seeds and backbones pooled"
        : "Test rows by the popularity of the item to be found, seeds and backbones pooled",
    columns: [
      ...columns(
        ["Bucket"],
        ["Rows", `Base ${primary}`, `Llama4Rec ${primary}`, "Difference", "95 % interval", "p"],
      ),
      { title: "Against Base" },
    ],
    lines: segmentation.buckets.map(({ label, rows, base, ours, difference }) => ({
      cells: [
        label,
        count(rows),
        figure(base),
        figure(ours),
        signed(difference.mean),
        interval(difference),
        pValue(difference.p),
        verdict(difference, summary.primary),
      ],
    })),
  };
}

/** The grid of alpha_1 and alpha_2 on validation rows. */
export function alphaTable(curve: AlphaCurve, summary: ExperimentSummary): Table {
  return {
    caption: `${curve.backbone}, mode ${curve.mode}: ${metricTitle(summary.primary)} on validation rows; the backbone alone ${figure(curve.base)}`,
    columns: columns([], ["alpha_1", "alpha_2", metricTitle(summary.primary), "Against the backbone"]),
    lines: curve.points.map(({ alpha1, alpha2, value }) => ({
      cells: [weight(alpha1), weight(alpha2), figure(value), signed(value - curve.base)],
    })),
  };
}

/** Primary metric by size. */
export function sizeTable(curve: SizeCurve, summary: ExperimentSummary): Table {
  return {
    caption: `${metricTitle(summary.primary)} without prompt augmentation by ${curve.by} of the language model; Base ${figure(curve.base)}`,
    columns: columns(["Point"], [curve.by, metricTitle(summary.primary)]),
    lines: curve.points.map(({ label, size, value }) => ({ cells: [label, count(size), figure(value)] })),
  };
}

/** The language model's order alone, by the way it is asked. */
export function modesTable(summary: ExperimentSummary): Table {
  const metrics = metricsOf(summary.task, summary.modes);
  return {
    caption: `The language model ${summary.task === "rating" ? "alone" : "alone: its order of the candidates"}, over all validation rows`,
    columns: columns(["Backbone", "Row", "Mode"], ["Asked", "Answered", ...metrics.map(metricTitle)]),
    lines: summary.modes.map(({ backbone, row, mode, asked, answered, metrics: figures }) => ({
      cells: [
        backbone,
        ROW_TITLES[row],
        mode,
        count(asked),
        count(answered),
        ...metrics.map((metric) => figure(figures[metric])),
      ],
    })),
  };
}

/** Whom the language model helps. */
export function helpedTable(helped: HelpedUsers): Table {
  return {
    caption: `${helped.backbone}: test rows by the learned weight${helped.fallback ? "; held-out folds showed no gain, so the backbone's list stayed" : ""}`,
    columns: columns(["Bucket"], ["Rows", "Improved", "Worsened", "Mean alpha"]),
    lines: helped.buckets.map(({ label, rows, improved, worsened, alpha }) => ({
      cells: [label, count(rows), count(improved), count(worsened), weight(alpha)],
    })),
  };
}

/** What the experiment cost. */
export function costTable({ cost }: ExperimentSummary): Table {
  const line = (title: string, value: string): Line => ({ cells: [title, value] });
  return {
    caption: "Cost",
    columns: columns(["What"], ["Figure"]),
    lines: [
      line("Prompts", count(cost.prompts)),
      line("Answered", count(cost.answered)),
      line("Answers from the cache", count(cost.cacheHits)),
      line("Tokens evaluated", count(cost.evaluatedTokens)),
      line("Tokens reused", count(cost.reusedTokens)),
      line("Training", `${count(cost.trainingSeconds)} s`),
      line("Asking", `${count(cost.askingSeconds)} s`),
      ...Object.entries(cost.faults).map(([reason, times]) => line(`No answer: ${reason}`, count(times))),
    ],
  };
}

/** The paper's metrics, then whatever else the rows have figures of. */
function metricsOf(
  task: ExperimentSummary["task"],
  rows: readonly { readonly metrics: Figures }[],
): string[] {
  return [...new Set([...paperMetrics(task), ...rows.flatMap(({ metrics }) => Object.keys(metrics))])];
}
