import type { AttributeValue } from "../../data/dataset.js";
import { lastItems } from "../../data/lastItems.js";
import type { TrainView } from "../../data/trainView.js";
import { argumentError } from "../../native/errors.js";
import { fieldsOfAttribute, fieldValues } from "./attributeFields.js";
import { type FeatureBatch, pooledRows, type SideRows } from "./featureBatch.js";
import type { FeatureRow, KnownAttributes } from "./featureRows.js";

/** Whom a field describes. */
export type FieldSide = "user" | "item";

/** One input of a rating model. Its rows of the table follow one another. */
export interface Field {
  readonly side: FieldSide;
  /** Attribute of the data set that it is read from; null for the id itself. */
  readonly attribute: string | null;
  /** Which part of the attribute; empty for all of it. */
  readonly part: string;
  /** Values with a row of their own: the first two rows stand for values unseen and for none at all. */
  readonly values: readonly string[];
  /** Its first row. */
  readonly first: number;
  /** Rows that it has. */
  readonly rows: number;
}

/** An encoding as plain data: arrays, numbers and texts. */
export interface EncodingColumns {
  readonly userCount: number;
  readonly itemCount: number;
  /** Mean, lowest and highest training rating. */
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  /** Fields of users, then those of items. */
  readonly fields: readonly Field[];
  /** Rows of each user's fields, and last of somebody unknown. */
  readonly users: SideRows;
  readonly items: SideRows;
  /** The items whose bag is one more field, per user, oldest first; null: there is no such field. */
  readonly history: SideRows | null;
}

/** How an encoding is made. */
export interface EncodingOptions {
  /** Ids and values of fewer training users, items or ratings share the row of unseen ones. Default 2. */
  readonly rareBelow?: number;
  /** Most items, the newest, of a user's bag of rated items (Koren, KDD 2008, section 4.2); 0, the default: no such field. */
  readonly history?: number;
}

/** Rows of a field before those of its values. */
const unseenRow = 0;
const emptyRow = 1;
const ownRows = 2;

/**
 * What a rating model sees of a user and an item: the two ids and every attribute, each a field. All values of all fields
 * are rows of one table; a field that has several values pools them by their mean. Of a field the first row is for values
 * not seen in training, the second for none at all.
 */
export class FeatureEncoding {
  readonly columns: EncodingColumns;
  /** Fields of an example: those of its user and item and, with one, the bag of rated items. */
  readonly fieldCount: number;
  /** Rows of a table that has one for every value of every field. */
  readonly rows: number;

  /** Takes the columns over, as {@link encodeView} or a checked file gives them. */
  constructor(columns: EncodingColumns) {
    this.columns = columns;
    const { fields, history, itemCount } = columns;
    const last = fields[fields.length - 1];
    this.rows = last.first + last.rows + (history === null ? 0 : 1 + itemCount);
    this.fieldCount = fields.length + (history === null ? 0 : 1);
  }

  /** The fields of known pairs; an index of -1 is somebody or something unknown. */
  batch(users: Int32Array, items: Int32Array): FeatureBatch {
    const { columns } = this;
    const cold = (indices: Int32Array, count: number): Int32Array =>
      indices.includes(-1) ? indices.map((index) => (index < 0 ? count : index)) : indices;
    const userRows = cold(users, columns.userCount);
    return this.#pooled(columns.users, userRows, columns.items, cold(items, columns.itemCount), users, items);
  }

  /**
   * The fields of pairs that may be new.
   * @param rows Checked: known attributes alone, indices in range, each value a text or a list of texts.
   */
  batchOf(rows: readonly FeatureRow[]): FeatureBatch {
    const { userCount, itemCount, users, items } = this.columns;
    const user = Int32Array.from(rows, (row) => row.user ?? -1);
    const item = Int32Array.from(rows, (row) => row.item ?? -1);
    const userSide = this.#sideOf("user", users, userCount, user, (at) => rows[at].userAttributes);
    const itemSide = this.#sideOf("item", items, itemCount, item, (at) => rows[at].itemAttributes);
    const each = Int32Array.from(rows, (_, at) => at);
    return this.#pooled(userSide, each, itemSide, each, user, item);
  }

  /**
   * The fields of known items, or -1, for one user who is not known.
   * @param attributes Checked, of the user; undefined: none are known.
   * @param rated Items that the user has rated: their bag, of which an item of its own pair is left out.
   */
  batchFor(attributes: KnownAttributes | undefined, rated: Int32Array, items: Int32Array): FeatureBatch {
    const { userCount, itemCount, users, items: known, history } = this.columns;
    const side = this.#sideOf("user", users, userCount, Int32Array.of(-1), () => attributes);
    const bag = history && { offsets: Int32Array.of(0, rated.length), rows: rated };
    const places = items.map((item) => (item < 0 ? itemCount : item));
    const first = new Int32Array(items.length);
    return this.#pooled(side, first, known, places, first, items, bag);
  }

