/** Lines of a file of augmented data, checked. */

import { sanitizeTitle } from "../llm/prompts/sanitize.js";
import { describe, Llama4RecError } from "../native/errors.js";
import { isObject, jsonOf } from "../storage/json.js";
import { isCount } from "../training/progress.js";
import type {
  AttributeRecord,
  AugmentationRecipe,
  InsertionRecord,
  PairRecord,
  Provenance,
} from "./records.js";

/** What the first line calls the file. */
export const kind = "llama4rec augmentation";
/** Version of the lines; readers refuse others. */
export const formatVersion = 1;

/** Error for a line that no writer of this version wrote. */
export const damaged = (where: string, expected: string): Llama4RecError =>
  new Llama4RecError("E_CORRUPT", `${where}: damaged, expected ${expected}`);

/** The first line. */
export function checkedHeader(path: string, line: string): Provenance & { readonly split: string } {
  const where = `${path}:1`;
  const value = objectOf(where, line);
  if (value.kind !== kind)
    throw new Llama4RecError("E_MISMATCH", `${path}: expected ${kind}, got ${describe(value.kind)}`);
  if (value.version !== formatVersion)
    throw new Llama4RecError(
      "E_VERSION",
      `${path}: expected augmented data of version ${formatVersion}, got version ${describe(value.version)}`,
    );
  const { recipe, split, view, model, template, seed, options, counts } = value;
  const check = checkAt(where);
  check(typeof recipe === "string" && Object.hasOwn(recordChecks, recipe), "recipe");
  for (const [name, digest] of Object.entries({ split, view })) check(isHash(digest), name);
  check(typeof model === "string", "model");
  check(typeof template === "string", "template");
  check(seed === null || isCount(seed), "seed");
  check(isObject(options) && Object.values(options).every(isOption), "options");
  check(isCounts(counts), "counts");
  return { recipe, split, view, model, template, seed, options, counts } as ReturnType<typeof checkedHeader>;
}

/** One question. */
export function checkedRecord(
  where: string,
  recipe: AugmentationRecipe,
  line: string,
): PairRecord | InsertionRecord | AttributeRecord {
  const value = objectOf(where, line);
  const check = checkAt(where);
  check(isHash(value.promptHash), "promptHash");
  return recordChecks[recipe](value, check);
}

type Line = Readonly<Record<string, unknown>>;
type Check = (holds: boolean, name: string) => void;

const recordChecks = {
  pairs(value: Line, check: Check): PairRecord {
    const { user, items, source, promptHash, answer } = value;
    check(isCount(user), "user");
    check(isIndices(items) && items.length === 2 && items[0] !== items[1], "items");
    check(source === "backbone" || source === "random", "source");
    check(answer === null || isPreference(answer), "answer");
    return { user, items, source, promptHash, answer } as PairRecord;
  },
  insertions(value: Line, check: Check): InsertionRecord {
    const { user, position, candidates, promptHash, answer } = value;
    check(isCount(user), "user");
    check(isCount(position), "position");
    check(isIndices(candidates) && candidates.length >= 2, "candidates");
    check(answer === null || (isIndices(candidates) && candidates.some((item) => item === answer)), "answer");
    return { user, position, candidates, promptHash, answer } as InsertionRecord;
  },
  attributes(value: Line, check: Check): AttributeRecord {
    const { item, promptHash, answer } = value;
    check(isCount(item), "item");
    check(answer === null || (isObject(answer) && Object.values(answer).every(isPlainText)), "answer");
    return { item, promptHash, answer } as AttributeRecord;
  },
} as const;

const checkAt =
  (where: string): Check =>
  (holds, name) => {
    if (!holds) throw damaged(where, `a valid ${name}`);
  };

function objectOf(where: string, line: string): Line {
  const value = jsonOf(line);
  if (!isObject(value)) throw damaged(where, "an object as JSON");
  return value;
}

const isHash = (value: unknown): boolean => typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
const isIndices = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.every(isCount) && new Set(value).size === value.length;
const isOption = (value: unknown): boolean =>
  value === null ||
  typeof value === "string" ||
  Number.isFinite(value) ||
  (Array.isArray(value) && value.every((text) => typeof text === "string"));
/** Text that is data: what a writer has checked, or empty. */
const isPlainText = (value: unknown): boolean =>
  typeof value === "string" && (value === "" || sanitizeTitle(value, value.length) === value);

function isPreference(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { preferred, margin, consistent } = value;
  return (
    (preferred === 0 || preferred === 1) &&
    Number.isFinite(margin) &&
    Number(margin) >= 0 &&
    typeof consistent === "boolean"
  );
}

function isCounts(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { asked, answered, used } = value;
  return isCount(asked) && isCount(answered) && isCount(used) && used <= answered && answered <= asked;
}
