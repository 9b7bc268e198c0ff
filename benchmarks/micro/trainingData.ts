/** Views to train on that need no file. */

import { generateShop } from "../../lib/data/shop/index.js";
import { TrainView } from "../../lib/data/trainView.js";

/** Users, items and interactions of two public data sets, which the generated shops have too. */
export const sizes = {
  "MovieLens-1M": { users: 6040, items: 3706, interactions: 1_000_209 },
  "MovieLens-100K": { users: 943, items: 1682, interactions: 100_000 },
} as const;

/** Every row of a generated shop as a training row. */
export function shopView(name: keyof typeof sizes): TrainView {
  const { users, items, interactions } = generateShop(sizes[name]);
  const offsets = new Int32Array(users.size + 1);
  for (const user of interactions.users) offsets[user + 1]++;
  for (let user = 0; user < users.size; user++) offsets[user + 1] += offsets[user];
  const next = offsets.slice();
  const sorted = new Int32Array(interactions.items.length);
  for (const [row, item] of interactions.items.entries()) sorted[next[interactions.users[row]]++] = item;
  return viewOf(items.size, offsets, sorted);
}

/** Histories of one full window each, so that nothing is padded and nothing is short. */
export function fullWindows({
  users,
  items,
  length,
}: {
  users: number;
  items: number;
  length: number;
}): TrainView {
  const perUser = length + 1;
  return viewOf(
    items,
    Int32Array.from({ length: users + 1 }, (_, user) => user * perUser),
    Int32Array.from(
      { length: users * perUser },
      (_, i) => (Math.floor(i / perUser) * 613 + (i % perUser) * 67) % items,
    ),
  );
}

function viewOf(itemCount: number, offsets: Int32Array, items: Int32Array): TrainView {
  return new TrainView({
    userCount: offsets.length - 1,
    itemCount,
    offsets,
    items,
    ratings: new Float32Array(items.length).fill(5),
    titles: Array.from({ length: itemCount }, (_, item) => `Item ${item}`),
    itemAttributes: {},
    userAttributes: {},
  });
}
