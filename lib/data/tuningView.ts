import { argumentError } from "../native/errors.js";
import type { Dataset } from "./dataset.js";
import { filteredView } from "./filteredView.js";
import { lowestRating, type SplitOptions, split } from "./split.js";
import type { TrainView } from "./trainView.js";

/**
 * What one language model that serves several tasks may be tuned on: nothing that is held out in the split of any of them.
 * A user and an item that take part in a split together and are no training row of it are left out, whether they were
 * held out, skipped, or of a user who was; a rating too low for a split of likes takes no part in it and stays.
 *
 * @param splits How each task splits the data set.
 * @throws Llama4RecError `E_ARGUMENT` without a split, and what {@link split} throws.
 * @example
 * ```ts
 * const view = tuningView(dataset, [{ protocol: "paper" }, { protocol: "standard" }]);
 * ```
 */
export function tuningView(dataset: Dataset, splits: readonly SplitOptions[]): TrainView {
  if (splits.length === 0) throw argumentError("splits", "at least one split", splits);
  const taken = splits.map((options) => ({
    lowest: lowestRating(dataset, options),
    train: split(dataset, options).train,
  }));
  const { users, items, ratings } = dataset.interactions;
  const pairOf = (user: number, item: number): number => user * dataset.items.size + item;
  const barred = new Set<number>();
  for (const { lowest, train } of taken)
    for (let row = 0; row < users.length; row++)
      if (ratings[row] >= lowest && !train.has(users[row], items[row]))
        barred.add(pairOf(users[row], items[row]));
  // Whatever takes part in one of the splits takes part in the one with the lowest rating.
  const { train } = taken.reduce((widest, next) => (next.lowest < widest.lowest ? next : widest));
  return filteredView(train, (user, place) => !barred.has(pairOf(user, train.items[place])));
}
