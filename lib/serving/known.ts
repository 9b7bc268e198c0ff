import type { IdMap } from "../data/idMap.js";
import type { UserItems } from "../data/trainView.js";
import { argumentError, Llama4RecError } from "../native/errors.js";
import { jsonOf } from "../storage/json.js";
import { readTensorFile, writeTensorFile } from "../storage/safetensors.js";
import { indexTitles, type WordIndex } from "./titleWords.js";

const kind = "known";

/** What a snapshot knows of users and items beside its model. */
export interface Known extends UserItems {
  /** `[interactions]`, parallel to `items`. */
  readonly ratings: Float32Array;
  /** One an item. */
  readonly titles: readonly string[];
}

/** What is read from a file: also which titles have which word. */
export interface IndexedKnown extends Known {
  readonly words: WordIndex;
}

/** Writes it as one safetensors file. */
export async function saveKnown(path: string, { offsets, items, ratings, titles }: Known): Promise<void> {
  const index = indexTitles(titles);
  const tensors = new Map([
    ["offsets", { shape: [offsets.length], values: offsets }],
    ["items", { shape: [items.length], values: items }],
    ["ratings", { shape: [ratings.length], values: ratings }],
    ["words.offsets", { shape: [index.offsets.length], values: index.offsets }],
    ["words.items", { shape: [index.items.length], values: index.items }],
  ]);
  const metadata = { titles: JSON.stringify(titles), words: JSON.stringify(index.words) };
  await writeTensorFile(path, { kind, metadata, tensors });
}

/**
 * Reads the file of {@link saveKnown}; nothing in it is trusted.
 * @throws Llama4RecError as `readTensorFile`; `E_CORRUPT` when it does not fit those users and items.
 */
export async function readKnown(path: string, users: IdMap, items: IdMap): Promise<IndexedKnown> {
  const { metadata, tensors } = await readTensorFile(path, { kind });
  const ints = (name: string): Int32Array => {
    const values = tensors.get(name)?.values;
    if (!(values instanceof Int32Array)) throw argumentError(name, "whole numbers", values);
    return values;
  };
  try {
    const offsets = ints("offsets");
    const seen = ints("items");
    const ratings = tensors.get("ratings")?.values;
    if (!(ratings instanceof Float32Array) || ratings.length !== seen.length)
      throw argumentError("ratings", `${seen.length} numbers`, ratings);
    checkRows("", offsets, seen, { rows: users.size, items: items.size });
    const titles = textsOf("titles", metadata.titles);
    if (titles.length !== items.size) throw argumentError("titles", `${items.size} texts`, titles.length);
    const words = {
      words: textsOf("words", metadata.words),
      offsets: ints("words.offsets"),
      items: ints("words.items"),
    };
    checkRows("words.", words.offsets, words.items, { rows: words.words.length, items: items.size });
    return { offsets, items: seen, ratings, titles, words };
  } catch (cause) {
    if (!(cause instanceof Llama4RecError) || cause.code !== "E_ARGUMENT") throw cause;
    throw new Llama4RecError("E_CORRUPT", `${path}: expected what users did, but ${cause.message}`, {
      cause,
    });
  }
}

function checkRows(
  name: string,
  offsets: Int32Array,
  items: Int32Array,
  counts: { readonly rows: number; readonly items: number },
): void {
  const { rows } = counts;
  if (offsets.length !== rows + 1 || offsets[0] !== 0 || offsets[rows] !== items.length)
    throw argumentError(`${name}offsets`, `${rows + 1} places of ${items.length} items`, offsets.length);
  for (let row = 0; row < rows; row++)
    if (offsets[row + 1] < offsets[row])
      throw argumentError(`${name}offsets[${row + 1}]`, "ascending places", offsets[row + 1]);
  for (let at = 0; at < items.length; at++)
    if (items[at] < 0 || items[at] >= counts.items)
      throw argumentError(`${name}items[${at}]`, `an item in 0..${counts.items - 1}`, items[at]);
}

function textsOf(name: string, text: string | undefined): readonly string[] {
  const texts = jsonOf(text ?? "null");
  if (!Array.isArray(texts) || texts.some((each) => typeof each !== "string"))
    throw argumentError(name, "texts", texts);
  return texts;
}
