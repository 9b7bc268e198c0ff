import Table from "cli-table3";
import pc from "picocolors";
import { bestFirst } from "../search/index.js";
import { orderNote } from "./orderNote.js";
import type { SearchReport } from "./search.js";

/** Trials that the table shows. */
const shown = 10;

/** The best trials of a search as a person reads them. */
export function renderTrials(report: SearchReport): string {
  const { dataset, ordered, task, backbone, protocol, masking, metric, users, seed } = report;
  const { best, space, rungs, trials, seconds, file, out } = report;
  const names = Object.keys(space);
  const colours = process.stdout.isTTY;
  const columns = ["trial", "epochs", ...names, "epoch", metric.toUpperCase(), "seconds"];
  const table = new Table({
    head: columns,
    colAligns: columns.map(() => "right" as const),
    style: { head: colours ? ["cyan"] : [], border: colours ? ["grey"] : [] },
  });
  // Of each trial how far it came: scores after more epochs stand above those after fewer.
  const last = new Map(trials.map((result) => [result.trial, result]));
  const ranked = bestFirst([...last.values()], report.sign).toSorted((a, b) => b.rung - a.rung);
  for (const { trial, hyperparameters, epoch, score, seconds: spent } of ranked.slice(0, shown)) {
    const row = [
      trial,
      hyperparameters.epochs,
      ...names.map((name) => hyperparameters[name]),
      epoch,
      score.toFixed(4),
      spent.toFixed(1),
    ].map(String);
    table.push(trial === best.trial ? row.map((text) => pc.bold(text)) : row);
  }
  const diverged = trials.filter((trial) => trial.diverged).length;
  const rungTexts = rungs.map(({ trials: count, epochs }) => `${count} x ${epochs}`);
  return [
    `${pc.bold(dataset)}: ${task} ${task === "rating" ? "prediction" : "recommendation"}, ${backbone}, protocol ${protocol}, ` +
      (masking === null ? "every interaction" : masking === "seen" ? "known items masked" : "nothing masked"),
    `${metric.toUpperCase()} of ${users.toLocaleString("en")} users on validation rows; test rows are not read`,
    ...orderNote(ordered),
    table.toString(),
    `seed ${seed}, trials x epochs: ${rungTexts.join(", ")}; ${diverged} diverged, ${seconds.toFixed(0)} s`,
    ...(file === null ? [] : [`trials in ${file}: the same command goes on from there`]),
    ...(out === null
      ? []
      : [
          `best values in ${out}: llama4rec run --backbone ${backbone} --config ${out} takes them, on the same data`,
        ]),
  ].join("\n");
}
