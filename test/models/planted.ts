import { Random } from "../../lib/data/random.js";
import { TrainView } from "../../lib/data/trainView.js";

/** A training view of the given rows, users by position, items in time order. */
export function viewOf(
  rows: readonly (readonly number[])[],
  itemCount: number,
  titles?: readonly string[],
): TrainView {
  const offsets = new Int32Array(rows.length + 1);
  for (const [user, items] of rows.entries()) offsets[user + 1] = offsets[user] + items.length;
  return new TrainView({
    userCount: rows.length,
    itemCount,
    offsets,
    items: Int32Array.from(rows.flat()),
    ratings: new Float32Array(offsets[rows.length]).fill(5),
    titles: titles ?? Array.from({ length: itemCount }, (_, item) => `Title ${item}`),
    itemAttributes: {},
    userAttributes: {},
  });
}

/** Users with `least` items or more, drawn at random. */
export function randomView(users: number, itemCount: number, least: number, seed = 1): TrainView {
  const random = new Random(seed);
  const rows = Array.from({ length: users }, () =>
    [...random.shuffle(Int32Array.from({ length: itemCount }, (_, item) => item))].slice(
      0,
      least + random.below(least),
    ),
  );
  return viewOf(rows, itemCount);
}
