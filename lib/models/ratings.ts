import type { HeldOut } from "../data/heldOut.js";
import { mae, rmse } from "../metrics/ranking.js";
import { argumentError } from "../native/errors.js";

/** Anything that predicts ratings of known users and items: a trained backbone, mean and biases, factors. */
export interface Rater extends Disposable {
  readonly name: string;
  /** Users it knows: indices 0 to userCount - 1. */
  readonly userCount: number;
  /** Items it knows: indices 0 to itemCount - 1. */
  readonly itemCount: number;
  /**
   * The rating of each pair, within the range of the training ratings. Index -1: somebody or something unknown.
   * @throws Llama4RecError `E_ARGUMENT` for another index that it does not know, or lists of different lengths.
   */
  predict(users: Int32Array, items: Int32Array): Float32Array;
  /** Frees native memory; calling it twice is fine. */
  dispose(): void;
}

/** Result of {@link evaluateRatings}; errors in units of the rating. */
export interface RatingEvaluation {
  /** Root of the mean squared error. */
  readonly rmse: number;
  /** Mean absolute error. */
  readonly mae: number;
  /** Rows in the denominator. */
  readonly users: number;
  /** `[rows]` predicted less given rating: what a paired test over users compares. */
  readonly errors: Float64Array;
}

/**
 * Predicted against given ratings. Every row of `heldOut` is in the denominator.
 * @throws Llama4RecError `E_ARGUMENT` without rows, for rows without ratings, or for rows that the rater does not know.
 */
export function evaluateRatings(rater: Rater, heldOut: HeldOut): RatingEvaluation {
  const { users, items } = heldOut;
  const ratings = givenRatings(heldOut);
  const predicted = rater.predict(users, items);
  return {
    rmse: rmse(predicted, ratings),
    mae: mae(predicted, ratings),
    users: ratings.length,
    errors: Float64Array.from(predicted, (rating, row) => rating - ratings[row]),
  };
}

/**
 * The ratings of held-out rows, one a row.
 * @throws Llama4RecError `E_ARGUMENT` for rows without them.
 */
export function givenRatings({ name, users, ratings }: HeldOut): Float32Array {
  if (ratings?.length !== users.length)
    throw argumentError("heldOut.ratings", `${users.length} ratings, one for each ${name} row`, ratings);
  return ratings;
}

/**
 * Checks the pairs that a rater is asked for.
 * @throws Llama4RecError `E_ARGUMENT` as {@link Rater.predict} says.
 */
export function checkPairs(
  users: Int32Array,
  items: Int32Array,
  { userCount, itemCount }: { readonly userCount: number; readonly itemCount: number },
): void {
  for (const [name, indices, count] of [
    ["users", users, userCount],
    ["items", items, itemCount],
  ] as const) {
    if (!(indices instanceof Int32Array)) throw argumentError(name, "an Int32Array", indices);
    for (let row = 0; row < indices.length; row++)
      if (indices[row] < -1 || indices[row] >= count)
        throw argumentError(`${name}[${row}]`, `an index in 0..${count - 1}, or -1`, indices[row]);
  }
  if (items.length !== users.length)
    throw argumentError("items", `${users.length} items, one for each user`, items.length);
}

/** A rater that is a function of one pair, with nothing to free. */
export function raterOf(
  name: string,
  counts: { readonly userCount: number; readonly itemCount: number },
  rate: (user: number, item: number) => number,
): Rater {
  const { userCount, itemCount } = counts;
  const dispose = (): void => {};
  return {
    name,
    userCount,
    itemCount,
    predict(users, items) {
      checkPairs(users, items, counts);
      return Float32Array.from(users, (user, row) => rate(user, items[row]));
    },
    dispose,
    [Symbol.dispose]: dispose,
  };
}
