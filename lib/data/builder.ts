import { argumentError } from "../native/errors.js";
import { type Attributes, type AttributeValue, Dataset } from "./dataset.js";
import { type ExternalId, IdMap } from "./idMap.js";
import { placeholderTitle } from "./titles.js";

/** Options of {@link DatasetBuilder}. */
export interface BuilderOptions {
  /** Lowest rating that counts as a like; `null` (the default) when every interaction is one. */
  readonly likeThreshold?: number | null;
  /** Ids come as text: when all of a kind are canonical non-negative integers, they become numbers. Default false. */
  readonly textIds?: boolean;
}

/** Ids of one kind in order of first appearance, with what is known of each. */
class Entities {
  readonly positions = new Map<ExternalId, number>();
  readonly attributes = new Map<string, AttributeValue[]>();

  add(id: ExternalId): number {
    let position = this.positions.get(id);
    if (position === undefined) {
      position = this.positions.size;
      this.positions.set(typeof id === "string" ? copyOf(id) : id, position);
    }
    return position;
  }

  describe(position: number, attributes: Readonly<Record<string, AttributeValue>>): void {
    for (const [name, value] of Object.entries(attributes)) {
      let column = this.attributes.get(name);
      if (column === undefined) {
        column = [];
        this.attributes.set(name, column);
      }
      column[position] = value;
    }
  }

  /** The id map, and where each position went in it. */
  settle(textIds: boolean): { ids: IdMap; indices: Int32Array } {
    const written = [...this.positions.keys()];
    const numeric = textIds && written.every(isCanonicalInteger);
    const external = numeric ? written.map(Number) : written;
    const ids = IdMap.from(external);
    return { ids, indices: Int32Array.from(external, (id) => ids.indexOf(id)) };
  }

  settleAttributes(indices: Int32Array): Attributes {
    const settled: Record<string, readonly AttributeValue[]> = {};
    for (const [name, column] of this.attributes) {
      const unknown = column.some(Array.isArray) ? [] : "";
      settled[name] = reorder(column, indices, () => unknown);
    }
    return settled;
  }
}

/**
 * Collects rows, one by one and in any order of users and items, and makes a {@link Dataset} of them.
 *
 * @example
 * ```ts
 * const builder = new DatasetBuilder("my shop");
 * builder.addItem("b-17", "A field guide to mosses", { genres: ["Nature"] });
 * builder.addInteraction("anna", "b-17", 5, 1700000000);
 * const dataset = builder.build();
 * ```
 */
export class DatasetBuilder {
  readonly #name: string;
  readonly #options: BuilderOptions;
  readonly #users = new Entities();
  readonly #items = new Entities();
  readonly #titles: string[] = [];
  readonly #rowUsers: number[] = [];
  readonly #rowItems: number[] = [];
  readonly #ratings: number[] = [];
  readonly #timestamps: number[] = [];

  /** @param name what tables and reports call the data set */
  constructor(name: string, options: BuilderOptions = {}) {
    this.#name = name;
    this.#options = options;
  }

  /** Whether the item is known already. */
  hasItem(id: ExternalId): boolean {
    return this.#items.positions.has(id);
  }

  /** Whether the user is known already. */
  hasUser(id: ExternalId): boolean {
    return this.#users.positions.has(id);
  }

  /** Adds a user, or attributes to a known one; needed only for attributes or users without interactions. */
  addUser(id: ExternalId, attributes: Readonly<Record<string, AttributeValue>> = {}): void {
    this.#users.describe(this.#users.add(id), attributes);
  }

  /** Adds an item of the catalogue, or a title and attributes to a known one. Without a title it is "Item <id>". */
  addItem(id: ExternalId, title?: string, attributes: Readonly<Record<string, AttributeValue>> = {}): void {
    const position = this.#items.add(id);
    if (title !== undefined && title !== "") this.#titles[position] = title;
    this.#items.describe(position, attributes);
  }

  /**
   * Adds one interaction; its user and item need not be known.
   *
   * @param rating finite, also as a 32-bit float
   * @param timestamp finite, any unit; given for every interaction or for none
   * @throws Llama4RecError `E_ARGUMENT` when a number is not finite or only some rows have a timestamp
   */
  addInteraction(user: ExternalId, item: ExternalId, rating = 1, timestamp?: number): void {
    if (!Number.isFinite(Math.fround(rating)))
      throw argumentError("rating", "a finite 32-bit number", rating);
    if (timestamp !== undefined && !Number.isFinite(timestamp))
      throw argumentError("timestamp", "a finite number", timestamp);
    const timed = this.#timestamps.length === this.#ratings.length;
    if (this.#ratings.length > 0 && timed !== (timestamp !== undefined))
      throw argumentError("timestamp", timed ? "a number, as before" : "none, as before", timestamp);
    this.#rowUsers.push(this.#users.add(user));
    this.#rowItems.push(this.#items.add(item));
    this.#ratings.push(rating);
    if (timestamp !== undefined) this.#timestamps.push(timestamp);
  }

  /**
   * The data set of all that was added; rows keep their order.
   *
   * @throws Llama4RecError `E_ARGUMENT` when there is no interaction
   */
  build(): Dataset {
    if (this.#ratings.length === 0) throw argumentError("interactions", "at least one", "none");
    const textIds = this.#options.textIds ?? false;
    const users = this.#users.settle(textIds);
    const items = this.#items.settle(textIds);
    return new Dataset({
      name: this.#name,
      users: users.ids,
      items: items.ids,
      interactions: {
        users: Int32Array.from(this.#rowUsers, (position) => users.indices[position]),
        items: Int32Array.from(this.#rowItems, (position) => items.indices[position]),
        ratings: Float32Array.from(this.#ratings),
        timestamps: this.#timestamps.length > 0 ? Float64Array.from(this.#timestamps) : null,
      },
      titles: reorder(this.#titles, items.indices, (index) => placeholderTitle(items.ids.idAt(index))),
      itemAttributes: this.#items.settleAttributes(items.indices),
      userAttributes: this.#users.settleAttributes(users.indices),
      likeThreshold: this.#options.likeThreshold,
    });
  }
}

/** The text in memory of its own: a piece cut out of a file's block would keep the whole block alive. */
function copyOf(text: string): string {
  return JSON.parse(JSON.stringify(text));
}

/** Values by position brought into index order; `fallback(index)` where there is none. */
function reorder<T>(values: readonly T[], indices: Int32Array, fallback: (index: number) => T): readonly T[] {
  const ordered = new Array<T>(indices.length);
  indices.forEach((index, position) => {
    ordered[index] = values[position] ?? fallback(index);
  });
  return ordered;
}

/** Text that a number would be written as: "0", "17", not "007", "1.0" or "99999999999999999999". */
function isCanonicalInteger(id: ExternalId): boolean {
  return typeof id === "string" && /^(0|[1-9][0-9]*)$/.test(id) && Number.isSafeInteger(Number(id));
}
