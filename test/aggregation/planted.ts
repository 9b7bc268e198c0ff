/** Validation rows whose truth is known: whom the language model helps is planted. */

import type { RankingLearningRow, RatingLearningRow } from "../../lib/aggregation/learnedWeight.js";
import { positionUtilities } from "../../lib/aggregation/utility.js";
import { longTailCoefficient } from "../../lib/aggregation/weight.js";
import { bell } from "../../lib/data/draws.js";
import { Random } from "../../lib/data/random.js";

/** Whether the language model is any good for a user, and how its rows look. */
export interface Planted {
  readonly rows: number;
  readonly seed: number;
  /** Of a user: the language model helps (1), harms (-1) or knows nothing (0). */
  readonly worth: (random: Random) => number;
}

export const HALF_AND_HALF = (random: Random): number => (random.next() < 0.5 ? 1 : -1);
export const NOISE = (): number => 0;

const TEN = Array.from({ length: 10 }, (_, n) => n);

/** The last feature (margin, certainty) lies around `worth`, the other ones are drawn apart from it. */
function featuresOf(worth: number, interactions: number, random: Random): number[] {
  return [Math.log1p(interactions), 2 + bell(random), bell(random) / 2, worth + bell(random) / 2];
}

export function plantedRankings({
  rows,
  seed,
  worth,
}: Planted): (RankingLearningRow & { coefficient: number })[] {
  const random = new Random(seed);
  return Array.from({ length: rows }, (_, user) => {
    const interactions = 3 + random.below(200);
    const value = worth(random);
    // The backbone knows something: of two places the smaller one, as likely as not.
    const heldOut = 1 + Math.min(random.below(10), random.below(10));
    const order = random.shuffle([...TEN]);
    order.splice(order.indexOf(heldOut - 1), 1);
    const place = value > 0 ? random.below(3) : value < 0 ? 7 + random.below(3) : random.below(10);
    order.splice(place, 0, heldOut - 1);
    return {
      user,
      interactions,
      coefficient: longTailCoefficient(interactions),
      features: featuresOf(value, interactions, random),
      candidates: Int32Array.from(TEN, (n) => 50 + n),
      recommender: positionUtilities(TEN),
      languageModel: { listwise: positionUtilities(order) },
      heldOut,
    };
  });
}

export function plantedRatings({
  rows,
  seed,
  worth,
}: Planted): (RatingLearningRow & { coefficient: number })[] {
  const random = new Random(seed);
  return Array.from({ length: rows }, (_, user) => {
    const interactions = 3 + random.below(200);
    const value = worth(random);
    // The backbone is all that is known of the rating: no mixture with noise comes nearer.
    const recommender = 3 + bell(random);
    const actual = recommender + bell(random);
    return {
      user,
      interactions,
      coefficient: longTailCoefficient(interactions),
      features: featuresOf(value, interactions, random),
      recommender,
      languageModel: value > 0 ? actual + bell(random) / 2 : 3 + 2 * bell(random),
      actual,
    };
  });
}
