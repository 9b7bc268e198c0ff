/** How a report writes its figures, and what may be said of a difference. */

import type { Difference, ExperimentSummary, Figures } from "../summary.js";

type Primary = ExperimentSummary["primary"];

/** Written where a summary has no figure. */
export const NOTHING = "–";

/**
 * The paper's mean gain in per cent over all cells of its tables 2, 3 and 4 (7B model): over the better of Base and IFT, of ratings
 * over Base alone (over the better of both it would be 1.58).
 */
export const PAPER_GAIN: Readonly<Record<ExperimentSummary["task"], number>> = {
  direct: 14.65,
  sequential: 14.21,
  rating: 3.1,
};

/** Metrics of the paper's tables, in its order. */
export function paperMetrics(task: ExperimentSummary["task"]): readonly string[] {
  return task === "rating" ? ["rmse", "mae"] : ["hr@3", "ndcg@3", "hr@5", "ndcg@5"];
}

/** "ndcg@5" as "NDCG@5". */
export function metricTitle(metric: string): string {
  return metric.toUpperCase();
}

/** Four decimals, as in the paper. */
export function figure(value: number | null | undefined): string {
  return written(value, (finite) => finite.toFixed(4));
}

/** Four decimals with their sign. */
export function signed(value: number | null | undefined): string {
  return written(value, (finite) => withSign(finite, finite.toFixed(4)));
}

/** Signed per cent of a value that is in per cent already. */
export function percent(value: number | null | undefined): string {
  return written(value, (finite) => `${withSign(finite, finite.toFixed(2))} %`);
}

/** A share of 1 in per cent. */
export function share(value: number | null | undefined): string {
  return written(value, (finite) => `${(finite * 100).toFixed(1)} %`);
}

/** A weight or an alpha: two decimals. */
export function weight(value: number | null | undefined): string {
  return written(value, (finite) => finite.toFixed(2));
}

/** A whole number with separators. */
export function count(value: number | null | undefined): string {
  return written(value, (finite) => Math.round(finite).toLocaleString("en"));
}

/** Three decimals; "<0.001" below. */
export function pValue(value: number | null | undefined): string {
  return written(value, (finite) => (finite < 0.001 ? "<0.001" : finite.toFixed(3)));
}

/** "+0.0003 to +0.0040". */
export function interval(difference: Difference | null): string {
  return difference === null ? NOTHING : `${signed(difference.low)} to ${signed(difference.high)}`;
}

/** "0.0588 ±0.0012 (0.0608)": mean, spread over seeds where there are several, the paper's figure where it has one. */
export function metricCell(
  metric: string,
  row: { readonly metrics: Figures; readonly spread: Figures | null; readonly paper: Figures | null },
): string {
  const spread = row.spread?.[metric];
  const paper = row.paper?.[metric];
  return (
    figure(row.metrics[metric]) +
    (spread === undefined ? "" : ` ±${figure(spread)}`) +
    (paper === undefined ? "" : ` (${figure(paper)})`)
  );
}

/** The difference turned so that above 0 is better, whatever the metric. */
export function improvement(difference: Difference, primary: Primary): Difference {
  if (primary !== "rmse") return difference;
  const { mean, low, high } = difference;
  return { ...difference, mean: -mean, low: -high, high: -low };
}

/** Level of the tests. */
const LEVEL = 0.05;

/** What a difference allows to be said: an interval that holds 0 tells neither better nor worse. */
export function verdict(difference: Difference | null, primary: Primary): string {
  if (difference === null) return NOTHING;
  const { low, high, holm } = improvement(difference, primary);
  if (!(low > 0 || high < 0)) return "not distinguishable";
  const direction = low > 0 ? "better" : "worse";
  return holm !== null && holm >= LEVEL ? `${direction}, not after Holm's correction` : direction;
}

function written(value: number | null | undefined, write: (finite: number) => string): string {
  return value === null || value === undefined || !Number.isFinite(value) ? NOTHING : write(value);
}

/** Zero after rounding has no sign. */
function withSign(value: number, text: string): string {
  if (Number(text) === 0) return text.replace("-", "");
  return value > 0 ? `+${text}` : text;
}
