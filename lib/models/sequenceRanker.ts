import type { AsyncOptions } from "../native/asyncCall.js";
import type { TopK } from "../native/catalogue.js";
import { countedItems, type Histories, SequenceEncoder } from "../native/sequenceEncoder.js";
import type { SequenceModel } from "./frozen.js";
import { type AsyncRankOptions, checkUsers, type RankOptions, rowsOf, type TrainedRanker } from "./ranker.js";

/** A trained sequential model: it ranks for its known users and for any history. */
export interface SequenceRanker extends TrainedRanker {
  /** Most items of a history that count: its last ones. */
  readonly length: number;
  /**
   * The k best items after each history; a history without an item has an empty list.
   * @throws Llama4RecError `E_ARGUMENT` for an unknown item, malformed offsets, a bad k or a bad filter.
   */
  topKAfter(histories: Histories, options: RankOptions): TopK;
  /** The encoder's state after each history, `[histories x dimension]`; zeros for an empty one. */
  encode(histories: Histories): Float32Array;
  /** The lists of {@link SequenceRanker.topKAfter}, bit for bit, made as those of {@link TrainedRanker.topKAsync} are. */
  topKAfterAsync(histories: Histories, options: AsyncRankOptions): Promise<TopK>;
  /** The states of {@link SequenceRanker.encode}, bit for bit, made as the lists of {@link TrainedRanker.topKAsync} are. */
  encodeAsync(histories: Histories, options?: AsyncOptions): Promise<Float32Array>;
}

/**
 * Whether a ranker can rank after any history.
 *
 * @example
 * ```ts
 * const { ranker } = await train({ backbone: "SASRec", view, seed: 1 });
 * if (isSequenceRanker(ranker)) {
 *   const history = { offsets: Int32Array.of(0, 3), items: Int32Array.of(12, 7, 40) };
 *   const top = ranker.topKAfter(history, { k: 10, excluded: history });
 * }
 * ```
 */
export function isSequenceRanker(ranker: TrainedRanker): ranker is SequenceRanker {
  return ranker.model.kind === "sequence";
}

/** Histories that one call of {@link SequenceRanker.encode} over all users takes. */
const blockSize = 256;

/** The ranker of a sequential model, over the native encoder and catalogue. */
export function sequenceRanker(model: SequenceModel, shared?: number): SequenceRanker {
  const { histories } = model;
  const encoder = new SequenceEncoder(model.encoder, shared);
  const userCount = histories.offsets.length - 1;
  const { dimension } = model.encoder.shape;
  let states: Float32Array | undefined;
  const historiesOf = (asked: Int32Array): Histories => {
    checkUsers(asked, userCount);
    return rowsOf(histories, asked);
  };
  return {
    name: model.name,
    model,
    userCount,
    itemCount: encoder.itemCount,
    dimension,
    length: countedItems(model.encoder),
    get userVectors(): Float32Array {
      states ??= allStates(encoder, histories);
      return states;
    },
    itemVectors: model.encoder.items,
    itemBiases: null,
    topK(asked: Int32Array, options: RankOptions): TopK {
      return encoder.topK(historiesOf(asked), options);
    },
    async topKAsync(asked: Int32Array, options: AsyncRankOptions): Promise<TopK> {
      return encoder.topKAsync(historiesOf(asked), options);
    },
    topKAfter: (rows, options) => encoder.topK(rows, options),
    topKAfterAsync: (rows, options) => encoder.topKAsync(rows, options),
    encode: (rows) => encoder.encode(rows),
    encodeAsync: (rows, options) => encoder.encodeAsync(rows, options),
    dispose: () => encoder.dispose(),
    [Symbol.dispose]: () => encoder.dispose(),
  };
}

/** States of all histories, block by block. */
function allStates(encoder: SequenceEncoder, histories: Histories): Float32Array {
  const users = Int32Array.from({ length: histories.offsets.length - 1 }, (_, user) => user);
  const states = new Float32Array(users.length * encoder.dimension);
  for (let start = 0; start < users.length; start += blockSize)
    states.set(
      encoder.encode(rowsOf(histories, users.subarray(start, start + blockSize))),
      start * encoder.dimension,
    );
  return states;
}
