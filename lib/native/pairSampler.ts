import { call } from "./addon.js";
import { batchRoom } from "./batchRoom.js";
import { argumentError } from "./errors.js";

/** One batch of examples for losses over pairs, views of reused memory: valid until the next batch. */
export interface PairBatch {
  readonly users: Int32Array;
  readonly positives: Int32Array;
  /** `[batch x negatives]`, of one example side by side. */
  readonly negatives: Int32Array;
}

/**
 * Native sampler of (user, positive, negatives): every training interaction once an epoch in a seeded order, each with
 * uniform items that are not in the user's training items. An extra triple (user, preferred, other) comes once an epoch
 * too: `other` is its first negative, the rest are drawn; without negatives it is (user, preferred).
 */
export class PairSampler implements Disposable {
  readonly #id: number;
  readonly #negatives: number;
  /** Examples an epoch, extra ones included. */
  readonly examples: number;

  /**
   * @param source Training items, ascending inside a user, and `extra` flat triples (user, preferred, other).
   * @throws Llama4RecError `E_ARGUMENT` when the rows are malformed.
   */
  constructor(source: {
    readonly userCount: number;
    readonly itemCount: number;
    readonly offsets: Int32Array;
    readonly items: Int32Array;
    readonly extra?: Int32Array | null;
    /** Of each example, default 1. */
    readonly negatives?: number;
    readonly seed: number;
  }) {
    const { negatives = 1 } = source;
    this.#negatives = negatives;
    this.#id = call((addon) =>
      addon.samplerCreate(
        source.userCount,
        source.itemCount,
        source.offsets,
        source.items,
        source.extra ?? new Int32Array(0),
        negatives,
        source.seed,
      ),
    );
    this.examples = call((addon) => addon.samplerExamples(this.#id));
  }

  /**
   * Yields the batches of one epoch. Same seed and epoch: same examples in the same order. The sampler has one place
   * in one epoch: a second epoch begun meanwhile takes it over.
   * @param start Examples of the epoch to leave out, default 0.
   * @throws Llama4RecError `E_ARGUMENT` when `batchSize` is no integer of at least 1, or the arrays of a batch were
   *   transferred away; `E_NO_MEMORY` naming what made the batch so large.
   */
  *epoch(epoch: number, batchSize: number, start = 0): Generator<PairBatch> {
    if (!Number.isInteger(batchSize) || batchSize < 1)
      throw argumentError("batchSize", "an integer of at least 1", batchSize);
    // No batch has more examples than there are; the sampler wants room for one at least.
    const rows = Math.max(1, Math.min(batchSize, this.examples));
    const users = batchRoom({ batchSize: rows });
    const positives = batchRoom({ batchSize: rows });
    const negatives = batchRoom({ batchSize: rows, negatives: this.#negatives });
    call((addon) => addon.samplerStartEpoch(this.#id, epoch, start));
    for (;;) {
      const count = call((addon) => addon.samplerNext(this.#id, users, positives, negatives));
      if (count === 0) return;
      yield {
        users: users.subarray(0, count),
        positives: positives.subarray(0, count),
        negatives: negatives.subarray(0, count * this.#negatives),
      };
    }
  }

  /** Gives the native state back; calling it twice is fine. */
  dispose(): void {
    call((addon) => addon.samplerRelease(this.#id));
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
