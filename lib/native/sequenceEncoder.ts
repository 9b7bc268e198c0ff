import { call, type NativeTopKFilter } from "./addon.js";
import { type AsyncOptions, asyncCall } from "./asyncCall.js";
import {
  type AsyncTopKOptions,
  type Catalogue,
  nativeFilter,
  rowsFor,
  type TopK,
  type TopKOptions,
} from "./catalogue.js";
import { argumentError, Llama4RecError } from "./errors.js";

/** The architecture of a {@link SequenceEncoder}; Kang and McAuley, SASRec, ICDM 2018, section III. */
export interface EncoderShape {
  /** Length of item vectors and states, d. */
  readonly dimension: number;
  /** Width of the feed-forward layer. */
  readonly hidden: number;
  readonly blocks: number;
  /** Attention heads; divides `dimension`. */
  readonly heads: number;
  /** Most tokens of a history: its last items, and the mask token where there is one. */
  readonly length: number;
  /** A token sees itself and those before it; else the whole history. */
  readonly causal: boolean;
  /** Of the feed-forward layer. */
  readonly activation: "none" | "relu" | "gelu";
  /** Item vectors are multiplied by this where they enter the encoder. */
  readonly inputScale: number;
  /** Of the layer norms. */
  readonly epsilon: number;
}

/** Weights of one block, row-major. */
export interface EncoderBlock {
  /** `[d]` each. */
  readonly norm1Gain: Float32Array;
  readonly norm1Bias: Float32Array;
  /** Queries, keys and values side by side: `[d x 3 d]`, `[3 d]`. */
  readonly qkv: Float32Array;
  readonly qkvBias: Float32Array;
  /** `[d x d]`, `[d]` */
  readonly out: Float32Array;
  readonly outBias: Float32Array;
  /** `[d]` each. */
  readonly norm2Gain: Float32Array;
  readonly norm2Bias: Float32Array;
  /** `[d x hidden]`, `[hidden]` */
  readonly up: Float32Array;
  readonly upBias: Float32Array;
  /** `[hidden x d]`, `[d]` */
  readonly down: Float32Array;
  readonly downBias: Float32Array;
}

/** A trained encoder as plain data. */
export interface EncoderModel {
  readonly shape: EncoderShape;
  /** `[items x d]`: input vectors, and what states are scored against. */
  readonly items: Float32Array;
  /** `[length x d]`: the last token of a history has position `length - 1`. */
  readonly positions: Float32Array;
  readonly blocks: readonly EncoderBlock[];
  /** `[d]` each: of the last layer norm. */
  readonly normGain: Float32Array;
  readonly normBias: Float32Array;
  /** `[d]`: stands behind the last item, and its state is that of the history (BERT4Rec); none by default. */
  readonly maskToken?: Float32Array;
}

/** Most items of a history that count: its last ones. */
export const countedItems = ({ shape, maskToken }: Pick<EncoderModel, "shape" | "maskToken">): number =>
  maskToken === undefined ? shape.length : shape.length - 1;

/** What users chose: row `b` is `items[offsets[b] .. offsets[b + 1])`, oldest first. */
export interface Histories {
  readonly offsets: Int32Array;
  readonly items: Int32Array;
}

/** The weights of a block, in the order in which the addon takes them. */
export const encoderBlockWeights = [
  "norm1Gain",
  "norm1Bias",
  "qkv",
  "qkvBias",
  "out",
  "outBias",
  "norm2Gain",
  "norm2Bias",
  "up",
  "upBias",
  "down",
  "downBias",
] as const satisfies readonly (keyof EncoderBlock)[];

/**
 * Inference of a trained sequence model without a tape: history to state, and straight on to the best items. Immutable;
 * its states equal those of the training forward pass to about 1e-6.
 */
export class SequenceEncoder implements Disposable {
  readonly itemCount: number;
  readonly dimension: number;
  readonly #id: number;
  /** A lease is given back once, whoever else holds one. */
  #disposed = false;

