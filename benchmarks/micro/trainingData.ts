/** Views to train on that need no file. */

import { TrainView } from "../../lib/data/trainView.js";
import { uniform, zipf } from "./random.js";

/** Users, items and interactions of two public data sets. */
export const sizes = {
  "MovieLens-1M": { users: 6040, items: 3706, interactions: 1_000_209 },
  "MovieLens-100K": { users: 943, items: 1682, interactions: 100_000 },
} as const;

/** Fewest interactions of a user. */
const FEWEST = 20;

/** A view of one of these sizes: items are wanted by Zipf's law, users differ exponentially in how much they want. */
export function syntheticView(name: keyof typeof sizes): TrainView {
  const { users, items, interactions } = sizes[name];
  const next = uniform(47);
  const draw = zipf(items, next);
  const offsets = shares(users, interactions, items / 2, next);
  const chosen = new Int32Array(interactions);
  for (let user = 0; user < users; user++) {
    const own = new Set<number>();
    while (own.size < offsets[user + 1] - offsets[user]) own.add(draw());
    chosen.set([...own], offsets[user]);
  }
  return viewOf(items, offsets, chosen);
}

/** Offsets of users whose interactions sum up to `total`, none with more than `most`. */
function shares(users: number, total: number, most: number, next: () => number): Int32Array {
  const mean = total / users - FEWEST;
  const counts = Array.from({ length: users }, () =>
    Math.min(most, FEWEST + Math.floor(-mean * Math.log(1 - next()))),
  );
  let rest = total - counts.reduce((sum, count) => sum + count, 0);
  for (let user = 0; rest !== 0; user = (user + 1) % users) {
    const change = Math.sign(rest);
    const count = counts[user] + change;
    if (count < FEWEST || count > most) continue;
    counts[user] = count;
    rest -= change;
  }
  const offsets = new Int32Array(users + 1);
  for (const [user, count] of counts.entries()) offsets[user + 1] = offsets[user] + count;
  return offsets;
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
