import type { ExperimentSummary, Segmentation } from "../../summary.js";
import { count, improvement } from "../figures.js";
import { segmentTable } from "../tables.js";
import type { Chart } from "./chart.js";
import { axisTitle } from "./gains.js";
import { intervalSpec } from "./intervals.js";
import { rowSeries } from "./series.js";

/** Difference of Llama4Rec to Base by bucket, from the fewest interactions to the most. */
export function segmentChart(segmentation: Segmentation, summary: ExperimentSummary): Chart {
  const { colour, shape } = rowSeries("llama4rec");
  const byActivity = segmentation.by === "activity";
  return {
    title: byActivity ? "By the user's activity" : "By the item's popularity",
    description:
      `Llama4Rec against Base, ${byActivity ? "users with few interactions above, with many below" : "rare items above, popular ones below"}; ` +
      "lines are 95 % intervals over users, the figure at the right counts test rows (all seeds and backbones).",
    legend: [],
    spec: intervalSpec(
      segmentation.buckets.map(({ label, rows, difference }) => {
        const { mean, low, high } = improvement(difference, summary.primary);
        return { group: label, series: "", mean, low, high, text: `n ${count(rows)}`, colour, shape };
      }),
      axisTitle(summary),
    ),
    tables: [segmentTable(segmentation, summary)],
  };
}
