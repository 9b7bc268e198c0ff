import { argumentError } from "../native/errors.js";
import type { Attributes } from "./dataset.js";
import { digestOf } from "./digest.js";

/** Items per user in compressed rows: user u has `items[offsets[u] .. offsets[u + 1])`. */
export interface UserItems {
  /** [users + 1], ascending from 0. */
  readonly offsets: Int32Array;
  /** [interactions], item indices. */
  readonly items: Int32Array;
}

/** The plain data of a {@link TrainView}; a structured clone of a view is one too. */
export interface TrainColumns extends UserItems {
  /** Users of the whole data set, also those without training rows. */
  readonly userCount: number;
  /** Items of the whole catalogue, also those without training rows. */
  readonly itemCount: number;
  /** [interactions], parallel to `items`. */
  readonly ratings: Float32Array;
  /** One title per item. */
  readonly titles: readonly string[];
  /** Genres, year, author and the like, by item. */
  readonly itemAttributes: Attributes;
  /** Age, occupation, place and the like, by user. */
  readonly userAttributes: Attributes;
}

/**
 * Training interactions per user in time order, with what is known of users and items: all that training, sampling,
 * augmentation and prompts ever see.
 *
 * It owns its arrays and refers to nothing that validation or test rows can be reached from. "Unseen" means
 * `!view.has(user, item)`. A user and an item meet at most once. To move it to a worker thread, post it and make a new
 * one there: `new TrainView(received)`.
 */
export class TrainView implements TrainColumns {
  readonly userCount: number;
  readonly itemCount: number;
  readonly titles: readonly string[];
  readonly itemAttributes: Attributes;
  readonly userAttributes: Attributes;
  readonly offsets: Int32Array;
  /** Per user in time order, ties in file order. */
  readonly items: Int32Array;
  readonly ratings: Float32Array;
  /** [items] How many users have each item. */
  readonly itemCounts: Int32Array;
  /** [users] How many items each user has. */
  readonly userCounts: Int32Array;
  #sorted: UserItems | undefined;
  #digest: string | undefined;

  /**
   * Takes the columns over, without a copy.
   *
   * @throws Llama4RecError `E_ARGUMENT` when their lengths do not fit together, offsets descend, an item is none of the
   *   catalogue or a user has one twice; it names the place
   */
  constructor(columns: TrainColumns) {
    const { userCount, itemCount, offsets, items, ratings } = columns;
    if (offsets.length !== userCount + 1)
      throw argumentError("offsets", `${userCount + 1} values`, offsets.length);
    if (items.length !== offsets[userCount])
      throw argumentError("items", `${offsets[userCount]} values`, items.length);
    if (ratings.length !== items.length)
      throw argumentError("ratings", `${items.length} values`, ratings.length);
    this.userCount = userCount;
    this.itemCount = itemCount;
    this.offsets = offsets;
    this.items = items;
    this.ratings = ratings;
    this.titles = columns.titles;
    this.itemAttributes = columns.itemAttributes;
    this.userAttributes = columns.userAttributes;
    this.itemCounts = countsOf(columns);
    this.userCounts = Int32Array.from({ length: userCount }, (_, user) => offsets[user + 1] - offsets[user]);
  }

  /** How many training interactions there are. */
  get interactionCount(): number {
    return this.items.length;
  }

  /** The user's items in time order; a window on `items`, not a copy. */
  itemsOf(user: number): Int32Array {
    return this.items.subarray(this.offsets[user], this.offsets[user + 1]);
  }

  /** Whether the user has the item in training. */
  has(user: number, item: number): boolean {
    const { offsets, items } = this.sortedItems();
    let low = offsets[user];
    let high = offsets[user + 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (items[middle] < item) low = middle + 1;
      else high = middle;
    }
    return low < offsets[user + 1] && items[low] === item;
  }

  /** The same rows with every user's items ascending, as filters and samplers want them; made on first use. */
  sortedItems(): UserItems {
    if (this.#sorted === undefined) {
      const items = this.items.slice();
      for (let user = 0; user < this.userCount; user++)
        items.subarray(this.offsets[user], this.offsets[user + 1]).sort();
      this.#sorted = { offsets: this.offsets, items };
    }
    return this.#sorted;
  }

  /** SHA-256 in hex over counts and interaction columns; made on first use. */
  get digest(): string {
    this.#digest ??= digestOf([this.userCount, this.itemCount, this.offsets, this.items, this.ratings]);
    return this.#digest;
  }
}

/** `[items]`: how many users have each item, with every row checked on the way. */
function countsOf({ userCount, itemCount, offsets, items }: TrainColumns): Int32Array {
  const counts = new Int32Array(itemCount);
  const lastUsers = new Int32Array(itemCount).fill(-1); // who had each item last
  if (offsets[0] !== 0) throw argumentError("offsets[0]", "0", offsets[0]);
  for (let user = 0; user < userCount; user++) {
    const [begin, end] = [offsets[user], offsets[user + 1]];
    if (end < begin || end > items.length)
      throw argumentError(`offsets[${user + 1}]`, `${begin}..${items.length}`, end);
    for (let place = begin; place < end; place++) {
      const item = items[place];
      if (!(item >= 0 && item < itemCount))
        throw argumentError(`items[${place}]`, `an index in 0..${itemCount - 1}`, item);
      if (lastUsers[item] === user)
        throw argumentError(`items[${place}]`, `each item of user ${user} once`, `${item} again`);
      lastUsers[item] = user;
      counts[item]++;
    }
  }
  return counts;
}
