import type { Rival } from "./row.js";
import { type RaceOptions, race, type Task, type Timing } from "./timing.js";

/** What ours and each of the rivals took, in turns. */
export interface Duel {
  readonly ours: Timing;
  /** In the order in which they were given. */
  readonly rivals: readonly Rival[];
}

/**
 * Times ours and its rivals, by name, in turns.
 * @param probe Takes its turn too: a measurement of the machine under the same load.
 */
export async function duel(
  ours: Task,
  rivals: ReadonlyMap<string, Task>,
  options: RaceOptions,
  probe?: Task,
): Promise<Duel> {
  const tasks: Record<string, Task> = { ...Object.fromEntries(rivals), ours };
  if (probe !== undefined) tasks.probe = probe;
  const times = await race(tasks, options);
  return { ours: times.ours, rivals: [...rivals.keys()].map((name) => ({ name, timing: times[name] })) };
}
