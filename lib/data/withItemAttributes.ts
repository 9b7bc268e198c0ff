import { argumentError } from "../native/errors.js";
import type { Attributes } from "./dataset.js";
import { TrainView } from "./trainView.js";

/**
 * The view with more attributes of items, each by item index; interactions stay as they are, and so does the digest,
 * which is of interactions alone.
 * @throws Llama4RecError `E_ARGUMENT` for a column of another length or one whose name is taken.
 * @example
 * ```ts
 * const { columns } = await augmentAttributes(model, parts.train, { template: MOVIE_ATTRIBUTES });
 * const { predictor } = await trainRating({ backbone: "DeepFM", view: withItemAttributes(parts.train, columns), seed: 1 });
 * ```
 */
export function withItemAttributes(view: TrainView, columns: Attributes): TrainView {
  for (const [name, column] of Object.entries(columns)) {
    if (column.length !== view.itemCount)
      throw argumentError(`columns.${name}`, `${view.itemCount} values, one an item`, column.length);
    if (Object.hasOwn(view.itemAttributes, name))
      throw argumentError("columns", "names that items have no attribute of yet", name);
  }
  const { userCount, itemCount, offsets, items, ratings, titles, userAttributes } = view;
  return new TrainView({
    userCount,
    itemCount,
    offsets,
    items,
    ratings,
    titles,
    itemAttributes: { ...view.itemAttributes, ...columns },
    userAttributes,
  });
}
