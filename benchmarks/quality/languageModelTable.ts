import Table from "cli-table3";
import type { SetMetrics } from "./candidateRivals.js";
import type { ColdItemReport } from "./coldItems.js";
import type { LanguageModelReport } from "./languageModel.js";
import type { CandidateMetrics } from "./sampledCandidates.js";

const decimals = (value: number): string => value.toFixed(3).replace(/^0/, "");
const figures = (metrics: CandidateMetrics): string[] =>
  [metrics["hr@3"], metrics["ndcg@3"], metrics.auc].map(decimals);
const seconds = ({ timings }: { timings: LanguageModelReport["timings"] }): string =>
  [...Object.entries(timings.stages), ["in all", timings.total] as const]
    .map(([stage, time]) => `${stage} ${time.toFixed(1)} s`)
    .join(", ");

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const made = new Table({
    head: [...head],
    colAligns: head.map((_, column) => (column === 0 ? "left" : "right")),
    style: { head: [], border: [] },
  });
  for (const row of rows) made.push([...row]);
  return made.toString();
}

/** The report of `language-model` as a person reads it. */
export function renderLanguageModel(report: LanguageModelReport): string {
  const { chosenMode, fused, pairwise, pairConsistency } = report;
  const { ratings: ratingRivals, ...rivals } = report.rivals;
  const row = (name: string, { uniform, popularity }: SetMetrics): string[] => [
    name,
    ...figures(uniform),
    ...figures(popularity),
  ];
  const ranking = [
    ...Object.entries(report.modes).map(([mode, metrics]) =>
      row(`language model, ${mode}${mode === chosenMode ? " (default)" : ""}`, metrics),
    ),
    ...Object.entries(rivals).map(([name, rival]) => row(`${name} (${rival.about})`, rival)),
    ...(fused === null ? [] : [row(`${fused.rival} + language model, sum of ranks`, fused)]),
  ];
  const ratings = [
    ...(report.rmse === null || report.mae === null
      ? []
      : [["language model", decimals(report.rmse), decimals(report.mae)]]),
    ...Object.entries(ratingRivals ?? {}).map(([name, { rmse, mae }]) => [
      name,
      decimals(rmse),
      decimals(mae),
    ]),
  ];
  const unanswered = Object.entries(report.unanswered).filter(([, count]) => count > 0);
  const candidates = `held-out item among 1 + ${report.negatives}`;
  return [
    `${report.model}: ${report.parameters.toLocaleString("en")} parameters, ${report.dataset}, ${report.users} users`,
    table(
      [candidates, ...["HR@3 uniform", "NDCG@3", "AUC"], ...["HR@3 popularity-sampled", "NDCG@3", "AUC"]],
      ranking,
    ),
    ...(ratings.length === 0 ? [] : [table(["rating of the held-out item", "RMSE", "MAE"], ratings)]),
    ...(pairwise === null || pairConsistency === null
      ? []
      : [
          `pairs, both orders averaged: ${decimals(pairwise.uniform)} uniform, ${decimals(pairwise.popularity)} ` +
            `popularity-sampled; both orders agree in ${decimals(pairConsistency.uniform)} and ` +
            `${decimals(pairConsistency.popularity)}`,
        ]),
    ...(unanswered.length === 0
      ? []
      : [`without an answer: ${unanswered.map(([what, count]) => `${what} ${count}`).join(", ")}`]),
    "Sampled figures check the language model only; recommendation quality is always full ranking.",
    seconds(report),
  ].join("\n");
}

/** The report of `cold-items` as a person reads it. */
export function renderColdItems(report: ColdItemReport): string {
  const { rivals, languageModel, unanswered } = report;
  return [
    `${report.model}: ${report.parameters.toLocaleString("en")} parameters; ${report.coldItems} items of the generated ` +
      `shop taken out of all histories, ${report.rows} rows among 1 + ${report.negatives}`,
    table(
      ["cold items", "HR@3", "NDCG@3", "AUC"],
      [
        ["language model, likelihood", ...figures(languageModel)],
        ["word overlap with the history", ...figures(rivals.wordOverlap)],
        ["random", decimals(rivals.random["hr@3"]), "", ""],
      ],
    ),
    ...(unanswered === 0 ? [] : [`without an answer: ${unanswered}`]),
    seconds(report),
  ].join("\n");
}
