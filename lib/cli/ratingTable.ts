import Table from "cli-table3";
import pc from "picocolors";
import type { RatingMetrics, RatingReport } from "../evaluation/ratingExperiment.js";
import { orderNote } from "./orderNote.js";

/** The report of the rating task as a person reads it. */
export function renderRatingReport(report: RatingReport): string {
  const { dataset, chosen, spread, timings } = report;
  const count = (value: number): string => value.toLocaleString("en");
  const lines = [
    `${pc.bold(dataset.name)}: ${count(dataset.users)} users, ${count(dataset.items)} items, ` +
      `${count(dataset.interactions)} interactions (${count(dataset.train)} for training)`,
    `rating prediction, ${report.backbone}, protocol ${report.protocol}, ${report.seeds.length} ` +
      `${report.seeds.length === 1 ? "seed" : "seeds"}, the last rating of ${count(report.users)} test users`,
  ];
  if (dataset.leftOut > 0)
    lines.push(
      pc.dim(
        `${count(dataset.leftOut)} ${dataset.leftOut === 1 ? "user" : "users"} left out: fewer than three ratings`,
      ),
    );
  if (dataset.testRowsLeftOut > 0)
    lines.push(
      pc.dim(`${count(dataset.testRowsLeftOut)} test rows left out: nobody has rated the item in training`),
    );
  lines.push(...orderNote(dataset.ordered));
  if (dataset.demonstration)
    lines.push(pc.yellow("Generated data: a demonstration of the job, no evidence for any method."));
  const { damping, lambda } = chosen;
  const rows: readonly [name: string, metrics: RatingMetrics, spread: RatingMetrics | null][] = [
    ["item mean", report.itemMean, null],
    [`biases (damping ${damping.items}, ${damping.users})`, report.biases, null],
    [`biases and factors (ridge ${lambda})`, report.factors, null],
    [report.backbone, report.base, spread],
  ];
  lines.push(
    metricsTable(rows),
    "The language side of this task is not part of this version.",
    pc.dim(
      `${report.device}, ${timings.threads} ${timings.threads === 1 ? "thread" : "threads"}, ${timings.total.toFixed(1)} s`,
    ),
  );
  return lines.join("\n");
}

/** Lower is better: the least of each column is bold. */
function metricsTable(
  rows: readonly [name: string, metrics: RatingMetrics, spread: RatingMetrics | null][],
): string {
  const colours = process.stdout.isTTY;
  const table = new Table({
    head: ["", "RMSE", "MAE"],
    colAligns: ["left", "right", "right"],
    style: { head: colours ? ["cyan"] : [], border: colours ? ["grey"] : [] },
  });
  const least = (key: keyof RatingMetrics): number => Math.min(...rows.map(([, metrics]) => metrics[key]));
  for (const [name, metrics, spread] of rows)
    table.push([
      name,
      ...(["rmse", "mae"] as const).map((key) => {
        const text = metrics[key].toFixed(4) + (spread === null ? "" : ` ±${spread[key].toFixed(4)}`);
        return metrics[key] === least(key) ? pc.bold(text) : text;
      }),
    ]);
  return table.toString();
}
