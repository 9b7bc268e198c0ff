import type { Dataset } from "../../lib/data/dataset.js";
import { type Split, split } from "../../lib/data/split.js";
import type { RatedRows } from "../../lib/models/reference/bias.js";
import { type CandidateRow, sampleCandidates } from "./sampledCandidates.js";

/** Items that a held-out item is ranked among. */
export const NEGATIVES = 9;

/** The kinds of negatives: every unseen item as likely as any other, or by number of users in training. */
export type CandidateSet = "uniform" | "popularity";

/** Rows of each kind of negatives; row `n` is the same user and target in both. */
export type CandidateSets = Readonly<Record<CandidateSet, readonly CandidateRow[]>>;

/** A value for each kind of negatives. */
export function bySet<T>(value: (set: CandidateSet) => T): Record<CandidateSet, T> {
  return { uniform: value("uniform"), popularity: value("popularity") };
}

/** Leave-one-out in time over all interactions, rated. */
export interface LastOut {
  /** `train` is learnt from; `final` adds the validation items: what is known when the test is measured. */
  readonly parts: Split;
  /** The item before the last of every user; chooses, and is never trained on. */
  readonly validation: RatedRows;
  /** The last item of every user, also where nobody has it in training. */
  readonly test: RatedRows;
}

export function leaveLastOut(dataset: Dataset): LastOut {
  const parts = split(dataset, { protocol: "standard" });
  const { final } = parts;
  const users = Array.from(final.userCounts.keys()).filter((user) => final.userCounts[user] > 0);
  const newest = users.map((user) => final.offsets[user + 1] - 1);
  // The one item of a user that the final view does not hold is the last.
  const last = new Map<number, number>();
  dataset.interactions.users.forEach((user, row) => {
    if (final.userCounts[user] > 0 && !final.has(user, dataset.interactions.items[row])) last.set(user, row);
  });
  const rows = users.flatMap((user) => last.get(user) ?? []);
  return {
    parts,
    validation: {
      users,
      items: newest.map((at) => final.items[at]),
      ratings: newest.map((at) => final.ratings[at]),
    },
    test: {
      users,
      items: rows.map((row) => dataset.interactions.items[row]),
      ratings: rows.map((row) => dataset.interactions.ratings[row]),
    },
  };
}

/** The first `count` rows. */
export function firstRows({ users, items, ratings }: RatedRows, count: number): RatedRows {
  const first = (column: ArrayLike<number>): number[] => Array.from(column).slice(0, count);
  return { users: first(users), items: first(items), ratings: first(ratings) };
}

/** Negatives for every row, of both kinds; no item of the user, held out or not, is one. */
export function candidatesOf(
  { parts, test }: LastOut,
  rows: RatedRows,
  { seed }: { readonly seed: number },
): CandidateSets {
  const { train, final } = parts;
  const last = new Map(Array.from(test.users, (user, row) => [user, test.items[row]]));
  const isKnown = (user: number, item: number): boolean => final.has(user, item) || last.get(user) === item;
  return {
    uniform: sampleCandidates(rows, {
      weights: new Uint8Array(train.itemCount).fill(1),
      isKnown,
      negatives: NEGATIVES,
      seed: 2 * seed,
    }),
    popularity: sampleCandidates(rows, {
      weights: train.itemCounts,
      isKnown,
      negatives: NEGATIVES,
      seed: 2 * seed + 1,
    }),
  };
}
