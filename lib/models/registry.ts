import { unknownName } from "../native/nearest.js";
import type { BackboneDefinition, Task } from "./backbone.js";
import { LIGHTGCN } from "./direct/lightgcn.js";
import { MF } from "./direct/mf.js";
import { MIXGCF } from "./direct/mixgcf.js";
import { SGL } from "./direct/sgl.js";
import { AFM } from "./rating/afm.js";
import { AUTOINT } from "./rating/autoint.js";
import { DCN } from "./rating/dcn.js";
import { DEEPFM } from "./rating/deepfm.js";
import { NFM } from "./rating/nfm.js";
import { XDEEPFM } from "./rating/xdeepfm.js";
import { BERT4REC } from "./sequential/bert4rec.js";
import { CL4SREC } from "./sequential/cl4srec.js";
import { SASREC } from "./sequential/sasrec.js";

const registered: readonly BackboneDefinition[] = [
  MF,
  LIGHTGCN,
  MIXGCF,
  SGL,
  SASREC,
  BERT4REC,
  CL4SREC,
  DEEPFM,
  NFM,
  DCN,
  AFM,
  XDEEPFM,
  AUTOINT,
];

const tasks: readonly Task[] = ["direct", "sequential", "rating"];

/** All tasks, in the order of the paper. */
export const listTasks = (): readonly Task[] => tasks;

/** Whether this very definition is in the registry. */
export function isRegistered(definition: BackboneDefinition): boolean {
  return registered.includes(definition);
}

/** A definition that does this task. */
export type DefinitionOf<T extends Task> = Extract<BackboneDefinition, { readonly task: T }>;

/** All backbones, or those of one task. */
export function listBackbones<T extends Task = Task>(task?: T): readonly DefinitionOf<T>[] {
  return registered.filter(
    (definition): definition is DefinitionOf<T> => task === undefined || definition.task === task,
  );
}

/**
 * A task by name.
 * @throws Llama4RecError `E_TASK` when no backbone does it.
 */
export function findTask(name: string): Task {
  const found = tasks.find((task) => task === name);
  if (found === undefined) throw unknownName("E_TASK", "task", tasks, name);
  return found;
}

/**
 * A backbone by name (case does not matter), of any task or of one.
 * @throws Llama4RecError `E_BACKBONE` when there is none of that name.
 */
export function findBackbone<T extends Task = Task>(name: string, task?: T): DefinitionOf<T> {
  const fitting = listBackbones(task);
  const found = fitting.find((definition) => definition.name.toLowerCase() === name.toLowerCase());
  if (found === undefined)
    throw unknownName(
      "E_BACKBONE",
      "backbone",
      fitting.map((definition) => definition.name),
      name,
      task === undefined ? "" : ` for task ${task}`,
    );
  return found;
}
