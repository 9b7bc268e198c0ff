import { basename } from "node:path";
import Table from "cli-table3";
import { withProgress } from "../../lib/cli/progress.js";
import { type PositionBias, positionBias } from "../../lib/evaluation/positionBias.js";
import { loadLanguageModel } from "../../lib/llm/load.js";
import type { OrderMode } from "../../lib/llm/ordering/types.js";
import { SEQUENTIAL_TEMPLATE } from "../../lib/llm/prompts/sequential.js";
import { modelFile, openLists } from "./candidateLists.js";
import type { Runner } from "./pocketModel.js";

export interface PositionBiasBenchmark {
  readonly data?: string;
  readonly model?: string;
  readonly runner?: Runner;
  /** Lists. */
  readonly users: number;
  readonly modes: readonly OrderMode[];
  /** Fixed orders that labels are averaged over. */
  readonly orders: number;
  readonly json: boolean;
}

export interface PositionBiasReport {
  readonly model: string;
  readonly dataset: string;
  readonly orders: number;
  readonly modes: readonly PositionBias[];
}

/** Position bias on lists of EASE. */
export async function measurePositionBias(options: PositionBiasBenchmark): Promise<PositionBiasReport> {
  const { data, users, modes, orders } = options;
  return withProgress(options.json, async (bars, signal) => {
    const { dataset, lists, promptOf } = await openLists(data, users);
    const modelPath = modelFile(options.model, data);
    await using languageModel = await loadLanguageModel({ modelPath, runner: options.runner, signal });
    const inputs = lists.map((list) => promptOf(list, (item) => dataset.titles[item]));
    const measured = await positionBias(inputs, {
      languageModel,
      modes,
      ordering: { template: SEQUENTIAL_TEMPLATE, orders },
      signal,
      onProgress: (done, total) => bars.update("position bias", done, total),
    });
    return { model: basename(modelPath), dataset: dataset.name, orders, modes: measured };
  });
}

/** The report as a person reads it. */
export function renderPositionBias({ model, dataset, orders, modes }: PositionBiasReport): string {
  const table = new Table({
    head: [
      "mode",
      "lists",
      "first shown comes first",
      "by chance",
      "places moved",
      "at random",
      "both orders agree",
    ],
    colAligns: ["left", "right", "right", "right", "right", "right", "right"],
    style: { head: [], border: [] },
  });
  for (const figures of modes)
    table.push([
      figures.mode,
      `${figures.answered} of ${figures.lists}`,
      figures.firstShownFirst.toFixed(3),
      `${figures.chance.toFixed(3)} ±${figures.chanceError.toFixed(3)}`,
      figures.displacement.toFixed(2),
      figures.randomDisplacement.toFixed(2),
      figures.consistency?.toFixed(3) ?? "",
    ]);
  const averaged = orders === 1 ? "" : `, labels averaged over ${orders} fixed orders`;
  return `${model}, ${dataset}, lists of EASE in shuffled orders${averaged}\n${table}`;
}
