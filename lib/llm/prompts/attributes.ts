import type { AttributeValue } from "../../data/dataset.js";
import { sanitizeTitle } from "./sanitize.js";

/** How a number is checked and made a category. */
export interface NumberBuckets {
  /** What is not in `least..most` counts as not known. */
  readonly least: number;
  readonly most: number;
  /** Width of a bucket, an integer: 100 makes 328 the category "300-399". */
  readonly width: number;
}

/** One attribute that the language model writes. */
export interface WrittenField {
  /** Name of the new attribute, and key of the answer. */
  readonly name: string;
  /** What is asked for, a few words. */
  readonly about: string;
  /** The field is a number; left out: a text. */
  readonly number?: NumberBuckets;
}

/** A worked example: what is known of an item and what is to be answered. */
export interface AttributeExample {
  readonly title: string;
  /** By name of the attribute. */
  readonly known?: Readonly<Record<string, string>>;
  /** By name of the field; the template's `unknown` where it is not known. */
  readonly answer: Readonly<Record<string, string>>;
}

/**
 * The words of the prompt that asks for attributes of items (Llama4Rec, prompt P3: worked examples and instructions). To
 * reword or to ask for something else, copy a template, change it and give it a version of its own.
 */
export interface AttributeTemplate {
  readonly version: string;
  /** First line; one line a field follows. */
  readonly instruction: string;
  readonly fields: readonly WrittenField[];
  /** Attributes of the data set that are told where items have them, and what the prompt calls them. */
  readonly known: readonly { readonly attribute: string; readonly label: string }[];
  /** Before a title. */
  readonly title: string;
  /** Before an answer. */
  readonly answer: string;
  /** What stands for something not known. */
  readonly unknown: string;
  readonly examples: readonly AttributeExample[];
}

const WORDS = { title: "Title:", answer: "Answer:", unknown: "unknown" } as const;

/** Films: director and star (Llama4Rec, section "data augmentation", for MovieLens). */
export const MOVIE_ATTRIBUTES: AttributeTemplate = {
  version: "movie-attributes-1",
  instruction: 'Write what you know of a movie as JSON on one line; "unknown" where you are not sure.',
  fields: [
    { name: "director", about: "who directed it, one name" },
    { name: "star", about: "who played the leading part, one name" },
  ],
  known: [],
  ...WORDS,
  examples: [
    {
      title: "Casablanca (1942)",
      answer: { director: "Michael Curtiz", star: "Humphrey Bogart" },
    },
    {
      title: "Godfather, The (1972)",
      answer: { director: "Francis Ford Coppola", star: "Marlon Brando" },
    },
    { title: "(untitled)", answer: { director: "unknown", star: "unknown" } },
  ],
};

/** Books: genre and page length (Llama4Rec, for Book-Crossing). */
export const BOOK_ATTRIBUTES: AttributeTemplate = {
  version: "book-attributes-1",
  instruction: 'Write what you know of a book as JSON on one line; "unknown" where you are not sure.',
  fields: [
    { name: "genre", about: "its genre, one or two words" },
    {
      name: "pageLength",
      about: "how many pages it has, a number",
      number: { least: 1, most: 5000, width: 100 },
    },
  ],
  known: [{ attribute: "author", label: "Author:" }],
  ...WORDS,
  examples: [
    {
      title: "The Hobbit",
      known: { author: "J. R. R. Tolkien" },
      answer: { genre: "fantasy", pageLength: "310" },
    },
    {
      title: "Nineteen Eighty-Four",
      known: { author: "George Orwell" },
      answer: { genre: "dystopian fiction", pageLength: "328" },
    },
    { title: "(untitled)", answer: { genre: "unknown", pageLength: "unknown" } },
  ],
};

/** What a prompt says of the item asked about. */
export interface KnownItem {
  readonly title: string;
  /** By name of the attribute; only those that the template tells are read. */
  readonly attributes: Readonly<Record<string, AttributeValue>>;
}

/**
 * The prompt that asks for fields of one item: instructions, worked examples, the item. An answer is one line of JSON.
 * @param fields Some of the template's.
 */
export function attributePrompt(
  template: AttributeTemplate,
  fields: readonly WrittenField[],
  { title, attributes }: KnownItem,
): string {
  const itemText = (name: string, known: KnownItem["attributes"]): string => {
    const lines = template.known.flatMap(({ attribute, label }) => {
      const value = Object.hasOwn(known, attribute) ? known[attribute] : "";
      const text = (typeof value === "string" ? value : value.join(", ")).trim();
      return text === "" ? [] : [`${label} ${sanitizeTitle(text)}\n`];
    });
    return `\n${template.title} ${sanitizeTitle(name)}\n${lines.join("")}${template.answer}`;
  };
  const examples = template.examples.map((example) => {
    const pairs = fields.map(({ name }) => [name, example.answer[name] ?? template.unknown]);
    return `${itemText(example.title, example.known ?? {})} ${JSON.stringify(Object.fromEntries(pairs))}\n`;
  });
  const asked = fields.map(({ name, about }) => `- ${name}: ${about}\n`);
  return `${template.instruction}\n${asked.join("")}${examples.join("")}${itemText(title, attributes)}`;
}
