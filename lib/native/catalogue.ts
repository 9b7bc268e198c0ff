import { call, type NativeTopKFilter } from "./addon.js";
import { type AsyncOptions, asyncCall } from "./asyncCall.js";
import { argumentError, Llama4RecError } from "./errors.js";

/** Which items a top-k call may return. Indices are item indices; anything excluded is gone before the top-k. */
export interface TopKFilter {
  /** Items to leave out per query: row `b` is `items[offsets[b] .. offsets[b + 1])`, in any order. */
  readonly excluded?: { readonly offsets: Int32Array; readonly items: Int32Array } | null;
  /** Items denied to the whole batch. */
  readonly denied?: Int32Array | null;
  /** If given, only these items. */
  readonly allowed?: Int32Array | null;
}

/** Top-k of a batch. Row `b` holds `counts[b]` entries, best first: never more than there are, never padding. */
export interface TopK {
  readonly k: number;
  /** `[batch x k]` item indices. */
  readonly ids: Int32Array;
  /** `[batch x k]` float64 scores. */
  readonly scores: Float64Array;
  /** `[batch]` real length of each row. */
  readonly counts: Int32Array;
}

/** How many to find, among which, and where to put them. */
export interface TopKOptions extends TopKFilter {
  readonly k: number;
  /** An earlier result of the same k and number of queries: its memory is written over, and it is returned. */
  readonly into?: TopK;
}

/** A top-k that leaves the event loop free. */
export interface AsyncTopKOptions extends TopKOptions, AsyncOptions {}

/** Item indices of row `row`, best first, of its real length. */
export function topKRow(result: TopK, row: number): Int32Array {
  return result.ids.subarray(row * result.k, row * result.k + result.counts[row]);
}

/**
 * `k`, if it is a number of items.
 * @throws Llama4RecError `E_ARGUMENT`.
 * @internal
 */
export function checkedK(k: number, items: number): number {
  if (!Number.isInteger(k) || k < 1 || k > items)
    throw argumentError("k", `an integer from 1 to the ${items} items there are`, k);
  return k;
}

/**
 * A typed array with its memory: one whose memory was transferred away must not read as empty.
 * @throws Llama4RecError `E_ARGUMENT` for that and for another kind.
 * @internal
 */
export function present<T extends Int32Array | Float32Array | Float64Array>(
  name: string,
  value: T,
  kind: new (...args: never[]) => T,
): T {
  if (!(value instanceof kind))
    throw argumentError(name, `${/^[AEIOU]/.test(kind.name) ? "an" : "a"} ${kind.name}`, value);
  if (value.length === 0 && isDetached(value.buffer))
    throw argumentError(name, "an array with its memory", "one whose buffer was transferred");
  return value;
}

const list = (name: string, value: Int32Array): Int32Array => present(name, value, Int32Array);

function isDetached(buffer: ArrayBufferLike): boolean {
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}

/**
 * What the addon takes; null: nothing is left out.
 * @internal
 */
export function nativeFilter(filter: TopKFilter, batch: number, items: number): NativeTopKFilter | null {
  const { excluded = null, denied = null, allowed = null } = filter;
  if (excluded === null && denied === null && allowed === null) return null;
  const offsets = excluded === null ? null : list("excluded.offsets", excluded.offsets);
  if (offsets !== null && offsets.length !== batch + 1)
    throw argumentError("excluded.offsets", `${batch + 1} numbers for ${batch} queries`, offsets.length);
  return {
    excludedOffsets: offsets,
    excluded: excluded === null ? null : list("excluded.items", excluded.items),
    denied: denied === null ? null : flags(list("denied", denied), items),
    allowed: allowed === null ? null : list("allowed", allowed),
  };
}

/** One byte an item, 1 for those listed. */
function flags(denied: Int32Array, items: number): Uint8Array {
  const bytes = new Uint8Array(items);
  for (const item of denied) {
    if (!(item >= 0 && item < items)) throw argumentError("denied", `items in 0..${items - 1}`, item);
    bytes[item] = 1;
  }
  return bytes;
}

/**
 * Memory for a result.
 * @throws Llama4RecError `E_NO_MEMORY` when there is not so much.
 * @internal
 */
export function room<T>(kind: new (length: number) => T, length: number): T {
  try {
    return new kind(length);
  } catch (cause) {
    throw new Llama4RecError("E_NO_MEMORY", `a result of ${length} numbers cannot be had`, { cause });
  }
}

/**
 * Memory for `batch` lists of `k`: new, or that of an earlier result.
 * @internal
 */
export function rowsFor(batch: number, { k, into }: TopKOptions): TopK {
  if (into === undefined) {
    const places = batch * k;
    return {
      k,
      ids: room(Int32Array, places),
      scores: room(Float64Array, places),
      counts: room(Int32Array, batch),
    };
  }
  if (into.k !== k || into.counts?.length !== batch)
    throw argumentError("into", `a result of ${batch} x ${k}`, `one of ${into.counts?.length} x ${into.k}`);
  return into;
}

/**
 * An immutable snapshot of item vectors, searched exactly: `score = query . item + bias`, the same items as a float64
 * brute force, ties by lower index.
 *
 * @example
 * ```ts
 * using catalogue = new Catalogue(new Float32Array([1, 0, 0, 1]), { dimension: 2 });
 * const top = catalogue.topK(new Float32Array([0.2, 0.9]), { k: 1 });
 * topKRow(top, 0); // Int32Array [ 1 ]
 * ```
 */
export class Catalogue implements Disposable {
  readonly size: number;
  readonly dimension: number;
  readonly #id: number;
  /** A lease is given back once, whoever else holds one. */
  #disposed = false;

