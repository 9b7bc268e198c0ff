import { digestOf } from "../data/digest.js";
import { HeldOut } from "../data/heldOut.js";
import type { TrainView } from "../data/trainView.js";
import { CUTOFFS } from "../metrics/ranking.js";
import { type FrozenModel, rankerOf } from "../models/frozen.js";
import { evaluateRanking } from "../models/fullRanking.js";
import { argumentError } from "../native/errors.js";
import { noValidation } from "./checkpoint.js";
import type { TrainingJob, ValidationRows } from "./messages.js";
import type { Validation } from "./options.js";

const metrics = CUTOFFS.flatMap((cutoff) => [`hr@${cutoff}`, `ndcg@${cutoff}`]);

/**
 * Validation rows as plain data.
 * @throws Llama4RecError `E_ARGUMENT` for an unknown metric or masking.
 */
export function rowsOfValidation({
  heldOut,
  metric = "ndcg@10",
  masking = "seen",
}: Validation): ValidationRows {
  if (!metrics.includes(metric))
    throw argumentError("validation.metric", `one of ${metrics.join(", ")}`, metric);
  if (masking !== "seen" && masking !== "none")
    throw argumentError("validation.masking", '"seen" or "none"', masking);
  return { users: heldOut.users, items: heldOut.items, metric, masking };
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
