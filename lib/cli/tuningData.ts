import { outOfFoldHints } from "../augmentation/outOfFold.js";
import type { TrainView } from "../data/trainView.js";
import { tuningView } from "../data/tuningView.js";
import type { TuningHints } from "../llm/tuning/hints.js";
import { INSTRUCTION_TASKS, type TaskMix } from "../llm/tuning/mix.js";
import { type DataOptions, readData } from "./data.js";
import type { ProgressBars } from "./progress.js";

/** What instructions are made of, as parsed. */
export interface TuningDataOptions extends DataOptions {
  readonly seed: number;
  /** False for `--no-hints`. */
  readonly hints: boolean;
  readonly threads?: number;
}

/** What instructions are made of. */
export interface TuningData {
  /** Name of the data set. */
  readonly name: string;
  /** Nothing in it is held out by `llama4rec run`, under either protocol. */
  readonly view: TrainView;
  readonly hints: TuningHints | null;
}

/**
 * Reads the data set and trains what hints come from.
 * @throws Llama4RecError what {@link readData}, {@link tuningView} and {@link outOfFoldHints} throw; the signal's reason
 *   when aborted.
 */
export async function openTuningData(
  options: TuningDataOptions,
  mix: TaskMix,
  bars: ProgressBars,
  signal: AbortSignal,
): Promise<TuningData> {
  const dataset = await readData(options, bars, signal);
  const view = tuningView(dataset, [{ protocol: "paper" }, { protocol: "standard" }]);
  const { seed, threads } = options;
  const hints = options.hints
    ? await outOfFoldHints(view, {
        seed,
        threads,
        tasks: INSTRUCTION_TASKS.filter((task) => mix[task] > 0),
        signal,
        onProgress: ({ stage, done, total }) => bars.update(stage, done, total),
      })
    : null;
  return { name: dataset.name, view, hints };
}
