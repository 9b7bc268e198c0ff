import { access, constants } from "node:fs/promises";
import { dirname } from "node:path";
import type { TrainColumns, TrainView } from "../data/trainView.js";
import { resolveHyperparameters } from "../models/backbone.js";
import { cpuInfo } from "../native/addon.js";
import { argumentError, Llama4RecError } from "../native/errors.js";
import { checkOptions } from "./arguments.js";
import { unlessAborted, withCaller } from "./caller.js";
import { loadDefinition, moduleText, sourceOf } from "./definition.js";
import { trainInline } from "./inline.js";
import type { CheckpointOptions, TrainOptions, TrainResult } from "./options.js";
import { rowsOfValidation } from "./validation.js";
import { trainInWorker } from "./workerClient.js";

export * from "./diverged.js";
export * from "./options.js";

/**
 * Trains a backbone from scratch with Adam, by default on a thread of its own. Same seed and instruction-set level: same
 * bits there and here, at any number of threads, and however often it was killed and resumed from its checkpoint.
 *
 * @throws Llama4RecError `E_ARGUMENT` for bad options; `E_BACKBONE` when the backbone cannot be found or fails, with its
 *   own error as cause; {@link TrainingDivergedError} (`E_DIVERGED`) when numbers are no longer finite; `E_WORKER` when
 *   the thread died; `E_MISMATCH`, `E_CORRUPT`, `E_VERSION` or `E_FILE` for a checkpoint that this training cannot go on
 *   from or cannot write. The signal's reason when aborted, and whatever a callback threw.
 * @example
 * ```ts
 * const { ranker } = await train({
 *   backbone: "MF",
 *   view: parts.train,
 *   seed: 1,
 *   validation: { heldOut: parts.validation },
 *   checkpoint: { path: "mf.checkpoint" },
 * });
 * ```
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  checkOptions(options);
  const { backbone, view, seed, validation, validate, evaluateEvery = 5, patience = 8 } = options;
  const { worker = true, threads, hyperparameters = {} } = options;
  const source = sourceOf(backbone);
  const rows = validation === undefined ? null : rowsOfValidation(validation, view);
  const common = {
    module: moduleText(source),
    hyperparameters,
    seed,
    extraPairs: given(options.extraPairs),
    insertions: given(options.insertions),
    validation: validate === undefined ? rows : ("caller" as const),
    evaluateEvery,
    patience,
  };
  return await withCaller(options, async (caller) => {
    const { signal } = caller;
    const checkpoint = options.checkpoint === undefined ? null : await writableCheckpoint(options.checkpoint);
    if (!worker) {
      const definition = await unlessAborted(loadDefinition(source), signal);
      return await trainInline({ ...common, checkpoint, definition, view, threads }, caller);
    }
    if (source.kind === "here")
      throw argumentError(
        "backbone",
        "a registered definition or { module, export }, which a worker thread can load, or the option worker: false",
        backbone,
      );
    if (source.kind === "registered") resolveHyperparameters(await loadDefinition(source), hyperparameters);
    const job = { ...common, checkpoint, source, view: columnsOf(view) };
    return await trainInWorker({ ...job, threads: threads ?? Math.max(1, cpuInfo().processors - 1) }, caller);
  });
}

/** Data augmentation that found nothing is none. */
const given = (triples: Int32Array | undefined): Int32Array | null =>
  triples === undefined || triples.length === 0 ? null : triples;

/** The columns alone: a clone of the view itself would carry what the other side makes for itself. */
const columnsOf = (view: TrainView): TrainColumns => ({
  userCount: view.userCount,
  itemCount: view.itemCount,
  offsets: view.offsets,
  items: view.items,
  ratings: view.ratings,
  titles: view.titles,
  itemAttributes: view.itemAttributes,
  userAttributes: view.userAttributes,
});

/** A checkpoint that can be written, before any work is done for it. */
async function writableCheckpoint({
  path,
  everySeconds = 60,
  resume = true,
}: CheckpointOptions): Promise<Required<CheckpointOptions>> {
  try {
    await access(dirname(path), constants.W_OK);
  } catch (cause) {
    throw new Llama4RecError("E_FILE", `cannot write ${path}: its folder does not exist or is read-only`, {
      cause,
    });
  }
  return { path, everySeconds, resume };
}
