/** A shelf whose ratings are planted, with a model that rates. */
import { IdMap } from "../../lib/data/idMap.js";
import { Random } from "../../lib/data/random.js";
import { rankerOf } from "../../lib/models/frozen.js";
import type { RatingPredictor } from "../../lib/models/ratingPredictor.js";
import { trainRating } from "../../lib/training/trainRating.js";
import { ratedView } from "../models/plantedRatings.js";
import { type Shelf, userId } from "./shelf.js";

/** A rating is 5 where user and item are of the same group of three, else 2. */
export const trainedRater = trainRating({
  ...{ backbone: "DeepFM", view: ratedView, seed: 1, worker: false },
  hyperparameters: {
    ...{ dimension: 4, hidden1: 8, hidden2: 0, history: 10, l2: 0.1, l2Linear: 0.1, dropout: 0 },
    ...{ epochs: 60, batchSize: 32, learningRate: 0.01 },
  },
});
const { userCount, itemCount } = ratedView;

/** Shelf and rater over the same users and items. */
export async function ratedShelf(): Promise<Shelf & { readonly rater: RatingPredictor }> {
  const random = new Random(1);
  const numbers = (count: number): Float32Array => Float32Array.from({ length: count }, () => random.next());
  const factors = {
    ...{
      dimension: 4,
      users: numbers(4 * userCount),
      items: numbers(4 * itemCount),
      itemBiases: numbers(itemCount),
    },
  };
  return {
    ...{ view: ratedView, rater: (await trainedRater).predictor },
    ranker: rankerOf({ kind: "factors", name: "MF", factors }),
    users: IdMap.from(Array.from({ length: userCount }, (_, user) => userId(user))),
    items: IdMap.from(Array.from({ length: itemCount }, (_, item) => 1000 + item)),
  };
}
