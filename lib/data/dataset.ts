import { argumentError } from "../native/errors.js";
import { digestOf } from "./digest.js";
import type { IdMap } from "./idMap.js";

/** Interactions as parallel columns in file order. */
export interface Interactions {
  /** Internal user index of each row. */
  readonly users: Int32Array;
  /** Internal item index of each row. */
  readonly items: Int32Array;
  /** Rating of each row, on the data set's own scale; 1 where it has none. */
  readonly ratings: Float32Array;
  /** Time of each row, in the data set's own unit (Unix seconds for MovieLens); `null` when it has none. */
  readonly timestamps: Float64Array | null;
}

/** Named attributes of users or items: per name one value per index, "" or an empty list where unknown. */
export interface Attributes {
  readonly [name: string]: readonly AttributeValue[];
}

/** One attribute of one user or item: a text, or several (genres). */
export type AttributeValue = string | readonly string[];

/** What a {@link Dataset} is made of. */
export interface DatasetParts {
  /** What tables and reports call it. */
  readonly name: string;
  /** Ids of the users. */
  readonly users: IdMap;
  /** Ids of the catalogue's items, rated or not. */
  readonly items: IdMap;
  /** Who had what, in file order. */
  readonly interactions: Interactions;
  /** One title per item index; "Item <id>" where the data set has none. */
  readonly titles: readonly string[];
  /** Genres, year, author and the like, by item index. */
  readonly itemAttributes?: Attributes;
  /** Age, occupation, place and the like, by user index. */
  readonly userAttributes?: Attributes;
  /** Lowest rating that counts as a like; `null` (the default) when every interaction is one. */
  readonly likeThreshold?: number | null;
}

/** What names a data set in a table. */
export interface DatasetSummary {
  /** What tables and reports call the data set. */
  readonly name: string;
  /** How many users. */
  readonly users: number;
  /** How many items of the catalogue, rated or not. */
  readonly items: number;
  /** How many rows. */
  readonly interactions: number;
  /** Whether rows have timestamps; without, the order within a user is a shuffle. */
  readonly ordered: boolean;
}

/**
 * Everything read from one data source: users, the whole item catalogue (rated or not), and all interactions.
 *
 * It is what readers hand out and what {@link split} takes apart; training never sees it (see {@link TrainView}).
 * Rows of one's own go in through {@link DatasetBuilder}.
 */
export class Dataset implements DatasetParts {
  readonly name: string;
  readonly users: IdMap;
  readonly items: IdMap;
  readonly interactions: Interactions;
  readonly titles: readonly string[];
  readonly itemAttributes: Attributes;
  readonly userAttributes: Attributes;
  readonly likeThreshold: number | null;
  #digest: string | undefined;

  /** @throws Llama4RecError `E_ARGUMENT` when columns differ in length or hold an index that has no id */
  constructor(parts: DatasetParts) {
    const { users, items, ratings, timestamps } = parts.interactions;
    checkLength("interactions.items", items, users.length);
    checkLength("interactions.ratings", ratings, users.length);
    if (timestamps !== null) checkLength("interactions.timestamps", timestamps, users.length);
    checkIndices("interactions.users", users, parts.users.size);
    checkIndices("interactions.items", items, parts.items.size);
    checkLength("titles", parts.titles, parts.items.size);
    this.name = parts.name;
    this.users = parts.users;
    this.items = parts.items;
    this.interactions = parts.interactions;
    this.titles = parts.titles;
    this.itemAttributes = parts.itemAttributes ?? {};
    this.userAttributes = parts.userAttributes ?? {};
    checkAttributes("itemAttributes", this.itemAttributes, parts.items.size);
    checkAttributes("userAttributes", this.userAttributes, parts.users.size);
    this.likeThreshold = parts.likeThreshold ?? null;
  }

  /** SHA-256 in hex over ids and interaction columns; computed on first use. */
  get digest(): string {
    const { users, items, ratings, timestamps } = this.interactions;
    this.#digest ??= digestOf([
      JSON.stringify([...this.users]),
      JSON.stringify([...this.items]),
      users,
      items,
      ratings,
      timestamps,
    ]);
    return this.#digest;
  }

  /** Name, counts and whether there is an order. Items are those of the catalogue, also the ones nobody rated. */
  describe(): DatasetSummary {
    return {
      name: this.name,
      users: this.users.size,
      items: this.items.size,
      interactions: this.interactions.users.length,
      ordered: this.interactions.timestamps !== null,
    };
  }
}

function checkLength(name: string, column: ArrayLike<unknown>, length: number): void {
  if (column.length !== length) throw argumentError(name, `${length} values`, column.length);
}

function checkIndices(name: string, column: Int32Array, size: number): void {
  const bad = column.find((index) => index < 0 || index >= size);
  if (bad !== undefined) throw argumentError(name, `indices from 0 to ${size - 1}`, bad);
}

function checkAttributes(name: string, attributes: Attributes, size: number): void {
  for (const [key, column] of Object.entries(attributes)) checkLength(`${name}.${key}`, column, size);
}
