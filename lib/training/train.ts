import { access, constants } from "node:fs/promises";
import { dirname } from "node:path";
import { resolveHyperparameters } from "../models/backbone.js";
import { cpuInfo } from "../native/addon.js";
import { argumentError, Llama4RecError } from "../native/errors.js";
import { loadDefinition, sourceOf } from "./definition.js";
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
  const { backbone, view, seed, validation, validate, signal, evaluateEvery = 5, patience = 8 } = options;
  const { worker = true, threads, hyperparameters = {} } = options;
  if (!Number.isSafeInteger(seed) || seed < 0) throw argumentError("seed", "an integer in 0..2^53-1", seed);
  if (!Number.isInteger(evaluateEvery) || evaluateEvery < 1)
    throw argumentError("evaluateEvery", "an integer of at least 1", evaluateEvery);
  if (!Number.isInteger(patience) || patience < 1)
    throw argumentError("patience", "an integer of at least 1", patience);
  if (threads !== undefined && (!Number.isInteger(threads) || threads < 1 || threads > 256))
    throw argumentError("threads", "an integer in 1..256", threads);
  if (validation !== undefined && validate !== undefined)
    throw argumentError("validate", "nothing beside validation", validate);

  const source = sourceOf(backbone);
  signal?.throwIfAborted();
  const common = {
    hyperparameters,
    seed,
    extraPairs: given(options.extraPairs),
    insertions: given(options.insertions),
    validation:
      validation !== undefined
        ? rowsOfValidation(validation)
        : validate !== undefined
          ? ("caller" as const)
          : null,
    evaluateEvery,
    patience,
    checkpoint: options.checkpoint === undefined ? null : await checkedCheckpoint(options.checkpoint),
  };
  if (!worker) {
    const definition = await loadDefinition(source);
    signal?.throwIfAborted();
    return await trainInline({ ...common, definition, view }, options);
  }
  if (source.kind === "here")
    throw argumentError(
      "backbone",
      "a registered definition or { module, export }, which a worker thread can load, or the option worker: false",
      backbone,
    );
  if (source.kind === "registered") resolveHyperparameters(await loadDefinition(source), hyperparameters);
  return await trainInWorker(
    {
      ...common,
      source,
      // The columns alone: a clone of the view itself would carry what the other side makes for itself.
      view: {
        userCount: view.userCount,
        itemCount: view.itemCount,
        offsets: view.offsets,
        items: view.items,
        ratings: view.ratings,
        titles: view.titles,
        itemAttributes: view.itemAttributes,
        userAttributes: view.userAttributes,
      },
      threads: threads ?? Math.max(1, cpuInfo().processors - 1),
    },
    options,
  );
}

/** Data augmentation that found nothing is none. */
const given = (triples: Int32Array | undefined): Int32Array | null =>
  triples === undefined || triples.length === 0 ? null : triples;

async function checkedCheckpoint({
  path,
  everySeconds = 60,
  resume = true,
}: CheckpointOptions): Promise<Required<CheckpointOptions>> {
  if (!(everySeconds >= 0))
    throw argumentError("checkpoint.everySeconds", "a number of at least 0", everySeconds);
  try {
    await access(dirname(path), constants.W_OK);
  } catch (cause) {
    throw new Llama4RecError("E_FILE", `cannot write ${path}: its folder does not exist or is read-only`, {
      cause,
    });
  }
  return { path, everySeconds, resume };
}
