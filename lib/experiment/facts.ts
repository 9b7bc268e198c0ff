import { historyEntropy } from "../aggregation/historyEntropy.js";
import { longTailCoefficient, longTailRange } from "../aggregation/weight.js";
import type { HeldOut } from "../data/heldOut.js";
import type { TrainView } from "../data/trainView.js";
import type { RowFacts } from "./cell.js";

/** What the training view knows of each held-out row. */
export function factsOf(view: TrainView, heldOut: HeldOut): RowFacts[] {
  const { min, max } = longTailRange(view.userCounts.filter((count) => count > 0));
  return Array.from(heldOut.users, (user, row) => ({
    user,
    interactions: view.userCounts[user],
    coefficient: max > min ? (longTailCoefficient(view.userCounts[user]) - min) / (max - min) : 1,
    popularity: view.itemCounts[heldOut.items[row]],
    entropy: historyEntropy(view, user),
  }));
}
