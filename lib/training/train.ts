import { checkOptions } from "./arguments.js";
import { checkPurpose, sourceOf } from "./definition.js";
import type { TrainOptions, TrainResult } from "./options.js";
import { rankingOutcome } from "./outcome.js";
import { startTraining } from "./start.js";
import { rowsOfValidation } from "./validation.js";

export * from "./diverged.js";
export * from "./options.js";

/**
 * Trains a backbone that ranks from scratch with Adam, by default on a thread of its own. Same seed and instruction-set level: same
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
  const { view, validation, validate } = options;
  const source = sourceOf(options.backbone);
  checkPurpose(source, "ranking");
  const rows = validation === undefined ? null : rowsOfValidation(validation, view);
  return await startTraining({
    options,
    source,
    purpose: "ranking",
    validation: validate === undefined ? rows : "caller",
    extraPairs: given(options.extraPairs),
    insertions: given(options.insertions),
    outcome: rankingOutcome,
  });
}

/** Data augmentation that found nothing is none. */
const given = (triples: Int32Array | undefined): Int32Array | null =>
  triples === undefined || triples.length === 0 ? null : triples;
