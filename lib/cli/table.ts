import Table from "cli-table3";
import pc from "picocolors";
import type { ExperimentReport } from "../evaluation/report.js";
import { CUTOFFS, type RankingMetrics } from "../metrics/ranking.js";

const columns = CUTOFFS.flatMap((k) => [`hr@${k}`, `ndcg@${k}`] as const);

/** The report as a person reads it. */
export function renderReport(report: ExperimentReport): string {
  const { dataset } = report;
  const count = (value: number): string => value.toLocaleString("en");
  const head = [
    `${pc.bold(dataset.name)}: ${count(dataset.users)} users, ${count(dataset.items)} items, ` +
      `${count(dataset.interactions)} interactions (${count(dataset.train)} for training)`,
    `${report.task} recommendation, ${report.backbone}, protocol ${report.protocol}, ` +
      `${report.seeds.length} ${report.seeds.length === 1 ? "seed" : "seeds"}, ${count(report.users)} test users, full ranking, ` +
      `${report.masking === "seen" ? "known items masked" : "nothing masked"}`,
  ];
  if (dataset.leftOut > 0)
    head.push(
      pc.dim(
        `${count(dataset.leftOut)} ${dataset.leftOut === 1 ? "user" : "users"} left out: fewer than three eligible items`,
      ),
    );
  const { shortHistory, unseenItem } = dataset.testRowsLeftOut;
  if (shortHistory + unseenItem > 0)
    head.push(
      pc.dim(
        `${count(shortHistory + unseenItem)} test rows left out: ${count(unseenItem)} whose item nobody has in training, ` +
          `${count(shortHistory)} with too short a history`,
      ),
    );
  if (dataset.demonstration)
    head.push(pc.yellow("Generated data: a demonstration of the job, no evidence for any method."));
  return [...head, metricsTable(report), ...closingLines(report)].join("\n");
}

function metricsTable(report: ExperimentReport): string {
  const rows: [name: string, metrics: RankingMetrics | null, spread: RankingMetrics | null][] = [
    ["popularity", report.popularity, null],
    [`EASE (lambda ${report.chosen.easeLambda})`, report.ease, null],
    [recencyName(report), report.recencyEase, null],
    [`${report.backbone} (base)`, report.base, report.spread?.base ?? null],
    [
      `${report.backbone} + LLM's ${report.languageModel?.augmentation.writes}`,
      report.augmented,
      report.spread?.augmented ?? null,
    ],
    ["LLM's order alone", report.llm, report.spread?.llm ?? null],
    ["Llama4Rec (mixed)", report.llama4rec, report.spread?.llama4rec ?? null],
  ];
  const present = rows.filter(([, metrics]) => metrics !== null);
  const best = Object.fromEntries(
    columns.map((column) => [column, Math.max(...present.map(([, metrics]) => metrics?.[column] ?? 0))]),
  );
  const table = new Table({
    head: ["", ...columns.map((column) => column.toUpperCase())],
    colAligns: ["left", ...columns.map(() => "right" as const)],
    style: { head: process.stdout.isTTY ? ["cyan"] : [], border: process.stdout.isTTY ? ["grey"] : [] },
  });
  for (const [name, metrics, spread] of present) {
    table.push([
      name,
      ...columns.map((column) => {
        const value = metrics?.[column] ?? 0;
        const text = value.toFixed(4) + (spread === null ? "" : ` ±${spread[column].toFixed(4)}`);
        return value === best[column] ? pc.bold(text) : text;
      }),
    ]);
  }
  return table.toString();
}

function recencyName({ chosen: { recencyEase } }: ExperimentReport): string {
  return recencyEase === null ? "" : `EASE (lambda ${recencyEase.lambda}, recency ${recencyEase.recency})`;
}

function closingLines(report: ExperimentReport): string[] {
  const { alpha, languageModel, timings } = report;
  const lines: string[] = [];
  if (languageModel === null) {
    lines.push(
      "The language side is off: no GGUF was given (--llm file.gguf), so the last three rows are missing.",
    );
  } else {
    const { augmentation, lists } = languageModel;
    lines.push(
      `${languageModel.name}: answered ${augmentation.answered} of ${augmentation.asked} questions for ${augmentation.writes}, ` +
        `${augmentation.used} used, and ${lists.answered} of ${lists.asked} candidate lists`,
    );
  }
  if (alpha !== null)
    lines.push(
      alpha.mode === null
        ? "alpha: validation preferred the backbone alone"
        : `alpha: ${alpha.alpha1} x max(long-tail, ${alpha.alpha2}) by ${alpha.mode}; over the test users ` +
            `${alpha.weights.min.toFixed(2)} to ${alpha.weights.max.toFixed(2)}, mean ${alpha.weights.mean.toFixed(2)}`,
    );
  lines.push(
    pc.dim(
      `${report.device}, ${timings.threads} ${timings.threads === 1 ? "thread" : "threads"}, ${timings.total.toFixed(1)} s` +
        `, training ${timings.interactionsPerSecond.toLocaleString("en")} interactions/s`,
    ),
  );
  return lines;
}
