import type { TrainView } from "../data/trainView.js";
import { Catalogue, topKRow } from "../native/catalogue.js";
import { argumentError } from "../native/errors.js";

/** Vectors of users: a trained ranker has them, of a sequential model the encoder's last state, and a rating predictor. */
export interface UserVectors {
  readonly dimension: number;
  /** `[users x dimension]` row-major. */
  readonly userVectors: Float32Array;
}

/**
 * The most similar other user of each user, by cosine over the backbone's user vectors (Llama4Rec Eq. 4).
 * Users without training interactions are nobody's neighbour. A vector of zeros has no direction: such a user is
 * nobody's neighbour and has none. -1 where there is none.
 * @returns `[users]`
 * @throws Llama4RecError `E_ARGUMENT` when the vectors are not those of the view's users.
 */
export function mostSimilarUsers({ dimension, userVectors }: UserVectors, view: TrainView): Int32Array {
  const { userCount, userCounts } = view;
  if (userVectors.length !== userCount * dimension)
    throw argumentError("userVectors", `${userCount} x ${dimension} numbers`, userVectors.length);
  const normalised = new Float32Array(userVectors.length);
  const directed = new Uint8Array(userCount);
  for (let user = 0; user < userCount; user++) {
    const vector = userVectors.subarray(user * dimension, (user + 1) * dimension);
    const norm = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
    if (!(norm > 0)) continue;
    directed[user] = 1;
    const unit = vector.map((x) => x / norm);
    normalised.set(unit, user * dimension);
  }
  using catalogue = new Catalogue(normalised, { dimension });
  const nearest = catalogue.topK(normalised, {
    k: 1,
    excluded: {
      offsets: Int32Array.from({ length: userCount + 1 }, (_, user) => user),
      items: Int32Array.from({ length: userCount }, (_, user) => user),
    },
    denied: Int32Array.from(userCounts.keys()).filter((user) => userCounts[user] === 0 || !directed[user]),
  });
  return Int32Array.from({ length: userCount }, (_, user) =>
    directed[user] ? (topKRow(nearest, user)[0] ?? -1) : -1,
  );
}