  /**
   * @param model Copied.
   * @param shared {@link SequenceEncoder.id} of an encoder of this very model on another thread: this one shares its
   *   native weights instead of a copy. Or a catalogue of the model's items: that is searched, nothing as large is made, and it may
   *   be disposed of at once.
   * @throws Llama4RecError `E_ARGUMENT` when sizes do not fit or a number is not finite; `E_DISPOSED` when nobody holds
   *   the shared weights any more.
   */
  constructor(model: EncoderModel, shared?: number | Catalogue) {
    const { shape, items, maskToken } = model;
    if (!Number.isInteger(shape.dimension) || shape.dimension < 1)
      throw argumentError("shape.dimension", "an integer of at least 1", shape.dimension);
    if (model.blocks.length !== shape.blocks)
      throw argumentError("blocks", `${shape.blocks} blocks`, model.blocks.length);
    if (maskToken !== undefined && maskToken.length !== shape.dimension)
      throw argumentError("maskToken", `${shape.dimension} numbers`, maskToken.length);
    this.dimension = shape.dimension;
    this.itemCount = items.length / shape.dimension;
    if (typeof shared === "number") {
      call((addon) => addon.encoderAcquire(shared));
      this.#id = shared;
      return;
    }
    const weights = [
      model.positions,
      ...model.blocks.flatMap((block) => encoderBlockWeights.map((name) => block[name])),
      model.normGain,
      model.normBias,
    ];
    if (shared !== undefined && shared.size !== this.itemCount)
      throw argumentError("shared", `a catalogue of ${this.itemCount} items`, shared.size);
    this.#id = call((addon) =>
      shared === undefined
        ? addon.encoderCreate(shape, [items, ...weights], maskToken ?? null)
        : addon.encoderOver(shared.id, shape, weights, maskToken ?? null),
    );
  }

  /** Id of the native weights: other threads of the process may share them while this one holds them. */
  get id(): number {
    return this.#id;
  }

  /**
   * The state after each history, `[histories x d]`; zeros for an empty one. Right for work below some 50 microseconds,
   * which is one short history; {@link SequenceEncoder.encodeAsync} is for more.
   * @throws Llama4RecError `E_ARGUMENT` for an unknown item or malformed offsets.
   */
  encode(histories: Histories): Float32Array {
    checkHistories(histories);
    return call((addon) => addon.encoderEncode(this.#id, histories.offsets, histories.items));
  }

  /**
   * The same on threads of the engine's own: the event loop goes on meanwhile. Right for work above some 50
   * microseconds. The histories are checked and copied before it returns, and the encoder may be disposed while it runs.
   * @throws Llama4RecError as {@link SequenceEncoder.encode}, all as rejections; the signal's reason when aborted.
   */
  async encodeAsync(histories: Histories, options: AsyncOptions = {}): Promise<Float32Array> {
    checkHistories(histories);
    const { offsets, items } = histories;
    const states = this.#roomForStates(Math.max(0, offsets.length - 1));
    await asyncCall(
      (addon, done) => addon.encoderEncodeAsync(this.#id, offsets, items, states, done),
      options,
    );
    return states;
  }

  /**
   * The k best items after each history; a history without an item has an empty list. Right for work below some 50
   * microseconds; {@link SequenceEncoder.topKAsync} is for more.
   * @throws Llama4RecError `E_ARGUMENT` for an unknown item, malformed offsets, a bad k or a bad filter.
   */
  topK(histories: Histories, options: TopKOptions): TopK {
    const { filter, rows } = this.#checked(histories, options);
    const { k, ids, scores, counts } = rows;
    const { offsets, items } = histories;
    call((addon) => addon.encoderTopK(this.#id, offsets, items, k, filter, ids, scores, counts));
    return rows;
  }

  /**
   * The same on threads of the engine's own: the event loop goes on meanwhile. Right for work above some 50
   * microseconds. Histories and filter are checked and copied before it returns, and the encoder may be disposed while it
   * runs. `into` is written at the end.
   * @throws Llama4RecError as {@link SequenceEncoder.topK}, all as rejections, and `E_ARGUMENT` when the memory of `into`
   *   was transferred or resized meanwhile; the signal's reason when aborted.
   */
  async topKAsync(histories: Histories, options: AsyncTopKOptions): Promise<TopK> {
    const { filter, rows } = this.#checked(histories, options);
    const { k, ids, scores, counts } = rows;
    const { offsets, items } = histories;
    await asyncCall(
      (addon, done) => addon.encoderTopKAsync(this.#id, offsets, items, k, filter, ids, scores, counts, done),
      options,
    );
    return rows;
  }

  #checked(histories: Histories, options: TopKOptions): { filter: NativeTopKFilter | null; rows: TopK } {
    checkHistories(histories);
    const { k } = options;
    if (!Number.isInteger(k) || k < 1 || k > this.itemCount)
      throw argumentError("k", `an integer from 1 to the ${this.itemCount} items of the catalogue`, k);
    const batch = Math.max(0, histories.offsets.length - 1);
    return { filter: nativeFilter(options, batch, this.itemCount), rows: rowsFor(batch, options) };
  }

  #roomForStates(count: number): Float32Array {
    try {
      return new Float32Array(count * this.dimension);
    } catch (cause) {
      const room = `${count} states of ${this.dimension} numbers`;
      throw new Llama4RecError("E_NO_MEMORY", `histories: expected memory for ${room}, got none`, { cause });
    }
  }

  /** Gives the native weights back; calling it twice is fine. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    call((addon) => addon.encoderRelease(this.#id));
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function checkHistories(histories: Histories): void {
  for (const name of ["offsets", "items"] as const)
    if (!(histories?.[name] instanceof Int32Array))
      throw argumentError(`histories.${name}`, "an Int32Array", histories?.[name]);
}
