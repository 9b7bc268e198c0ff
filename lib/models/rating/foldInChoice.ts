import type { TrainView } from "../../data/trainView.js";
import { fittedResidual, type ResidualPenalties, residualOf } from "./userFoldIn.js";

/** Penalties of a model whose training users nobody has asked. */
export const usualPenalties: ResidualPenalties = { damping: 10, ridge: 3 };
const dampings = [3, 10, 30];
const ridges = [0.1, 0.3, 1, 3, 10, 30, 1000];

/** Users that choose, at most, and how many of their newest ratings: the last fifth is predicted from the others. */
const mostUsers = 200;
const mostRatings = 40;
const predictedShare = 0.2;
const fewestRatings = 5;

/** What a model leaves of one user's ratings when it does not know whose they are. */
export interface Residuals {
  /** Given less predicted rating, oldest first. `[n]` */
  readonly errors: Float64Array;
  /** Features of the items. `[n x d]` */
  readonly features: Float64Array;
}

/** A training user whose newest ratings are to be predicted from the ones before. */
export interface Trial {
  readonly user: number;
  /** The newest items and their ratings. */
  readonly items: Int32Array;
  readonly ratings: Float32Array;
  /** How many of them the user is folded in from. */
  readonly known: number;
}

/** Training users, in even steps, for {@link PenaltyChoice}. */
export function trialsOf(view: TrainView): Trial[] {
  const { offsets, userCounts } = view;
  const long = Array.from(userCounts.keys()).filter((user) => userCounts[user] >= fewestRatings);
  const count = Math.min(mostUsers, long.length);
  return Array.from({ length: count }, (_, at) => {
    const user = long[Math.floor((at * long.length) / count)];
    const end = offsets[user + 1];
    const begin = Math.max(offsets[user], end - mostRatings);
    return {
      user,
      items: view.items.subarray(begin, end),
      ratings: view.ratings.subarray(begin, end),
      known: Math.floor((end - begin) * (1 - predictedShare)),
    };
  });
}

/** The penalties under which the newest ratings of each user are predicted best from the ones before. */
export class PenaltyChoice {
  readonly #tried = dampings.flatMap((damping) => ridges.map((ridge) => ({ damping, ridge })));
  readonly #squares = new Float64Array(this.#tried.length);

  /** Takes one more user into account; the first `known` ratings are those that the others are predicted from. */
  add({ errors, features }: Residuals, known: number): void {
    const d = features.length / errors.length;
    for (const [at, penalties] of this.#tried.entries()) {
      const fitted = fittedResidual(errors.subarray(0, known), features, d, penalties);
      for (let row = known; row < errors.length; row++)
        this.#squares[at] += (errors[row] - residualOf(fitted, features, row)) ** 2;
    }
  }

  /** The best so far. */
  get best(): ResidualPenalties {
    const least = this.#squares.reduce((a, b) => Math.min(a, b));
    return least > 0 ? this.#tried[this.#squares.indexOf(least)] : usualPenalties;
  }
}
