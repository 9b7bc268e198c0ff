import type { BackboneDefinition, Task } from "../models/backbone.js";
import { findBackbone, findTask, listBackbones } from "../models/registry.js";
import { argumentError } from "../native/errors.js";

/**
 * The backbone that was named, of the task that was named, if one was; without a name the first of the task, without
 * either the first of direct recommendation.
 * @throws Llama4RecError `E_TASK` or `E_BACKBONE` for a name that is none.
 */
export function askedBackbone({
  task,
  backbone,
}: {
  readonly task?: string;
  readonly backbone?: string;
}): BackboneDefinition {
  const named = task === undefined ? undefined : findTask(task);
  return backbone === undefined ? listBackbones(named ?? "direct")[0] : findBackbone(backbone, named);
}

/** Options that mean something to some tasks alone. */
type TaskOption = "masking" | "pairs" | "llm" | "lora" | "runner" | "cache";

const ranksNothing = "which ranks nothing";
const hasNoLanguageSide = "whose language side is no part of this version";

/** What a task has no use for, and why. */
const useless: Readonly<Record<Task, Readonly<Partial<Record<TaskOption, string>>>>> = {
  direct: {},
  sequential: { pairs: "whose augmentation writes insertions, no pairs" },
  rating: {
    masking: ranksNothing,
    pairs: ranksNothing,
    llm: hasNoLanguageSide,
    lora: hasNoLanguageSide,
    runner: hasNoLanguageSide,
    cache: hasNoLanguageSide,
  },
};

/** Options as parsed: `--no-` gives false and asks for nothing. */
type Given = Readonly<Partial<Record<TaskOption, string | readonly string[] | boolean>>>;

/**
 * Nothing that was asked for is silently left undone.
 * @throws Llama4RecError `E_ARGUMENT` naming the option that the task has no use for.
 */
export function checkTaskOptions(task: Task, given: Given): void {
  for (const [name, why] of Object.entries(useless[task])) {
    const value = given[name as TaskOption];
    if (value !== undefined && typeof value !== "boolean")
      throw argumentError(`--${name}`, `none for the ${task} task, ${why}`, String(value));
  }
}
