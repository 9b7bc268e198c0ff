import { digestOf } from "../data/digest.js";
import { HeldOut } from "../data/heldOut.js";
import type { TrainView } from "../data/trainView.js";
import { CUTOFFS } from "../metrics/ranking.js";
import { type FrozenModel, rankerOf } from "../models/frozen.js";
import { evaluateRanking } from "../models/fullRanking.js";
import type { TrainedRanker } from "../models/ranker.js";
import { argumentError } from "../native/errors.js";
import { noValidation } from "./identity.js";
import type { TrainingJob, ValidationRows } from "./messages.js";
import type { TrainOptions, Validation } from "./options.js";

const metrics = CUTOFFS.flatMap((cutoff) => [`hr@${cutoff}`, `ndcg@${cutoff}`]);

/**
 * Validation rows as plain data.
 * @throws Llama4RecError `E_ARGUMENT` for an unknown metric or masking, test rows, none at all, and rows of users or
 *   items that the view does not have.
 */
export function rowsOfValidation(
  { heldOut, metric = "ndcg@10", masking = "seen" }: Validation,
  { userCount, itemCount }: TrainView,
): ValidationRows {
  if (!metrics.includes(metric))
    throw argumentError("validation.metric", `one of ${metrics.join(", ")}`, metric);
  if (masking !== "seen" && masking !== "none")
    throw argumentError("validation.masking", '"seen" or "none"', masking);
  if (typeof heldOut !== "object" || heldOut === null || heldOut.name !== "validation")
    throw argumentError(
      "validation.heldOut",
      "validation rows, for test rows never choose anything",
      heldOut?.name ?? heldOut,
    );
  const { users, items } = heldOut;
  checkRows("users", users, userCount);
  checkRows("items", items, itemCount);
  if (items.length !== users.length)
    throw argumentError("validation.heldOut.items", `${users.length} items, one a row`, items.length);
  return { users, items, metric, masking };
}

function checkRows(name: "users" | "items", values: Int32Array, count: number): void {
  if (!(values instanceof Int32Array) || values.length === 0)
    throw argumentError(`validation.heldOut.${name}`, "an Int32Array of at least one row", values);
  for (let row = 0; row < values.length; row++)
    if (values[row] < 0 || values[row] >= count)
      throw argumentError(`validation.heldOut.${name}[${row}]`, `an index in 0..${count - 1}`, values[row]);
}

/**
 * What the caller makes of a candidate.
 * @throws Llama4RecError `E_ARGUMENT` when that is no finite number.
 */
export async function askedScore(
  candidate: TrainedRanker,
  validate: TrainOptions["validate"],
): Promise<number> {
  const score: unknown = await validate?.(candidate);
  if (typeof score !== "number" || !Number.isFinite(score))
    throw argumentError("validate", "a finite number", score);
  return score;
}

/** Score of a model on validation rows. */
export function scoreOf(model: FrozenModel, view: TrainView, rows: ValidationRows): number {
  using ranker = rankerOf(model);
  const heldOut = new HeldOut("validation", rows.users, rows.items);
  return evaluateRanking(ranker, view, heldOut, { masking: rows.masking }).metrics[rows.metric];
}

/** What a validation measures, as text: a checkpoint belongs to it. */
export function validationText(validation: TrainingJob["validation"]): string {
  if (validation === null) return noValidation;
  if (validation === "caller") return "a function of the caller";
  const { users, items, metric, masking } = validation;
  return digestOf([users, items, metric, masking]);
}
