import { argumentError } from "../native/errors.js";

/** An id as the data set writes it. The number 7 and the string "7" are different ids. */
export type ExternalId = string | number;

/** Numbers ascending, before strings by UTF-16 code units. */
function compareIds(a: ExternalId, b: ExternalId): number {
  if (typeof a === "number") return typeof b === "number" ? a - b : -1;
  if (typeof b === "number") return 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Whether ids are in their order already, none twice, as those of a file are. */
function isAscending(ids: readonly ExternalId[]): boolean {
  for (let at = 1; at < ids.length; at++) if (compareIds(ids[at - 1], ids[at]) >= 0) return false;
  return true;
}

/**
 * The two-way map between external ids and internal indices 0 .. size - 1.
 *
 * Indices follow the data set's own numbering, ascending (numbers numerically, strings by code unit), so a tie broken
 * by the lower index is a tie broken by the lower id. Iterating gives the ids in index order.
 *
 * @example
 * ```ts
 * const items = IdMap.from([30, 10, 20]);
 * items.indexOf(20); // 1
 * items.idAt(1); // 20
 * ```
 */
export class IdMap implements Iterable<ExternalId> {
  readonly #ids: readonly ExternalId[];
  readonly #indices: ReadonlyMap<ExternalId, number>;

  private constructor(ids: readonly ExternalId[]) {
    this.#ids = ids;
    const indices = new Map<ExternalId, number>();
    for (let index = 0; index < ids.length; index++) indices.set(ids[index], index);
    this.#indices = indices;
  }

  /** Map of the distinct ids among those given, in any order. */
  static from(ids: Iterable<ExternalId>): IdMap {
    const list = [...ids];
    return new IdMap(isAscending(list) ? list : [...new Set(list)].sort(compareIds));
  }

  /** How many ids there are. */
  get size(): number {
    return this.#ids.length;
  }

  /** The index of an id, -1 when it is unknown. */
  indexOf(id: ExternalId): number {
    return this.#indices.get(id) ?? -1;
  }

  /**
   * The id at an index.
   *
   * @throws Llama4RecError `E_ARGUMENT` when there is no such index
   */
  idAt(index: number): ExternalId {
    const id = this.#ids[index];
    if (id === undefined) throw argumentError("index", `an integer from 0 to ${this.size - 1}`, index);
    return id;
  }

  /** The ids in index order. */
  [Symbol.iterator](): Iterator<ExternalId> {
    return this.#ids[Symbol.iterator]();
  }
}
