import type { TrainView } from "../../data/trainView.js";
import { selectTopK } from "../../native/catalogue.js";
import { checkUsers, type Ranker } from "../ranker.js";

/** Items by their number of training interactions, the same order for everybody. A reference in every table. */
export function popularity(view: TrainView): Ranker {
  const counts = Float64Array.from(view.itemCounts);
  const dispose = (): void => {};
  return {
    name: "popularity",
    userCount: view.userCount,
    itemCount: view.itemCount,
    topK(users, options) {
      checkUsers(users, view.userCount);
      const scores = new Float64Array(users.length * counts.length);
      for (let row = 0; row < users.length; row++) scores.set(counts, row * counts.length);
      return selectTopK(scores, counts.length, options);
    },
    dispose,
    [Symbol.dispose]: dispose,
  };
}