  /** Rows of the table for users or items of a call: those known, with the attributes that are given. */
  #sideOf(
    side: FieldSide,
    known: SideRows,
    count: number,
    indices: Int32Array,
    attributesOf: (at: number) => KnownAttributes | undefined,
  ): SideRows {
    const fields = this.columns.fields.filter((field) => field.side === side);
    const rows: number[] = [];
    const offsets = [0];
    for (const [at, index] of indices.entries()) {
      const attributes = attributesOf(at);
      const place = (index < 0 ? count : index) * fields.length;
      for (const [number, field] of fields.entries()) {
        if (attributes !== undefined && field.attribute !== null)
          rows.push(...rowsOf(field, ownValue(attributes, field.attribute)));
        else
          rows.push(...known.rows.subarray(known.offsets[place + number], known.offsets[place + number + 1]));
        offsets.push(rows.length);
      }
    }
    return { offsets: Int32Array.from(offsets), rows: Int32Array.from(rows) };
  }

  #pooled(
    userSide: SideRows,
    userPlaces: Int32Array,
    itemSide: SideRows,
    itemPlaces: Int32Array,
    users: Int32Array,
    items: Int32Array,
    bags = this.columns.history,
  ): FeatureBatch {
    const { fields, itemCount } = this.columns;
    const userFields = fields.filter(({ side }) => side === "user").length;
    return pooledRows({
      sides: [
        { fields: userFields, side: userSide, places: userPlaces },
        { fields: fields.length - userFields, side: itemSide, places: itemPlaces },
      ],
      history: bags && { bags, users, items, first: this.rows - itemCount - 1 },
    });
  }
}

/** An attribute may have any name: `constructor` is no value that every object has. */
const ownValue = (attributes: KnownAttributes, name: string): AttributeValue | undefined =>
  Object.hasOwn(attributes, name) ? attributes[name] : undefined;

/** Rows of a field's values. */
function rowsOf(field: Field, value: AttributeValue | undefined): Set<number> {
  const [definition] = fieldsOfAttribute(field.attribute ?? "").filter(({ part }) => part === field.part);
  const rows = new Set<number>();
  for (const text of fieldValues(definition, value)) {
    const at = placeOf(field.values, text);
    rows.add(field.first + (at < 0 ? unseenRow : ownRows + at));
  }
  return rows.size > 0 ? rows : rows.add(field.first + emptyRow);
}

/** Place of a text in an ascending list, -1 where it is not. */
function placeOf(sorted: readonly string[], text: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle] < text) low = middle + 1;
    else high = middle;
  }
  return sorted[low] === text ? low : -1;
}

/**
 * Makes the encoding of a view: fields, their values and the range of ratings are those of training alone.
 * @throws Llama4RecError `E_ARGUMENT` for a view without ratings, or one in which all ratings are the same.
 */
export function encodeView(view: TrainView, options: EncodingOptions = {}): FeatureEncoding {
  const { rareBelow = 2, history = 0 } = options;
  const { ratings, userCount, itemCount } = view;
  let [low, high, sum] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  for (const rating of ratings) {
    low = Math.min(low, rating);
    high = Math.max(high, rating);
    sum += rating;
  }
  if (!(low < high))
    throw argumentError(
      "view",
      "ratings to learn from, at least two that differ",
      ratings.length === 0 ? "none" : `${ratings.length} ratings of ${low}`,
    );
  let first = 0;
  const encodeSide = (side: FieldSide): { fields: Field[]; rows: SideRows } => {
    const counts = side === "user" ? view.userCounts : view.itemCounts;
    const attributes = side === "user" ? view.userAttributes : view.itemAttributes;
    const fields: Field[] = [{ side, attribute: null, part: "", values: [], first, rows: 1 + counts.length }];
    first += 1 + counts.length;
    for (const [attribute, column] of Object.entries(attributes))
      for (const definition of fieldsOfAttribute(attribute)) {
        const holders = new Map<string, number>();
        for (let index = 0; index < counts.length; index++)
          if (counts[index] > 0)
            for (const text of fieldValues(definition, column[index]))
              holders.set(text, (holders.get(text) ?? 0) + 1);
        const values = [...holders].filter(([, count]) => count >= rareBelow).map(([text]) => text);
        values.sort((a, b) => (a < b ? -1 : 1));
        const rows = ownRows + values.length;
        fields.push({ side, attribute, part: definition.part, values, first, rows });
        first += rows;
      }
    const offsets = [0];
    const rows: number[] = [];
    // One more than there are: whoever is unknown.
    for (let index = 0; index <= counts.length; index++)
      for (const field of fields) {
        const { attribute } = field;
        if (attribute === null) {
          const known = index < counts.length && counts[index] >= Math.max(1, rareBelow);
          rows.push(field.first + (known ? 1 + index : unseenRow));
        } else for (const row of rowsOf(field, attributes[attribute][index])) rows.push(row);
        offsets.push(rows.length);
      }
    return { fields, rows: { offsets: Int32Array.from(offsets), rows: Int32Array.from(rows) } };
  };
  const users = encodeSide("user");
  const items = encodeSide("item");
  const newest = history === 0 ? null : lastItems(view, history);
  return new FeatureEncoding({
    userCount,
    itemCount,
    mean: sum / ratings.length,
    low,
    high,
    fields: [...users.fields, ...items.fields],
    users: users.rows,
    items: items.rows,
    history: newest === null ? null : { offsets: newest.offsets, rows: newest.items },
  });
}
