import { Random } from "../../data/random.js";
import type { TrainView } from "../../data/trainView.js";
import type { RatingBatch } from "./featureBatch.js";
import type { FeatureEncoding } from "./features.js";

/** Streams of the generator that orders epochs begin here: others of the same seed lie below. */
const firstStream = 2 ** 40;

/** Every training rating once an epoch, in a seeded order. */
export class RatingSampler implements Disposable {
  /** Ratings an epoch. */
  readonly examples: number;
  readonly #features: FeatureEncoding;
  readonly #seed: number;
  readonly #view: TrainView;
  /** `[ratings]` */
  readonly #users: Int32Array;
  /** `[rows]`: how often each row of the tables occurs in an epoch. */
  readonly #occurrences: Float64Array;
  /** `[rows]`: how often in the batch at work; zeros between batches. */
  readonly #marks: Int32Array;

  constructor(view: TrainView, features: FeatureEncoding, seed: number) {
    this.examples = view.interactionCount;
    this.#view = view;
    this.#features = features;
    this.#seed = seed;
    this.#users = new Int32Array(this.examples);
    for (let user = 0; user < view.userCount; user++)
      this.#users.fill(user, view.offsets[user], view.offsets[user + 1]);
    this.#occurrences = occurrences(view, features);
    this.#marks = new Int32Array(features.rows);
  }

  /** The batches of an epoch after its first `start` ratings. Same seed and epoch: the same ones. */
  *epoch(epoch: number, batchSize: number, start = 0): Generator<RatingBatch> {
    const order = Int32Array.from({ length: this.examples }, (_, place) => place);
    new Random(this.#seed, firstStream + epoch).shuffle(order);
    for (let at = start; at < order.length; at += batchSize)
      yield this.#batchOf(order.subarray(at, at + batchSize));
  }

  #batchOf(places: Int32Array): RatingBatch {
    const { items, ratings } = this.#view;
    const users = places.map((place) => this.#users[place]);
    const batch = this.#features.batch(
      users,
      places.map((place) => items[place]),
    );
    const { indices } = batch;
    const marks = this.#marks;
    const distinct = new Int32Array(Math.min(indices.length, marks.length));
    let count = 0;
    for (let at = 0; at < indices.length; at++)
      if (marks[indices[at]]++ === 0) distinct[count++] = indices[at];
    const rows = distinct.subarray(0, count);
    const shares = new Float32Array(count);
    for (let at = 0; at < count; at++) {
      shares[at] = Math.sqrt(marks[rows[at]] / this.#occurrences[rows[at]]);
      marks[rows[at]] = 0;
    }
    const given = new Float32Array(places.length);
    for (let at = 0; at < places.length; at++) given[at] = ratings[places[at]];
    return { ...batch, ratings: given, rows, shares };
  }

  dispose(): void {}

  [Symbol.dispose](): void {}
}

/** How often each row occurs among the fields of all training ratings. */
function occurrences(view: TrainView, { columns, rows }: FeatureEncoding): Float64Array {
  const { fields, users, items, history, itemCount } = columns;
  const counts = new Float64Array(rows);
  const userFields = fields.filter(({ side }) => side === "user").length;
  for (const [side, ofSide, examples] of [
    [users, userFields, view.userCounts],
    [items, fields.length - userFields, view.itemCounts],
  ] as const)
    for (let index = 0; index < examples.length; index++)
      for (let at = side.offsets[index * ofSide]; at < side.offsets[(index + 1) * ofSide]; at++)
        counts[side.rows[at]] += examples[index];
  if (history === null) return counts;
  const first = rows - itemCount - 1;
  for (let user = 0; user < view.userCount; user++) {
    const [begin, end] = [history.offsets[user], history.offsets[user + 1]];
    // An item is left out of the bag of its own rating; a bag that this leaves empty is the first row.
    for (let at = begin; at < end; at++) counts[first + 1 + history.rows[at]] += view.userCounts[user] - 1;
    if (end - begin === 1) counts[first]++;
  }
  return counts;
}
