import type { TrainView } from "../../data/trainView.js";
import { rmse } from "../../metrics/ranking.js";
import { argumentError } from "../../native/errors.js";
import { type Rater, raterOf } from "../ratings.js";

/** How strongly a {@link BiasModel} draws few ratings to the mean: imagined ratings without a deviation, at least 0. */
export interface BiasDamping {
  /** Of every item; `Infinity`: items have no bias. */
  readonly items: number;
  /** Of every user; `Infinity`: users have no bias. */
  readonly users: number;
}

/** Ratings of known users and items, in parallel columns. */
export interface RatedRows {
  readonly users: ArrayLike<number>;
  readonly items: ArrayLike<number>;
  readonly ratings: ArrayLike<number>;
}

/** Values that {@link chooseBiasDamping} tries for items and for users. */
export const biasDampings = [0.5, 1, 2, 3, 5, 7, 10, 15, 25, 50] as const;

/**
 * Ratings by mean and biases, `mu + b_u + b_i`, both biases damped and taken one after the other (Koren, "Factor in the
 * Neighbors", TKDD 2010, baseline estimates): `b_i = sum_u(r_ui - mu) / (n_i + d_i)`, then
 * `b_u = sum_i(r_ui - mu - b_i) / (n_u + d_u)`. The rival of every rating model.
 *
 * @example
 * ```ts
 * const model = new BiasModel(parts.train, { items: 3, users: 5 });
 * model.predict(user, item);
 * ```
 */
export class BiasModel {
  /** mu: mean of the training ratings. */
  readonly mean: number;
  /** b_i `[items]`, 0 for items without ratings. */
  readonly items: Float64Array;
  /** b_u `[users]`, 0 for users without ratings. */
  readonly users: Float64Array;
  /** Lowest and highest training rating. */
  readonly range: readonly [low: number, high: number];
  readonly #userDamping: number;

  /**
   * Fits the view's ratings in closed form.
   *
   * @throws Llama4RecError `E_ARGUMENT` for a negative damping or a view without interactions.
   */
  constructor(view: TrainView, damping: BiasDamping) {
    for (const name of ["items", "users"] as const)
      if (!(damping[name] >= 0))
        throw argumentError(`damping.${name}`, "a number of at least 0", damping[name]);
    const { items, ratings } = view;
    if (ratings.length === 0) throw argumentError("view", "at least one rating", "none");
    this.#userDamping = damping.users;
    this.mean = ratings.reduce((sum, rating) => sum + rating, 0) / ratings.length;
    this.range = [ratings.reduce((a, b) => Math.min(a, b)), ratings.reduce((a, b) => Math.max(a, b))];
    const sums = new Float64Array(view.itemCount);
    for (let at = 0; at < items.length; at++) sums[items[at]] += ratings[at] - this.mean;
    this.items = sums.map((sum, item) => damped(sum, view.itemCounts[item], damping.items));
    this.users = Float64Array.from({ length: view.userCount }, (_, user) =>
      this.userBias(view.itemsOf(user), ratings.subarray(view.offsets[user], view.offsets[user + 1])),
    );
  }

  /** b_u of somebody with these ratings, whom the model need not have been fitted on; 0 without any. */
  userBias(items: ArrayLike<number>, ratings: ArrayLike<number>): number {
    let sum = 0;
    for (let at = 0; at < items.length; at++) sum += ratings[at] - this.mean - this.items[items[at]];
    return damped(sum, items.length, this.#userDamping);
  }

  /** The rating that a user with this bias gives the item, within the range of the training ratings. */
  expected(userBias: number, item: number): number {
    return this.#bounded(this.mean + userBias + this.items[item]);
  }

  /** The rating of a pair, of which -1 is unknown, with something that the biases do not say. */
  rated(user: number, item: number, residual = 0): number {
    return this.#bounded(this.mean + (this.users[user] ?? 0) + (this.items[item] ?? 0) + residual);
  }

  #bounded(rating: number): number {
    const [low, high] = this.range;
    return Math.min(high, Math.max(low, rating));
  }

  /** The rating that a user it was fitted on gives the item. */
  predict(user: number, item: number): number {
    return this.expected(this.users[user], item);
  }
}

/** A {@link BiasModel} as a rater; of somebody or something unknown there is no bias. */
export function biasRater(view: TrainView, damping: BiasDamping): Rater {
  const model = new BiasModel(view, damping);
  return raterOf("mean and biases", view, (user, item) => model.rated(user, item));
}

function damped(sum: number, count: number, damping: number): number {
  return count === 0 ? 0 : sum / (count + damping);
}

/**
 * The damping, of items and of users, with the least RMSE on validation ratings; equal ones: the first.
 *
 * @param tried Values for items and for users, default {@link biasDampings} for both.
 * @throws Llama4RecError `E_ARGUMENT` without ratings or values to try.
 */
export function chooseBiasDamping(
  view: TrainView,
  validation: RatedRows,
  tried: { readonly items?: readonly number[]; readonly users?: readonly number[] } = {},
): BiasDamping {
  const { items = biasDampings, users = biasDampings } = tried;
  const trials = items.flatMap((forItems) =>
    users.map((forUsers) => {
      const damping = { items: forItems, users: forUsers };
      const model = new BiasModel(view, damping);
      const predicted = Array.from(validation.users, (user, row) =>
        model.predict(user, validation.items[row]),
      );
      return { damping, error: rmse(predicted, validation.ratings) };
    }),
  );
  if (trials.length === 0)
    throw argumentError("tried", "at least one damping for items and for users", tried);
  return trials.reduce((best, trial) => (trial.error < best.error ? trial : best)).damping;
}
