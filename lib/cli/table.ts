import Table from "cli-table3";
import pc from "picocolors";
import type { ExperimentReport, RankerMetrics } from "../evaluation/report.js";
import { CUTOFFS, type RankingMetrics } from "../metrics/ranking.js";
import { orderNote } from "./orderNote.js";

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
  head.push(...orderNote(dataset.ordered));
  if (dataset.demonstration)
    head.push(pc.yellow("Generated data: a demonstration of the job, no evidence for any method."));
  return [...head, metricsTable(report), ...segmentsTable(report), ...closingLines(report)].join("\n");
}

/** Names of the rankers that the report has figures of, in the order of the table. */
function rankersOf(report: ExperimentReport): [key: keyof RankerMetrics, name: string][] {
  const { backbone, chosen, languageModel } = report;
  const { easeLambda, recencyEase } = chosen;
  const rows: [key: keyof RankerMetrics, name: string][] = [
    ["popularity", "popularity"],
    ["ease", `EASE (lambda ${easeLambda})`],
    ["recencyEase", `EASE (lambda ${recencyEase?.lambda}, recency ${recencyEase?.recency})`],
    ["base", `${backbone} (base)`],
    ["augmented", `${backbone} + LLM's ${languageModel?.augmentation.writes}`],
    ["llm", "LLM's order alone"],
    ["llama4rec", "Llama4Rec (mixed)"],
  ];
  return rows.filter(([key]) => report[key] !== null);
}

/** A table of metrics, the best of each column bold. */
function table(
  head: readonly string[],
  rows: readonly { name: string; values: readonly number[]; spread?: readonly number[] }[],
): string {
  const colours = process.stdout.isTTY;
  const drawn = new Table({
    head: ["", ...head],
    colAligns: ["left", ...head.map(() => "right" as const)],
    style: { head: colours ? ["cyan"] : [], border: colours ? ["grey"] : [] },
  });
  const best = head.map((_, column) => Math.max(...rows.map(({ values }) => values[column])));
  for (const { name, values, spread } of rows)
    drawn.push([
      name,
      ...values.map((value, column) => {
        const text = value.toFixed(4) + (spread ? ` ±${spread[column].toFixed(4)}` : "");
        return value === best[column] ? pc.bold(text) : text;
      }),
    ]);
  return drawn.toString();
}

function metricsTable(report: ExperimentReport): string {
  const valuesOf = (metrics: RankingMetrics | null | undefined): number[] =>
    columns.map((column) => metrics?.[column] ?? 0);
  const spreads: Partial<RankerMetrics> = report.spread ?? {};
  return table(
    columns.map((column) => column.toUpperCase()),
    rankersOf(report).map(([key, name]) => ({
      name,
      values: valuesOf(report[key]),
      spread: spreads[key] ? valuesOf(spreads[key]) : undefined,
    })),
  );
}

/** The figures at 5 for all users and for tail and head apart; nothing where all are tail. */
function segmentsTable(report: ExperimentReport): string[] {
  const { cut, tail, head } = report.segments;
  if (head === null) return [];
  const parts = [report, tail, head];
  const count = (value: number): string => value.toLocaleString("en");
  return [
    `tail: the ${count(tail.users)} test users with at most ${cut} training interactions (the median); ` +
      `head: the other ${count(head.users)}`,
    table(
      ["all", "tail", "head"].flatMap((part) => [`${part} HR@5`, "NDCG@5"]),
      rankersOf(report).map(([key, name]) => ({
        name,
        values: parts.flatMap((part) => [part[key]?.["hr@5"] ?? 0, part[key]?.["ndcg@5"] ?? 0]),
      })),
    ),
  ];
}

function closingLines(report: ExperimentReport): string[] {
  const { alpha, languageModel, timings } = report;
  const lines: string[] = [];
  if (languageModel === null) {
    lines.push("The language side is off (--llm file.gguf turns it on), so the last three rows are missing.");
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
