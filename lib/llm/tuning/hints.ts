import { type DigestPart, digestOf } from "../../data/digest.js";
import type { TrainView } from "../../data/trainView.js";
import { argumentError } from "../../native/errors.js";
import { type EncoderModel, SequenceEncoder } from "../../native/sequenceEncoder.js";

/** A factor model that saw every interaction but those of one fold. */
export interface RankingFold {
  readonly dimension: number;
  /** `[users x dimension]` row-major; zeros for a user of whom it saw nothing. */
  readonly users: Float32Array;
  /** `[items x dimension]` row-major. */
  readonly items: Float32Array;
  /** `[items]`, or null for none. */
  readonly itemBiases: Float32Array | null;
  /** `[users]` The most similar other user of each, -1 for none. */
  readonly similar: Int32Array;
}

/** Sequence models, each of which saw every user but those of one fold. */
export interface SequenceFolds {
  /** `[users]` Fold of each user. */
  readonly userFolds: Uint8Array;
  /** `[folds]` */
  readonly encoders: readonly EncoderModel[];
}

/**
 * What conventional models say about the interactions of a training view that they were not trained on: training prompts
 * with it read like those of inference, where no model knows the answer. Plain data; `interaction` is a place in the
 * view's `items`.
 */
export interface TuningHints {
  /** Digest of the view that they belong to. */
  readonly view: string;
  /** `[interactions]` Fold of each interaction. */
  readonly interactionFolds: Uint8Array;
  /** `[folds]`, or null when not asked for. */
  readonly ranking: readonly RankingFold[] | null;
  /** Null when not asked for. */
  readonly sequence: SequenceFolds | null;
  /** `[interactions]` Rating that a model expects which saw the ratings of all other folds; null when not asked for. */
  readonly expected: Float32Array | null;
}

/** SHA-256 in hex of all that hints say, and of what they do not. */
export function hintsDigest(hints: TuningHints): string {
  return digestOf(partsOf(hints));
}

/** Counts keep lists apart, null stands for what was not asked for. */
function* partsOf({
  view,
  interactionFolds,
  ranking,
  sequence,
  expected,
}: TuningHints): Generator<DigestPart> {
  yield view;
  yield Int32Array.from(interactionFolds);
  yield ranking?.length ?? null;
  for (const fold of ranking ?? []) yield* fieldsOf({ ...fold });
  yield sequence?.encoders.length ?? null;
  if (sequence !== null) yield Int32Array.from(sequence.userFolds);
  for (const { shape, blocks, ...weights } of sequence?.encoders ?? []) {
    yield* fieldsOf({ ...shape });
    yield blocks.length;
    for (const block of blocks) yield* fieldsOf({ ...block });
    yield* fieldsOf(weights);
  }
  yield expected;
}

/** In the order of their names. */
function* fieldsOf(fields: Readonly<Record<string, DigestPart>>): Generator<DigestPart> {
  for (const name of Object.keys(fields).sort()) {
    yield name;
    yield fields[name];
  }
}

/** Answers from {@link TuningHints}; owns the native encoders that it needs. */
export class HintReader implements Disposable {
  readonly #hints: TuningHints;
  /** By fold, made on first use. */
  readonly #encoders = new Map<number, SequenceEncoder>();

  /** @throws Llama4RecError `E_ARGUMENT` when the hints were made for another view. */
  constructor(hints: TuningHints, view: TrainView) {
    if (hints.view !== view.digest)
      throw argumentError("hints", `those of view ${view.digest}`, `those of ${hints.view}`);
    this.#hints = hints;
  }

  /**
   * How a factor model that did not see the interaction scores items for its user.
   * @param interaction Place of the example's answer in the view's `items`.
   * @returns `[items]` in the order asked for, higher is better; null without ranking hints and for a user of whom the
   *   model saw nothing.
   */
  foldScores(user: number, interaction: number, items: ArrayLike<number>): Float64Array | null {
    const fold = this.#rankingFold(interaction);
    if (fold === null) return null;
    const query = fold.users.subarray(user * fold.dimension, (user + 1) * fold.dimension);
    if (query.every((value) => value === 0)) return null;
    const scores = dots(query, fold.items, items);
    const { itemBiases } = fold;
    return itemBiases === null ? scores : scores.map((score, at) => score + itemBiases[items[at]]);
  }

  /**
   * How a sequence model that never saw the user scores items after the beginning of the user's history.
   * @param prefix Items before the example's answer, oldest first.
   * @returns `[items]` in the order asked for, higher is better; null without sequence hints and for an empty beginning.
   * @throws Llama4RecError `E_ARGUMENT` for an unknown item in `prefix`.
   */
  sequenceScores(user: number, prefix: Int32Array, items: ArrayLike<number>): Float64Array | null {
    const { sequence } = this.#hints;
    if (sequence === null || prefix.length === 0) return null;
    const fold = sequence.userFolds[user];
    const histories = { offsets: Int32Array.of(0, prefix.length), items: prefix };
    return dots(this.#encoder(fold, sequence).encode(histories), sequence.encoders[fold].items, items);
  }

  /**
   * The user most similar to `user` for a factor model that did not see the interaction; null without ranking hints and
   * where there is no other user.
   */
  similarUser(user: number, interaction: number): number | null {
    const similar = this.#rankingFold(interaction)?.similar[user] ?? -1;
    return similar < 0 ? null : similar;
  }

  /** Whether the models that did not see one interaction did not see the other either. */
  sameFold(first: number, second: number): boolean {
    const { interactionFolds } = this.#hints;
    return interactionFolds[first] === interactionFolds[second];
  }

  /** The rating expected of an interaction by a model that did not see it; null without rating hints. */
  expectedRating(interaction: number): number | null {
    return this.#hints.expected?.[interaction] ?? null;
  }

  /** Frees native memory; calling it twice is fine. */
  dispose(): void {
    for (const encoder of this.#encoders.values()) encoder.dispose();
    this.#encoders.clear();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #rankingFold(interaction: number): RankingFold | null {
    const { ranking, interactionFolds } = this.#hints;
    return ranking?.[interactionFolds[interaction]] ?? null;
  }

  #encoder(fold: number, { encoders }: SequenceFolds): SequenceEncoder {
    const made = this.#encoders.get(fold) ?? new SequenceEncoder(encoders[fold]);
    this.#encoders.set(fold, made);
    return made;
  }
}

/** Dot products of one vector with some rows of a table, in float64. */
function dots(query: Float32Array, table: Float32Array, rows: ArrayLike<number>): Float64Array {
  const dimension = query.length;
  return Float64Array.from(rows, (row) => {
    let sum = 0;
    for (let d = 0; d < dimension; d++) sum += query[d] * table[row * dimension + d];
    return sum;
  });
}
