import { Llama4RecError } from "../native/errors.js";
import type { BackboneDefinition, Task } from "./backbone.js";
import { MF } from "./direct/mf.js";

const registered: readonly BackboneDefinition[] = [MF];

const tasks: readonly Task[] = ["direct"];

/** All backbones, or those of one task. */
export function listBackbones(task?: Task): readonly BackboneDefinition[] {
  return registered.filter((definition) => task === undefined || definition.task === task);
}

/**
 * A task by name.
 * @throws Llama4RecError `E_TASK` when no backbone does it.
 */
export function findTask(name: string): Task {
  const found = tasks.find((task) => task === name);
  if (found === undefined)
    throw new Llama4RecError(
      "E_TASK",
      `task: expected one of ${tasks.join(", ")}, got ${JSON.stringify(name)}`,
    );
  return found;
}

/**
 * A backbone by name (case does not matter).
 * @throws Llama4RecError `E_BACKBONE` when there is none of that name for the task.
 */
export function findBackbone(name: string, task: Task): BackboneDefinition {
  const fitting = listBackbones(task);
  const found = fitting.find((definition) => definition.name.toLowerCase() === name.toLowerCase());
  if (found === undefined)
    throw new Llama4RecError(
      "E_BACKBONE",
      `backbone: expected one of ${fitting.map((definition) => definition.name).join(", ")} for task ${task}, ` +
        `got ${JSON.stringify(name)}`,
    );
  return found;
}
