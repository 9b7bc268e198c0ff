import { call } from "../native/addon.js";
import { present, room } from "../native/catalogue.js";
import { argumentError } from "../native/errors.js";
import { deviceIndex, type KernelOptions } from "./device.js";

/**
 * How an {@link EmbeddingTable} keeps its numbers: as they are; in 16 bits (relative error at most 2^-8 of
 * normal numbers); in 8 bits with a scale for each row (absolute error at most 1/254 of the row's largest, if that is normal).
 */
export type EmbeddingStorage = "float32" | "bf16" | "int8";

/** Rows in a typed array of the caller: `[rows x dimension]`, row-major. */
export interface EmbeddingRows {
  readonly values: Float32Array;
  readonly dimension: number;
}

/**
 * Embedding rows in memory of the engine: immutable, on huge pages where the system has them (a random row costs less
 * than from a typed array), and smaller with another storage. A table in a typed array needs no such copy: pass
 * {@link EmbeddingRows}.
 *
 * @example
 * ```ts
 * using table = new EmbeddingTable(new Float32Array([1, 2, 3, 4]), { dimension: 2, storage: "bf16" });
 * embeddingLookup(table, Int32Array.of(1)); // Float32Array [ 3, 4 ]
 * ```
 */
export class EmbeddingTable implements Disposable {
  readonly rows: number;
  readonly dimension: number;
  readonly storage: EmbeddingStorage;
  readonly #id: number;
  /** A lease is given back once, whoever else holds one. */
  #disposed = false;

  /**
   * @param values `[rows x dimension]` row-major, copied.
   * @param options `storage` is float32 by default.
   * @throws Llama4RecError `E_ARGUMENT` when sizes do not fit or a number is not finite.
   */
  constructor(values: Float32Array, options: { dimension: number; storage?: EmbeddingStorage }) {
    const { dimension, storage = "float32" } = options;
    this.rows = rowCount(values, dimension);
    this.dimension = dimension;
    this.storage = storage;
    this.#id = call((addon) => addon.embeddingCreate(values, dimension, storage));
  }

  /**
   * Of the native table.
   * @internal
   */
  get id(): number {
    return this.#id;
  }

  /** Bytes that the rows take. */
  get bytes(): number {
    return call((addon) => addon.embeddingBytes(this.#id));
  }

  /** Gives the memory back; calling it twice is fine. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    call((addon) => addon.embeddingRelease(this.#id));
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Options of {@link embeddingLookup}. */
export interface LookupOptions extends KernelOptions {
  /** `[ids x dimension]`: written over and returned; by default new memory. */
  readonly into?: Float32Array;
}

/**
 * Rows of a table by number, one after another: `[ids x dimension]`.
 *
 * @throws Llama4RecError `E_ARGUMENT` for an id outside the table (its place is named), memory of another size or memory
 *   shared with what is read, `E_DISPOSED` for a disposed table, `E_DEVICE` for a device that is not there.
 * @example
 * ```ts
 * const table = { values: new Float32Array([1, 2, 3, 4]), dimension: 2 };
 * embeddingLookup(table, Int32Array.of(1, 0)); // Float32Array [ 3, 4, 1, 2 ]
 * ```
 */
export function embeddingLookup(
  table: EmbeddingTable | EmbeddingRows,
  ids: Int32Array,
  options: LookupOptions = {},
): Float32Array {
  const device = deviceIndex(options);
  const source = sourceOf(table);
  present("ids", ids, Int32Array);
  const into = options.into ?? room(Float32Array, ids.length * table.dimension);
  call((addon) => addon.embeddingLookup(source, table.dimension, ids, into, device));
  return into;
}

/** Bags of rows and how each becomes one. */
export interface BagOptions extends LookupOptions {
  /** Bag `b` is `ids[offsets[b] .. offsets[b + 1])`: rising from 0 to the number of ids. */
  readonly offsets: Int32Array;
  /** One number an id; by default all 1. */
  readonly weights?: Float32Array | null;
  /** `mean` weighs the sum by one over the number of ids, not by the sum of the weights; an empty bag is zeros. Default `sum`. */
  readonly mode?: "sum" | "mean";
}

/**
 * Pooled rows of a table, `[bags x dimension]`: the (weighted) sum or mean of the rows of each bag, added in float32 in
 * the order of the ids.
 *
 * @throws Llama4RecError as {@link embeddingLookup}, and `E_ARGUMENT` for malformed offsets or weights.
 * @example
 * ```ts
 * const table = { values: new Float32Array([1, 2, 3, 4]), dimension: 2 };
 * embeddingBag(table, Int32Array.of(0, 1), { offsets: Int32Array.of(0, 2) }); // Float32Array [ 4, 6 ]
 * ```
 */
export function embeddingBag(
  table: EmbeddingTable | EmbeddingRows,
  ids: Int32Array,
  options: BagOptions,
): Float32Array {
  const device = deviceIndex(options);
  const { offsets, weights = null, mode = "sum" } = options;
  if (mode !== "sum" && mode !== "mean") throw argumentError("mode", '"sum" or "mean"', mode);
  const source = sourceOf(table);
  present("ids", ids, Int32Array);
  const bags = Math.max(0, present("offsets", offsets, Int32Array).length - 1);
  const into = options.into ?? room(Float32Array, bags * table.dimension);
  if (weights !== null && weights.length !== ids.length)
    throw argumentError("weights", `${ids.length} numbers, one an id`, weights.length);
  call((addon) =>
    addon.embeddingBag(source, table.dimension, ids, offsets, weights, mode === "mean", into, device),
  );
  return into;
}

/** What the addon takes. */
function sourceOf(table: EmbeddingTable | EmbeddingRows): number | Float32Array {
  if (table instanceof EmbeddingTable) return table.id;
  if (typeof table !== "object" || table === null)
    throw argumentError("table", "an EmbeddingTable, or values with their dimension", table);
  rowCount(table.values, table.dimension);
  return table.values;
}

function rowCount(values: Float32Array, dimension: number): number {
  if (!Number.isInteger(dimension) || dimension < 1)
    throw argumentError("dimension", "an integer of at least 1", dimension);
  if (present("values", values, Float32Array).length % dimension !== 0)
    throw argumentError("values", `a multiple of ${dimension} numbers`, values.length);
  return values.length / dimension;
}
