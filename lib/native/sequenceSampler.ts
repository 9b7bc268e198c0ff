import { call } from "./addon.js";
import { batchRoom } from "./batchRoom.js";
import { argumentError } from "./errors.js";

/** One batch of packed histories, views of reused memory: valid until the next batch. */
export interface SequenceBatch {
  /** `[sequences + 1]`: sequence `s` is tokens `offsets[s] .. offsets[s + 1]`. */
  readonly offsets: Int32Array;
  /** `[tokens]` the item of each token. */
  readonly inputs: Int32Array;
  /** `[tokens]` place of each token in the window: the last one of a sequence has `length - 1`. */
  readonly positions: Int32Array;
  /** `[tokens]` the item that follows. */
  readonly targets: Int32Array;
  /** `[tokens x negatives]` items that are not in the user's history, uniform. */
  readonly negatives: Int32Array;
}

/** What a {@link SequenceSampler} reads. */
export interface SequenceSource {
  readonly itemCount: number;
  /** `[users + 1]` */
  readonly offsets: Int32Array;
  /** Items of each user, oldest first; users with fewer than two are left out. */
  readonly items: Int32Array;
  /** Most tokens of a sequence. */
  readonly length: number;
  /** Sampled items for each token, 0 for none. */
  readonly negatives: number;
  readonly seed: number;
}

/**
 * Native sampler of sequences: every user's history once an epoch in a seeded order, cut from its end into windows of at
 * most `length` tokens, each token with the item that follows and sampled negatives.
 */
export class SequenceSampler implements Disposable {
  readonly #id: number;
  readonly #length: number;
  readonly #negatives: number;
  /** Sequences an epoch. */
  readonly examples: number;

  /** @throws Llama4RecError `E_ARGUMENT` when the rows are malformed. */
  constructor(source: SequenceSource) {
    this.#length = source.length;
    this.#negatives = source.negatives;
    this.#id = call((addon) =>
      addon.sequencesCreate(
        source.itemCount,
        source.offsets,
        source.items,
        source.length,
        source.negatives,
        source.seed,
      ),
    );
    this.examples = call((addon) => addon.sequencesExamples(this.#id));
  }

  /**
   * Yields the batches of one epoch. Same seed and epoch: same batches in the same order. The sampler has one place in
   * one epoch: a second epoch begun meanwhile takes it over.
   * @param start Sequences of the epoch to leave out, default 0.
   * @throws Llama4RecError `E_ARGUMENT` when `batchSize` is no integer of at least 1, or the arrays of a batch were
   *   transferred away; `E_NO_MEMORY` naming what made the batch so large.
   */
  *epoch(epoch: number, batchSize: number, start = 0): Generator<SequenceBatch> {
    if (!Number.isInteger(batchSize) || batchSize < 1)
      throw argumentError("batchSize", "an integer of at least 1", batchSize);
    // No batch has more sequences than there are; the sampler wants room for one at least.
    const rows = Math.max(1, Math.min(batchSize, this.examples));
    const tokens = { batchSize: rows, length: this.#length };
    const offsets = new Int32Array(rows + 1);
    const inputs = batchRoom(tokens);
    const positions = batchRoom(tokens);
    const targets = batchRoom(tokens);
    const negatives = batchRoom({ ...tokens, negatives: this.#negatives });
    call((addon) => addon.sequencesStartEpoch(this.#id, epoch, start));
    for (;;) {
      const count = call((addon) =>
        addon.sequencesNext(this.#id, offsets, inputs, positions, targets, negatives),
      );
      if (count === 0) return;
      const end = offsets[count];
      yield {
        offsets: offsets.subarray(0, count + 1),
        inputs: inputs.subarray(0, end),
        positions: positions.subarray(0, end),
        targets: targets.subarray(0, end),
        negatives: negatives.subarray(0, end * this.#negatives),
      };
    }
  }

  /** Gives the native state back; calling it twice is fine. */
  dispose(): void {
    call((addon) => addon.sequencesRelease(this.#id));
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
