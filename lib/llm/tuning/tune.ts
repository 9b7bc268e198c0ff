import { setImmediate as nextTurn } from "node:timers/promises";
import { cpuInfo, setLane } from "../../native/addon.js";
import { checkTuneData, checkTuneOptions, shapeFor } from "./arguments.js";
import { runTuneJob } from "./job.js";
import { defaultStages, EVEN_MIX } from "./mix.js";
import type { TuneCheckpoint, TuneJob, TuneOptions } from "./options.js";
import { recipeFor } from "./recipe.js";
import { tuneInWorker } from "./threadClient.js";
import type { TunedWeights } from "./tunedModel.js";

export type * from "./options.js";

/** Tokens between two looks at the validation rows, unless the caller says otherwise. */
const EVALUATE_EVERY = 250_000;
const PATIENCE = 4;

/**
 * Instruction tuning (Llama4Rec, section "LLM instruction tuning", Eq. 8) on a catalogue's own histories: a pocket model
 * from scratch, or a LoRA adapter of a base. By default on a thread of its own. The same view, options, seed and
 * instruction-set level give the same bits there and here, at any number of threads, and however often it was killed and
 * resumed from its checkpoint.
 *
 * @returns The weights, for {@link writeTuned}.
 * @throws Llama4RecError `E_ARGUMENT` for bad options or a view without histories; `E_FILE`, `E_GGUF` for a base that
 *   cannot be read; `E_DIVERGED` when numbers are no longer finite; `E_MISMATCH`, `E_CORRUPT`, `E_VERSION` or `E_FILE` for
 *   a checkpoint; `E_WORKER` when the thread died; the signal's reason when aborted.
 * @example
 * ```ts
 * const tuned = await tune({ view: parts.train, seed: 1, onProgress: (report) => console.log(report) });
 * await writeTuned("pocket.gguf", tuned);
 * ```
 */
export async function tune(options: TuneOptions): Promise<TunedWeights> {
  checkTuneData(options);
  await checkTuneOptions(options);
  const { view, signal, worker = true, threads, onProgress } = options;
  signal?.throwIfAborted();
  const recipe = recipeFor(view);
  const job: TuneJob = {
    view: {
      userCount: view.userCount,
      itemCount: view.itemCount,
      offsets: view.offsets,
      items: view.items,
      ratings: view.ratings,
      titles: view.titles,
      itemAttributes: {},
      userAttributes: {},
    },
    seed: options.seed,
    shape: shapeFor(view, options.shape),
    base: options.base ?? null,
    lora: options.lora ?? {},
    stages: options.stages ?? defaultStages(options.tokens ?? recipe.tokens),
    mix: { ...EVEN_MIX, ...options.mix },
    hints: options.hints ?? null,
    settings: { ...recipe.settings, ...options.settings },
    validation:
      options.validation === undefined
        ? null
        : { users: options.validation.users, items: options.validation.items },
    evaluateEvery: options.evaluateEvery ?? EVALUATE_EVERY,
    patience: options.patience ?? PATIENCE,
    checkpoint: options.checkpoint === undefined ? null : complete(options.checkpoint),
  };
  if (worker)
    return await tuneInWorker(job, {
      signal,
      onProgress,
      threads: threads ?? Math.max(1, cpuInfo().processors - 1),
    });
  return await runTuneJob(job, {
    onProgress: (report) => onProgress?.(report),
    checkAborted: () => signal?.throwIfAborted(),
    turn: () => nextTurn(),
    whole: (body) => body(),
    work(body) {
      if (threads === undefined) return body();
      setLane(threads, false);
      try {
        return body();
      } finally {
        setLane(0, false); // the thread belongs to its caller again
      }
    },
  });
}

/** A checkpoint with its defaults. */
function complete({ path, everySeconds = 60, resume = true }: TuneCheckpoint): Required<TuneCheckpoint> {
  return { path, everySeconds, resume };
}
