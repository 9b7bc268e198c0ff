import Table from "cli-table3";
import pc from "picocolors";
import type { BackboneDefinition, Hyperparameter } from "../models/backbone.js";
import { findBackbone, findTask, listBackbones, listTasks } from "../models/registry.js";

/** Options of `llama4rec backbones`, as parsed. */
export interface BackbonesOptions {
  readonly task?: string;
  readonly json?: boolean;
}

/** `llama4rec backbones [name]`: what there is; of one, its hyper-parameters with their ranges. */
export function backbones(name: string | undefined, { task, json = false }: BackbonesOptions): void {
  const asked = task === undefined ? undefined : findTask(task);
  if (name === undefined) {
    const found = listBackbones(asked);
    console.log(json ? JSON.stringify(found.map(plain), null, 2) : renderList(found));
  } else {
    const backbone = findBackbone(name, asked);
    console.log(json ? JSON.stringify(plain(backbone), null, 2) : renderOne(backbone));
  }
}

/** A definition without its functions. */
const plain = ({ name, task, source, hyperparameters }: BackboneDefinition) => ({
  name,
  task,
  source,
  hyperparameters,
});

const rangeOf = ({ low, high, integer }: Hyperparameter): string =>
  `${low}..${high}${integer ? ", whole" : ""}`;

function drawn(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const table = new Table({
    head: [...head],
    style: { head: process.stdout.isTTY ? ["cyan"] : [], border: [] },
  });
  for (const row of rows) table.push([...row]);
  return table.toString();
}

function renderList(found: readonly BackboneDefinition[]): string {
  const tasks = listTasks().filter((task) => found.some((backbone) => backbone.task === task));
  return drawn(
    ["task", "backbone", "source"],
    tasks.flatMap((task) =>
      found.filter((backbone) => backbone.task === task).map(({ name, source }) => [task, name, source]),
    ),
  );
}

function renderOne({ name, task, source, hyperparameters }: BackboneDefinition): string {
  return [
    `${pc.bold(name)} (${task}): ${source}`,
    drawn(
      ["hyper-parameter", "default", "range", "what it does"],
      Object.entries(hyperparameters).map(([key, spec]) => [
        key,
        String(spec.default),
        rangeOf(spec),
        spec.about,
      ]),
    ),
  ].join("\n");
}
