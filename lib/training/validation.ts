import { digestOf } from "../data/digest.js";
import { HeldOut } from "../data/heldOut.js";
import type { TrainView } from "../data/trainView.js";
import { RANKING_METRICS } from "../metrics/names.js";
import type { BackboneDefinition } from "../models/backbone.js";
import { type FrozenModel, rankerOf } from "../models/frozen.js";
import { evaluateRanking } from "../models/fullRanking.js";
import { predictorOf } from "../models/ratingPredictor.js";
import { evaluateRatings } from "../models/ratings.js";
import { argumentError, Llama4RecError } from "../native/errors.js";
import { noValidation } from "./identity.js";
import type { RatedRows, TrainingJob, ValidationRows } from "./messages.js";
import type { RatingValidation, Validation } from "./options.js";

/**
 * Validation rows as plain data.
 * @throws Llama4RecError `E_ARGUMENT` for an unknown metric or masking, test rows, none at all, and rows of users or
 *   items that the view does not have.
 */
export function rowsOfValidation(
  { heldOut, metric = "ndcg@10", masking = "seen" }: Validation,
  view: TrainView,
): ValidationRows {
  if (!RANKING_METRICS.includes(metric))
    throw argumentError("validation.metric", `one of ${RANKING_METRICS.join(", ")}`, metric);
  if (masking !== "seen" && masking !== "none")
    throw argumentError("validation.masking", '"seen" or "none"', masking);
  const { users, items } = checkedRows(heldOut, view);
  return { users, items, metric, masking };
}

/**
 * Ratings to validate on as plain data.
 * @throws Llama4RecError `E_ARGUMENT` as {@link rowsOfValidation} does, and for ratings that are no finite numbers.
 */
export function ratedRows({ heldOut, metric = "rmse" }: RatingValidation, view: TrainView): RatedRows {
  if (metric !== "rmse" && metric !== "mae") throw argumentError("validation.metric", "rmse or mae", metric);
  const { users, items, ratings } = checkedRows(heldOut, view);
  if (!(ratings instanceof Float32Array) || ratings.length !== users.length)
    throw argumentError(
      "validation.heldOut.ratings",
      `a Float32Array of ${users.length} ratings, one a row`,
      ratings,
    );
  for (let row = 0; row < ratings.length; row++)
    if (!Number.isFinite(ratings[row]))
      throw argumentError(`validation.heldOut.ratings[${row}]`, "a finite number", ratings[row]);
  return { users, items, ratings, metric };
}

function checkedRows(heldOut: HeldOut, { userCount, itemCount }: TrainView): HeldOut {
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
  return heldOut;
}

function checkRows(name: "users" | "items", values: Int32Array, count: number): void {
  if (!(values instanceof Int32Array) || values.length === 0)
    throw argumentError(`validation.heldOut.${name}`, "an Int32Array of at least one row", values);
  for (let row = 0; row < values.length; row++)
    if (values[row] < 0 || values[row] >= count)
      throw argumentError(`validation.heldOut.${name}[${row}]`, `an index in 0..${count - 1}`, values[row]);
}

/** Score of a model on validation rows; of a rating model its error. */
export function scoreOf(
  model: FrozenModel,
  definition: BackboneDefinition,
  view: TrainView,
  rows: ValidationRows | RatedRows,
): number {
  const { users, items } = rows;
  if (model.kind === "rating" && definition.task === "rating" && "ratings" in rows) {
    using predictor = predictorOf(model, definition);
    return evaluateRatings(predictor, new HeldOut("validation", users, items, rows.ratings))[rows.metric];
  }
  if (model.kind === "rating" || "ratings" in rows)
    throw new Llama4RecError("E_INTERNAL", `validation rows that a ${model.kind} model is not measured on`);
  using ranker = rankerOf(model);
  const heldOut = new HeldOut("validation", users, items);
  return evaluateRanking(ranker, view, heldOut, { masking: rows.masking }).metrics[rows.metric];
}

/** What a validation measures, as text: a checkpoint belongs to it. */
export function validationText(validation: TrainingJob["validation"]): string {
  if (validation === null) return noValidation;
  if (validation === "caller") return "a function of the caller";
  const { users, items, metric } = validation;
  return digestOf([users, items, metric, "ratings" in validation ? validation.ratings : validation.masking]);
}
