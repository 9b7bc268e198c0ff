/** The sentences of a report. */

import { type ExperimentSummary, ROW_TITLES, type RowName } from "../summary.js";
import { count, interval, metricTitle, PAPER_GAIN, percent, pValue, signed, verdict } from "./figures.js";

const TASK_TITLES: Readonly<Record<ExperimentSummary["task"], string>> = {
  direct: "direct recommendation",
  sequential: "sequential recommendation",
  rating: "rating prediction",
};

/** "ml-100k-direct: direct recommendation on ML-100K". */
export function titleOf({ name, task, dataset }: ExperimentSummary): string {
  return `${name}: ${TASK_TITLES[task]} on ${dataset.name}`;
}

/** What was found, in as many words as the figures allow. */
export function findings(summary: ExperimentSummary): string[] {
  const { gain, primary, meanOverBackbones, controls, rows, task } = summary;
  const backbones = new Set(rows.map(({ backbone }) => backbone)).size;
  const over = backbones === 1 ? "one backbone" : `the mean over ${backbones} backbones`;
  const { difference } = meanOverBackbones;
  const sentences = [
    `Gain over the better of Base and IFT, all metrics, ${over}: ${percent(gain)} (the paper, with a 7B model: ` +
      `${percent(PAPER_GAIN[task])}).`,
    `Against Base by ${metricTitle(primary)}: ${percent(meanOverBackbones.gain)}, difference ${signed(difference.mean)}, ` +
      `95 % interval ${interval(difference)}, p ${pValue(difference.p)}: ${said(verdict(difference, primary))}.`,
  ];
  for (const [row, control] of Object.entries(controls) as [RowName, typeof meanOverBackbones][])
    sentences.push(
      `The control "${ROW_TITLES[row]}" gains ${percent(control.gain)}, ${
        meanOverBackbones.gain > control.gain ? "less than the method" : "no less than the method"
      }; against Base: ${said(verdict(control.difference, primary))}.`,
    );
  return sentences;
}

/** Names and values of what the experiment was. */
export function about(summary: ExperimentSummary): [name: string, value: string][] {
  const { dataset, seeds, models, masking, askedHitsOnly } = summary;
  return [
    [
      "Data",
      `${dataset.name}: ${count(dataset.users)} users, ${count(dataset.items)} items, ` +
        `${count(dataset.interactions)} interactions`,
    ],
    [
      "Protocol",
      `${summary.protocol}, ${summary.split === "global-time" ? "one time for all users splits" : "each user's last ones held out"}` +
        (masking === null ? "" : `, ${masking === "seen" ? "known items masked" : "nothing masked"}`),
    ],
    ["Test rows", `${count(summary.users)} a seed`],
    ["Seeds", `${seeds.length}: ${seeds.join(", ")}`],
    [
      "Asked about",
      askedHitsOnly
        ? "only users whose item is among the candidates, which is enough for these metrics"
        : "all users",
    ],
    ...models.map(({ role, name, id }): [string, string] => [
      role === "augmented" ? "Language model" : "Language model without augmented fields",
      `${name} (${id})`,
    ]),
    ["Run", `${summary.date}, ${summary.machine}, llama4rec ${summary.version}`],
  ];
}

/** A verdict with what it is against: "better than Base, not after Holm's correction". */
function said(words: string): string {
  const [direction, ...more] = words.split(", ");
  const against = direction === "not distinguishable" ? `${direction} from Base` : `${direction} than Base`;
  return [against, ...more].join(", ");
}
