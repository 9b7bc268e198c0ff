import type { TrainView } from "../data/trainView.js";
import type { TrainedRanker } from "../models/ranker.js";
import { Catalogue, topKRow } from "../native/catalogue.js";

/**
 * The most similar other user of each user, by cosine over the backbone's user vectors (Llama4Rec Eq. 4).
 * Users without training interactions are nobody's neighbour; -1 where there is no other user.
 * @returns `[users]`
 */
export function mostSimilarUsers(ranker: TrainedRanker, view: TrainView): Int32Array {
  const { dimension, userCount } = ranker;
  const normalised = new Float32Array(ranker.userVectors.length);
  for (let user = 0; user < userCount; user++) {
    const vector = ranker.userVectors.subarray(user * dimension, (user + 1) * dimension);
    const norm = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
    if (norm > 0)
      normalised.set(
        vector.map((x) => x / norm),
        user * dimension,
      );
  }
  using catalogue = new Catalogue(normalised, { dimension });
  const nearest = catalogue.topK(normalised, {
    k: 1,
    excluded: {
      offsets: Int32Array.from({ length: userCount + 1 }, (_, user) => user),
      items: Int32Array.from({ length: userCount }, (_, user) => user),
    },
    denied: Int32Array.from(view.userCounts.keys()).filter((user) => view.userCounts[user] === 0),
  });
  return Int32Array.from({ length: userCount }, (_, user) => topKRow(nearest, user)[0] ?? -1);
}