  /**
   * @param items `[size x dimension]` row-major, copied.
   * @param options `biases` has one number an item. `shared` is the {@link Catalogue.id} of a catalogue of these very
   *   items on another thread: this one shares its native snapshot instead of a copy.
   * @throws Llama4RecError `E_ARGUMENT` when lengths do not fit or a number is not finite; `E_DISPOSED` when nobody holds
   *   the shared snapshot any more.
   */
  constructor(
    items: Float32Array,
    options: { dimension: number; biases?: Float32Array | null; shared?: number },
  );
  /**
   * The catalogue of another thread, or of a file, by its id alone.
   * @throws Llama4RecError `E_DISPOSED` when nobody holds the shared snapshot any more.
   */
  constructor(items: null, options: { shared: number });
  constructor(
    items: Float32Array | null,
    options: { dimension?: number; biases?: Float32Array | null; shared?: number },
  ) {
    const { biases = null, shared } = options;
    if (items === null) {
      if (shared === undefined) throw argumentError("items", "a Float32Array", items);
      call((addon) => addon.catalogueAcquire(shared));
      const sizes = call((addon) => addon.catalogueSizes(shared));
      this.#id = shared;
      this.size = sizes.items;
      this.dimension = sizes.dimension;
      return;
    }
    const { dimension = Number.NaN } = options;
    if (!Number.isInteger(dimension) || dimension < 1)
      throw argumentError("dimension", "an integer of at least 1", options.dimension);
    if (present("items", items, Float32Array).length % dimension !== 0)
      throw argumentError("items", `a multiple of ${dimension} numbers`, items.length);
    this.dimension = dimension;
    this.size = items.length / dimension;
    if (biases !== null && present("biases", biases, Float32Array).length !== this.size)
      throw argumentError("biases", `${this.size} numbers, one an item`, biases.length);
    if (shared !== undefined) {
      call((addon) => addon.catalogueAcquire(shared));
      const there = call((addon) => addon.catalogueSizes(shared));
      if (there.items !== this.size || there.dimension !== dimension) {
        call((addon) => addon.catalogueRelease(shared));
        throw argumentError(
          "shared",
          `a catalogue of ${this.size} x ${dimension}`,
          `one of ${there.items} x ${there.dimension}`,
        );
      }
    }
    this.#id = shared ?? call((addon) => addon.catalogueCreate(items, biases, this.size, dimension));
  }

  /** Id of the native snapshot: other threads of the process may share it while this one holds it. */
  get id(): number {
    return this.#id;
  }

  /**
   * The k best items of each query, found before it returns: right for work below some 50 microseconds, such as one query
   * against 10,000 items. {@link Catalogue.topKAsync} is for more.
   * @param queries `[batch x dimension]` row-major.
   * @throws Llama4RecError `E_ARGUMENT` for a bad k, shape, filter, memory of another shape or a number that is not finite.
   */
  topK(queries: Float32Array, options: TopKOptions): TopK {
    const { batch, filter, rows } = this.#checked(queries, options);
    const { k, ids, scores, counts } = rows;
    call((addon) => addon.catalogueTopK(this.#id, queries, batch, k, filter, ids, scores, counts));
    return rows;
  }

  /**
   * The same on threads of the engine's own: the event loop goes on meanwhile. Right for work above some 50 microseconds:
   * the call itself costs 15 to 40, about 5 of them on the event loop. Queries and filter are checked and copied before it
   * returns, so they may change at once, and the catalogue may be disposed while it runs. `into` is written at the end: give each call in flight its own.
   * @throws Llama4RecError as {@link Catalogue.topK}, all as rejections, and `E_ARGUMENT` when the memory of `into` was
   *   transferred or resized meanwhile; the signal's reason when aborted.
   */
  async topKAsync(queries: Float32Array, options: AsyncTopKOptions): Promise<TopK> {
    const { batch, filter, rows } = this.#checked(queries, options);
    const { k, ids, scores, counts } = rows;
    await asyncCall(
      (addon, done) =>
        addon.catalogueTopKAsync(this.#id, queries, batch, k, filter, ids, scores, counts, done),
      options,
    );
    return rows;
  }

  #checked(
    queries: Float32Array,
    options: TopKOptions,
  ): { batch: number; filter: NativeTopKFilter | null; rows: TopK } {
    checkedK(options.k, this.size);
    if (present("queries", queries, Float32Array).length % this.dimension !== 0)
      throw argumentError("queries", `a multiple of ${this.dimension} numbers`, queries.length);
    const batch = queries.length / this.dimension;
    const filter = nativeFilter(options, batch, this.size);
    return { batch, filter, rows: rowsFor(batch, options) };
  }

  /** Gives the native snapshot back; calling it twice is fine. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    call((addon) => addon.catalogueRelease(this.#id));
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * The k best entries of dense float64 scores `[batch x items]` under the same rule as {@link Catalogue.topK}. It has no
 * asynchronous form: the copy that one needs takes the event loop as long as the selection does, which reads each score once.
 * @throws Llama4RecError `E_ARGUMENT` for a bad k, shape, filter or a score that is not a number.
 */
export function selectTopK(scores: Float64Array, items: number, options: TopKOptions): TopK {
  const k = checkedK(options.k, items);
  if (!Number.isInteger(items) || items < 1 || present("scores", scores, Float64Array).length % items !== 0)
    throw argumentError("scores", `a multiple of ${items} numbers`, scores.length);
  const batch = scores.length / items;
  const filter = nativeFilter(options, batch, items);
  const rows = rowsFor(batch, options);
  call((addon) => addon.selectTopK(scores, batch, items, k, filter, rows.ids, rows.scores, rows.counts));
  return rows;
}
