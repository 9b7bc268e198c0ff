import type { AttributeValue } from "../../data/dataset.js";
import { argumentError } from "../../native/errors.js";
import { unknownName } from "../../native/nearest.js";
import { isObject } from "../../storage/json.js";
import type { EncodingColumns } from "./features.js";

/** What is known of somebody or something, by the data set's names. */
export type KnownAttributes = Readonly<Record<string, AttributeValue>>;

/** A pair to be rated whose user or item may be new: what is known of both. */
export interface FeatureRow {
  /** Index of a known user: id, bag of rated items and, where none are given, attributes. Left out: somebody unknown. */
  readonly user?: number;
  /** Index of a known item. */
  readonly item?: number;
  /** By the data set's names; what is left out is not known. */
  readonly userAttributes?: KnownAttributes;
  readonly itemAttributes?: KnownAttributes;
}

const keys = ["user", "item", "userAttributes", "itemAttributes"] as const satisfies (keyof FeatureRow)[];

/**
 * For callers without types, and for names that no type knows.
 * @throws Llama4RecError `E_ARGUMENT` naming the row for anything but a list of rows, a key or an attribute that there is
 *   none of, an index out of range and a value that is no text.
 */
export function checkFeatureRows(rows: unknown, columns: EncodingColumns): asserts rows is FeatureRow[] {
  if (!Array.isArray(rows)) throw argumentError("rows", "an array of rows", rows);
  const sides = (["user", "item"] as const).map((side) => {
    const attributes = columns.fields.flatMap((field) =>
      field.side === side && field.attribute !== null ? field.attribute : [],
    );
    const count = side === "user" ? columns.userCount : columns.itemCount;
    return { side, count, names: [...new Set(attributes)] };
  });
  for (const [at, row] of rows.entries()) {
    const name = `rows[${at}]`;
    if (!isObject(row)) throw argumentError(name, `an object of ${keys.join(", ")}`, row);
    for (const key of Object.keys(row))
      if (!keys.some((known) => known === key)) throw unknownName("E_ARGUMENT", name, keys, key);
    for (const { side, count, names } of sides) {
      checkIndex(`${name}.${side}`, row[side], count);
      checkAttributes(`${name}.${side}Attributes`, row[`${side}Attributes`], names);
    }
  }
}

function checkIndex(name: string, index: unknown, count: number): void {
  const given = index ?? -1;
  if (!Number.isInteger(given) || Number(given) < -1 || Number(given) >= count)
    throw argumentError(name, `an index in 0..${count - 1}, or none`, given);
}

function checkAttributes(name: string, attributes: unknown, known: readonly string[]): void {
  if (attributes === undefined) return;
  if (!isObject(attributes)) throw argumentError(name, "values by the attribute's name", attributes);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (known.length === 0) throw argumentError(name, "none, for the data set has none", attribute);
    if (!known.includes(attribute)) throw unknownName("E_ARGUMENT", name, known, attribute);
    const texts: readonly unknown[] = Array.isArray(value) ? value : [value];
    if (!texts.every((text) => typeof text === "string"))
      throw argumentError(`${name}.${attribute}`, "a text or a list of texts", value);
  }
}
