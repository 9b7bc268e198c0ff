import { filteredView } from "../../lib/data/filteredView.js";
import { Random } from "../../lib/data/random.js";
import type { TrainView } from "../../lib/data/trainView.js";
import { argumentError } from "../../lib/native/errors.js";
import { type CandidateRow, sampleCandidates } from "./sampledCandidates.js";

/** A row of {@link ColdItems}: what the user had before an item that was taken out. */
export interface ColdRow extends CandidateRow {
  /** What is left of the user's items before the one taken out, oldest first. */
  readonly items: Int32Array;
  /** `[items]` */
  readonly ratings: Float32Array;
}

/** Items that no training history holds any more. */
export interface ColdItems {
  /** The view without a single interaction of a cold item; titles and attributes stay. */
  readonly view: TrainView;
  /** The cold items, ascending. */
  readonly items: Int32Array;
  /** One row an interaction taken out, by user and in the order of time; all candidates are cold. */
  readonly rows: readonly ColdRow[];
}

/** Options of {@link takeColdItems}. */
export interface ColdItemOptions {
  /** How many items. Default 50. */
  readonly count?: number;
  /** Fewest items that are left before the one taken out, for a row. Default 3. */
  readonly leastHistory?: number;
  /** Cold items beside the target that a row has. Default 9. */
  readonly negatives?: number;
  readonly seed: number;
}

/**
 * Takes items of middling popularity (the middle half by number of users) out of all histories, and makes a test of
 * what was taken out: which of ten cold items did the user have? What knows items by their users alone can only
 * guess; titles and attributes may tell.
 *
 * @throws Llama4RecError `E_ARGUMENT` when there are fewer such items than `count`.
 *
 * @example
 * ```ts
 * const { view, rows } = takeColdItems(parts.train, { seed: 1 });
 * ```
 */
export function takeColdItems(view: TrainView, options: ColdItemOptions): ColdItems {
  const { count = 50, leastHistory = 3, negatives = 9, seed } = options;
  const middle = middlingItems(view.itemCounts);
  if (!Number.isInteger(count) || count <= negatives || count > middle.length)
    throw argumentError("count", `an integer from ${negatives + 1} to ${middle.length}`, count);
  const items = new Random(seed).shuffle(middle).slice(0, count).sort();
  const isCold = new Uint8Array(view.itemCount);
  for (const item of items) isCold[item] = 1;

  const rest = filteredView(view, (_, place) => isCold[view.items[place]] === 0);
  const taken: ColdTarget[] = [];
  for (let user = 0; user < view.userCount; user++) {
    const begin = rest.offsets[user];
    let end = begin;
    for (const item of view.itemsOf(user))
      if (isCold[item] === 0) end++;
      else if (end - begin >= leastHistory) taken.push({ user, item, begin, end });
  }
  const rows = taken.map(({ user, item, begin, end }, row): ColdRow => {
    const [sampled] = sampleCandidates(
      { users: [user], items: [item] },
      { weights: isCold, isKnown: (who, what) => view.has(who, what), negatives, seed: seed + row },
    );
    return { ...sampled, items: rest.items.subarray(begin, end), ratings: rest.ratings.subarray(begin, end) };
  });
  return { view: rest, items, rows };
}

/** An interaction taken out, and where what was left before it stands in the kept ones. */
interface ColdTarget {
  readonly user: number;
  readonly item: number;
  readonly begin: number;
  readonly end: number;
}

/** Items with users, less the quarter with the fewest and the quarter with the most. */
function middlingItems(counts: Int32Array): Int32Array {
  const known = Int32Array.from(counts.keys()).filter((item) => counts[item] > 0);
  known.sort((a, b) => counts[a] - counts[b] || a - b);
  return known.subarray(Math.floor(known.length / 4), Math.ceil((3 * known.length) / 4));
}
