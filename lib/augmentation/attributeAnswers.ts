import type { AttributeTemplate, NumberBuckets, WrittenField } from "../llm/prompts/attributes.js";
import { sanitizeTitle } from "../llm/prompts/sanitize.js";

/** Ways to say that something is not known, beside the template's. */
const UNKNOWN = ["", "unknown", "not known", "n/a", "none", "null", "untitled", "(untitled)", "-", "?"];

/**
 * The values of an answer, checked, by field: "" where the answer does not parse, is one of the words for unknown, longer
 * than `maxLength` characters, no number in range where one is asked for, or a piece of the prompt.
 */
export function checkedAnswer(
  text: string,
  fields: readonly WrittenField[],
  template: AttributeTemplate,
  maxLength: number,
): Readonly<Record<string, string>> {
  const written = objectIn(text);
  return Object.fromEntries(
    fields.map((field) => {
      const value = Object.hasOwn(written, field.name) ? written[field.name] : "";
      const plain = typeof value === "string" || typeof value === "number" ? String(value) : "";
      return [field.name, field.number ? bucketOf(plain, field.number) : textOf(plain, template, maxLength)];
    }),
  );
}

/** The JSON object in a text that may say more around it; empty where there is none. */
function objectIn(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1));
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

function textOf(value: string, template: AttributeTemplate, maxLength: number): string {
  const clean = sanitizeTitle(value, maxLength + 1);
  const folded = clean.toLowerCase();
  const { instruction, title, answer, unknown, known, fields } = template;
  const markers = [instruction, title, answer, ...known.map(({ label }) => label)];
  const words = [...UNKNOWN, unknown, ...fields.flatMap(({ name, about }) => [name, about])];
  const refused =
    [...clean].length > maxLength ||
    words.some((word) => folded === word.toLowerCase()) ||
    markers.some((marker) => folded.includes(marker.toLowerCase()));
  return refused ? "" : clean;
}

/** "328" or "about 328 pages" to "300-399". */
function bucketOf(value: string, { least, most, width }: NumberBuckets): string {
  const [digits] = /\d+/.exec(value.replace(/(?<=\d),(?=\d{3})/g, "")) ?? [];
  const number = Number(digits);
  if (!(number >= least && number <= most)) return "";
  const low = width * Math.floor(number / width);
  return width === 1 ? String(low) : `${low}-${low + width - 1}`;
}
