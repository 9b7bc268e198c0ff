import type { AsyncOptions } from "../native/asyncCall.js";
import type { TopK, TopKFilter } from "../native/catalogue.js";
import { argumentError } from "../native/errors.js";
import type { SparseRows } from "../native/linalg.js";
import type { RankingModel } from "./frozen.js";

/** Options of {@link Ranker.topK}: filters and the length of the list. */
export interface RankOptions extends TopKFilter {
  /** Longest list, 1 to the size of the catalogue. */
  readonly k: number;
}

/** Options of {@link TrainedRanker.topKAsync}: those of a list, and a signal. */
export interface AsyncRankOptions extends RankOptions, AsyncOptions {}

/**
 * Anything that orders the catalogue for known users: a trained backbone, popularity, EASE.
 * Equal scores: the lower item index first.
 */
export interface Ranker extends Disposable {
  readonly name: string;
  /** Users it knows: indices 0 to userCount - 1. */
  readonly userCount: number;
  /** Items it ranks: indices 0 to itemCount - 1. */
  readonly itemCount: number;
  /**
   * The k best items of each user after the filters; short lists are short.
   * @throws Llama4RecError `E_ARGUMENT` for an unknown user, a bad k or a bad filter.
   */
  topK(users: Int32Array, options: RankOptions): TopK;
  /** Frees native memory; calling it twice is fine. */
  dispose(): void;
}

/**
 * A trained backbone, frozen for serving: the score is a dot product of a user's vector and an item's. Similarity between
 * users is taken from the user vectors.
 */
export interface TrainedRanker extends Ranker {
  readonly dimension: number;
  /** `[userCount x dimension]` row-major; of a sequential model the encoder's last state, made on first use. */
  readonly userVectors: Float32Array;
  /** `[itemCount x dimension]` row-major. */
  readonly itemVectors: Float32Array;
  /** `[itemCount]`, or null for none. */
  readonly itemBiases: Float32Array | null;
  /** The model as plain data: what files and worker threads carry. */
  readonly model: RankingModel;
  /**
   * The lists of {@link Ranker.topK}, bit for bit, made on threads of the engine's own: the event loop goes on meanwhile.
   * Right for work above some 50 microseconds. What is asked for is checked and copied before it returns, and the ranker
   * may be disposed while it runs.
   * @throws Llama4RecError as {@link Ranker.topK}, all as rejections; the signal's reason when aborted.
   */
  topKAsync(users: Int32Array, options: AsyncRankOptions): Promise<TopK>;
}

/**
 * Checks the users that a ranker is asked for.
 * @throws Llama4RecError `E_ARGUMENT` when they are no Int32Array or one is not in `0..userCount - 1`.
 */
export function checkUsers(users: Int32Array, userCount: number): void {
  if (!(users instanceof Int32Array)) throw argumentError("users", "an Int32Array", users);
  for (let row = 0; row < users.length; row++)
    if (users[row] < 0 || users[row] >= userCount)
      throw argumentError(`users[${row}]`, `a user in 0..${userCount - 1}`, users[row]);
}

/** Rows `users` of per-user lists, in the order asked for. */
export function rowsOf(source: { offsets: Int32Array; items: Int32Array }, users: Int32Array): SparseRows {
  const offsets = new Int32Array(users.length + 1);
  for (let row = 0; row < users.length; row++)
    offsets[row + 1] = offsets[row] + source.offsets[users[row] + 1] - source.offsets[users[row]];
  const items = new Int32Array(offsets[users.length]);
  for (let row = 0; row < users.length; row++)
    items.set(
      source.items.subarray(source.offsets[users[row]], source.offsets[users[row] + 1]),
      offsets[row],
    );
  return { offsets, items };
}
