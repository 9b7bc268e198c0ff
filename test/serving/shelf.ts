import { join } from "node:path";
import type { ExecutionContext } from "ava";
import { IdMap } from "../../lib/data/idMap.js";
import { Random } from "../../lib/data/random.js";
import type { TrainView } from "../../lib/data/trainView.js";
import { rankerOf } from "../../lib/models/frozen.js";
import type { TrainedRanker } from "../../lib/models/ranker.js";
import { type RecommenderParts, saveRecommender } from "../../lib/serving/save.js";
import { folderOf } from "../datasets/temporary.js";
import { randomView } from "../models/planted.js";

/** A model that ranks, with what a recommender's folder is made of. */
export interface Shelf {
  readonly view: TrainView;
  readonly ranker: TrainedRanker;
  /** `user-<index>` */
  readonly users: IdMap;
  /** Numbers from 1,000. */
  readonly items: IdMap;
}

/** Id of a user index. */
export const userId = (user: number): string => `user-${String(user).padStart(3, "0")}`;

/** Random vectors for users of a random view: what a trained factor model is to a recommender. */
export function shelfOf({ users = 40, items = 60, dimension = 8, seed = 1 } = {}): Shelf {
  const view = randomView(users, items, 5, seed);
  const random = new Random(seed);
  const numbers = (count: number): Float32Array =>
    Float32Array.from({ length: count }, () => random.next() - 0.5);
  const factors = {
    dimension,
    users: numbers(users * dimension),
    items: numbers(items * dimension),
    itemBiases: numbers(items),
  };
  return {
    view,
    ranker: rankerOf({ kind: "factors", name: "MF", factors }),
    users: IdMap.from(Array.from({ length: users }, (_, user) => userId(user))),
    items: IdMap.from(Array.from({ length: items }, (_, item) => 1000 + item)),
  };
}

/** The folder of a recommender, until the test ends. */
export async function savedShelf(
  t: ExecutionContext,
  shelf: Shelf = shelfOf(),
  more: Partial<RecommenderParts> = {},
): Promise<string> {
  const folder = join(folderOf(t, {}), "recommender");
  await saveRecommender(folder, { ...shelf, ...more });
  return folder;
}
