import { outOfFoldHints } from "../augmentation/outOfFold.js";
import type { Dataset } from "../data/dataset.js";
import type { HoldOut } from "../data/split.js";
import type { TrainView } from "../data/trainView.js";
import { tuningView } from "../data/tuningView.js";
import type { TuningHints } from "../llm/tuning/hints.js";
import { INSTRUCTION_TASKS, type TaskMix } from "../llm/tuning/mix.js";
import { type DataOptions, readData } from "./data.js";
import type { ProgressBars } from "./progress.js";

/** What instructions are made of, as parsed. */
export interface TuningDataOptions extends DataOptions {
  /** How the rows are held out that stay out. */
  readonly holdOut: HoldOut;
  readonly seed: number;
  /** False for `--no-hints`. */
  readonly hints: boolean;
  readonly threads?: number;
}

/** What instructions are made of. */
export interface TuningData {
  /** Name of the data set. */
  readonly name: string;
  /** Nothing in it is held out, under either protocol. */
  readonly view: TrainView;
}

/**
 * Reads the data set.
 * @throws Llama4RecError what {@link readData} and {@link tuningView} throw; the signal's reason when aborted.
 */
export async function openTuningData(
  options: TuningDataOptions,
  bars: ProgressBars,
  signal: AbortSignal,
): Promise<TuningData> {
  const dataset = await readData(options, bars, signal);
  return { name: dataset.name, view: tuningViewOf(dataset, options.holdOut) };
}

/** What is held out under neither protocol. @throws Llama4RecError as {@link tuningView}. */
export function tuningViewOf(dataset: Dataset, holdOut: HoldOut): TrainView {
  return tuningView(dataset, [
    { protocol: "paper", holdOut },
    { protocol: "standard", holdOut },
  ]);
}

/**
 * Trains what hints come from; null for `--no-hints`.
 * @throws Llama4RecError what {@link outOfFoldHints} throws; the signal's reason when aborted.
 */
export async function trainHints(
  view: TrainView,
  { hints, seed, threads }: TuningDataOptions,
  mix: TaskMix,
  bars: ProgressBars,
  signal: AbortSignal,
): Promise<TuningHints | null> {
  if (!hints) return null;
  return await outOfFoldHints(view, {
    seed,
    threads,
    tasks: INSTRUCTION_TASKS.filter((task) => mix[task] > 0),
    signal,
    onProgress: ({ stage, done, total }) => bars.update(stage, done, total),
  });
}
