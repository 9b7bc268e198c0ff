import type { AttributeValue } from "../../data/dataset.js";

/** What a model reads of one attribute of the data set: one field, or several. */
export interface AttributeField {
  /** Name of the field among those of its attribute; empty where there is only one. */
  readonly part: string;
  /** The field's value for one text of the attribute; empty: not known. */
  readonly read: (text: string) => string;
}

const whole: readonly AttributeField[] = [{ part: "", read: (text) => text }];

/** "city, state, country", as Book-Crossing writes a place: the city is too fine to learn from. */
const placePart =
  (fromEnd: number) =>
  (text: string): string => {
    const parts = text.split(",").map((part) => part.trim().toLowerCase());
    const found = parts.at(-1 - fromEnd) ?? "";
    return found === "n/a" ? "" : found;
  };

/** Attributes that are read in another way than as they stand, by the name that every reader gives them. */
const special: Readonly<Record<string, readonly AttributeField[]>> = {
  location: [
    { part: "country", read: placePart(0) },
    { part: "state", read: placePart(1) },
  ],
  // Neighbouring postal codes begin alike; few users share a whole one.
  zipCode: [{ part: "", read: (text) => text.slice(0, 2) }],
  // Groups of five years; what is no number (MovieLens 1M's "25-34") is a group already.
  age: [{ part: "", read: (text) => (/^\d+$/.test(text) ? String(5 * Math.floor(Number(text) / 5)) : text) }],
  // Book-Crossing writes 0 for a year that it does not know.
  year: [{ part: "", read: (text) => (text === "0" ? "" : text) }],
};

/** The fields that an attribute becomes. */
export function fieldsOfAttribute(name: string): readonly AttributeField[] {
  return Object.hasOwn(special, name) ? special[name] : whole;
}

/** The field's values of one user or item, each once; none where nothing is known. */
export function fieldValues({ read }: AttributeField, value: AttributeValue | undefined): Set<string> {
  const texts = value === undefined ? [] : typeof value === "string" ? [value] : value;
  const values = new Set(texts.map((text) => read(text.trim())));
  values.delete("");
  return values;
}
