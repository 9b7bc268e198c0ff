import type { FactorModel, RankingModel, SequenceModel } from "../models/frozen.js";
import type { Catalogue, TopK, TopKFilter } from "../native/catalogue.js";
import { Llama4RecError } from "../native/errors.js";
import { SequenceEncoder } from "../native/sequenceEncoder.js";
import { type FoldInMap, foldInOf } from "./foldIn.js";

/** Somebody to recommend to, as the conventional model sees them. */
export interface Query {
  /** Index of a user of the training, -1 for anybody else. */
  readonly user: number;
  /** All that is known of them, oldest first, no item twice. */
  readonly items: Int32Array;
  /** Whether `items` is more, less or other than what the model was trained on for `user`. */
  readonly changed: boolean;
}

/** How many, and among which. */
export interface SearchOptions extends TopKFilter {
  readonly k: number;
}

/** A conventional model that serves: from queries to the best items. */
export interface Engine extends Disposable {
  readonly itemCount: number;
  readonly dimension: number;
  /** `[items x dimension]` row-major. */
  readonly itemVectors: Float32Array;
  /** `[items]`, of scores; null: none. */
  readonly itemBiases: Float32Array | null;
  /** How somebody who was not in training is served. */
  readonly foldIn: string;
  /** Whether one query takes less than some 50 microseconds, and so need not leave the calling thread. */
  readonly quick: boolean;
  topK(queries: readonly Query[], options: SearchOptions): TopK;
  topKAsync(queries: readonly Query[], options: SearchOptions): Promise<TopK>;
  /** The vector that item vectors are scored against. `[dimension]` */
  vector(query: Query): Float32Array;
  /** Score of one item for a vector of {@link Engine.vector}. */
  score(vector: Float32Array, item: number): number;
}

/** Multiplications of one query that the engine does in some 50 microseconds. */
const quickWork = 2_000_000;

/**
 * @param catalogue Of the model's items; the engine owns it.
 * @param map How somebody new gets a vector; of a factor model.
 * @throws Llama4RecError `E_CORRUPT` for a factor model without a map.
 */
export function engineOf(model: RankingModel, catalogue: Catalogue, map: FoldInMap | null): Engine {
  if (model.kind === "sequence") return sequenceEngine(model, catalogue);
  if (map === null)
    throw new Llama4RecError("E_CORRUPT", `${model.name}: expected how new users get a vector, got nothing`);
  return factorEngine(model, catalogue, map);
}

function factorEngine({ factors }: FactorModel, catalogue: Catalogue, map: FoldInMap): Engine {
  const { dimension, users, items, itemBiases } = factors;
  const foldIn = foldInOf(factors, map);
  const vector = ({ user, items: seen, changed }: Query): Float32Array => {
    if (user >= 0 && !changed) return users.subarray(user * dimension, (user + 1) * dimension);
    return foldIn.vector(seen);
  };
  const vectors = (queries: readonly Query[]): Float32Array => {
    const rows = new Float32Array(queries.length * dimension);
    for (const [row, query] of queries.entries()) rows.set(vector(query), row * dimension);
    return rows;
  };
  return {
    itemCount: catalogue.size,
    dimension,
    itemVectors: items,
    itemBiases,
    foldIn: foldIn.method,
    quick: catalogue.size * dimension <= quickWork,
    topK: (queries, options) => catalogue.topK(vectors(queries), options),
    topKAsync: (queries, options) => catalogue.topKAsync(vectors(queries), options),
    vector,
    score: (query, item) => dot(query, items, item) + (itemBiases?.[item] ?? 0),
    [Symbol.dispose]: () => catalogue.dispose(),
  };
}

function sequenceEngine({ encoder: model }: SequenceModel, catalogue: Catalogue): Engine {
  const encoder = new SequenceEncoder(model, catalogue);
  catalogue.dispose(); // the encoder holds it
  const { items, shape } = model;
  const histories = (queries: readonly Query[]) => {
    const offsets = new Int32Array(queries.length + 1);
    for (const [row, { items: seen }] of queries.entries()) offsets[row + 1] = offsets[row] + seen.length;
    const all = new Int32Array(offsets[queries.length]);
    for (const [row, { items: seen }] of queries.entries()) all.set(seen, offsets[row]);
    return { offsets, items: all };
  };
  return {
    itemCount: encoder.itemCount,
    dimension: encoder.dimension,
    itemVectors: items,
    itemBiases: null,
    foldIn: "the history itself",
    quick: encoder.itemCount * shape.dimension <= quickWork / 2,
    topK: (queries, options) => encoder.topK(histories(queries), options),
    topKAsync: (queries, options) => encoder.topKAsync(histories(queries), options),
    vector: (query) => encoder.encode(histories([query])),
    score: (vector, item) => dot(vector, items, item),
    [Symbol.dispose]: () => encoder.dispose(),
  };
}

function dot(vector: Float32Array, table: Float32Array, row: number): number {
  let sum = 0;
  for (let d = 0; d < vector.length; d++) sum += vector[d] * table[row * vector.length + d];
  return sum;
}
