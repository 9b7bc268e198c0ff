import type { TrainView } from "../../data/trainView.js";
import { type ResidualFit, residualOf, residualSystem, solvedSystem } from "./userFoldIn.js";

/** How a model fits whose training users nobody has asked. */
export const usualFit: ResidualFit = { damping: 10, ridge: 3, recency: 1, floor: 0 };

/** Values that are tried; among equal ones the first is taken. */
const triedWeights = [
  { recency: 1, floor: 0 },
  ...[0.98, 0.95, 0.9, 0.8].flatMap((recency) => [0.05, 0.2].map((floor) => ({ recency, floor }))),
];
const triedPenalties = [5, 20].flatMap((damping) =>
  [0.1, 0.3, 1, 3, 10, 1000].map((ridge) => ({ damping, ridge })),
);

/** Training users that choose, at most. */
const mostUsers = 300;
/** Newest ratings of each, of which the last ones are predicted from the others. */
const mostRatings = 100;
const mostPredicted = 5;
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

/** Training users, in even steps, for {@link FitChoice}. */
export function trialsOf(view: TrainView): Trial[] {
  const { offsets, userCounts } = view;
  const long = Array.from(userCounts.keys()).filter((user) => userCounts[user] >= fewestRatings);
  const count = Math.min(mostUsers, long.length);
  return Array.from({ length: count }, (_, at) => {
    const user = long[Math.floor((at * long.length) / count)];
    const end = offsets[user + 1];
    const begin = Math.max(offsets[user], end - mostRatings);
    const predicted = Math.min(mostPredicted, Math.floor((end - begin) * predictedShare));
    return {
      user,
      items: view.items.subarray(begin, end),
      ratings: view.ratings.subarray(begin, end),
      known: end - begin - predicted,
    };
  });
}

/** The fit under which the newest ratings of each user are predicted best from the ones before. */
export class FitChoice {
  readonly #tried: readonly ResidualFit[] = triedWeights.flatMap((weights) =>
    triedPenalties.map((penalties) => ({ ...weights, ...penalties })),
  );
  readonly #squares = new Float64Array(this.#tried.length);

  /** Takes one more user into account; the first `known` ratings are those that the others are predicted from. */
  add({ errors, features }: Residuals, known: number): void {
    const d = features.length / errors.length;
    for (const [group, weights] of triedWeights.entries()) {
      const system = residualSystem(errors.subarray(0, known), features, d, weights);
      for (const [at, penalties] of triedPenalties.entries()) {
        const fitted = solvedSystem(system, penalties);
        for (let row = known; row < errors.length; row++)
          this.#squares[group * triedPenalties.length + at] +=
            (errors[row] - residualOf(fitted, features, row)) ** 2;
      }
    }
  }

  /** The best so far. */
  get best(): ResidualFit {
    const least = this.#squares.reduce((a, b) => Math.min(a, b));
    return least > 0 ? this.#tried[this.#squares.indexOf(least)] : usualFit;
  }
}
