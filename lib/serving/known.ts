import type { IdMap } from "../data/idMap.js";
import type { UserItems } from "../data/trainView.js";
import { Tensors } from "../models/tensors.js";
import { argumentError, Llama4RecError } from "../native/errors.js";
import { readTensorFile, writeTensorFile } from "../storage/safetensors.js";
import { TextTable } from "../storage/textTable.js";
import { StoredIds } from "./storedIds.js";
import { indexTitles, type WordIndex } from "./titleWords.js";
import { inTurns } from "./turns.js";

const kind = "known";

/** What a snapshot is to know of users and items beside its model. */
export interface Facts extends UserItems {
  /** `[interactions]`, parallel to `items`. */
  readonly ratings: Float32Array;
  /** One an item. */
  readonly titles: readonly string[];
}

/** The same out of a file, with ids, and which titles have which word. */
export interface Known extends UserItems {
  readonly userIds: StoredIds;
  readonly itemIds: StoredIds;
  readonly ratings: Float32Array;
  readonly titles: TextTable;
  readonly words: WordIndex;
}

/**
 * Writes it as one safetensors file. Everything is a tensor: nothing has to be parsed when it is opened.
 * @throws Llama4RecError `E_ARGUMENT` for an id that is no valid Unicode or not finite.
 */
export async function saveKnown(
  path: string,
  { offsets, items, ratings, titles }: Facts,
  ids: { readonly users: IdMap; readonly items: IdMap },
): Promise<void> {
  const index = indexTitles(titles);
  const tensors = new Map([
    ...StoredIds.of("users", ids.users).tensors("user_ids"),
    ...StoredIds.of("items", ids.items).tensors("item_ids"),
    ...TextTable.of("titles", titles).tensors("titles"),
    ...index.words.tensors("words"),
    ["words.item_offsets", { shape: [index.offsets.length], values: index.offsets }],
    ["words.items", { shape: [index.items.length], values: index.items }],
    ["offsets", { shape: [offsets.length], values: offsets }],
    ["items", { shape: [items.length], values: items }],
    ["ratings", { shape: [ratings.length], values: ratings }],
  ]);
  await writeTensorFile(path, { kind, metadata: {}, tensors });
}

/**
 * Reads the file of {@link saveKnown}, with turns of the event loop between. Nothing in it is trusted, but that ids and words
 * are in their order: else some are not found.
 * @throws Llama4RecError as `readTensorFile`; `E_CORRUPT` when its parts do not fit each other.
 */
export async function readKnown(path: string): Promise<Known> {
  const file = await readTensorFile(path, { kind, finite: true });
  try {
    const tensors = new Tensors(file.tensors, { finite: true });
    const userIds = await idsOf("user_ids", tensors);
    const itemIds = await idsOf("item_ids", tensors);
    const titles = await textsOf("titles", tensors);
    if (titles.size !== itemIds.size) throw argumentError("titles", `${itemIds.size} texts`, titles.size);
    const words = {
      words: await textsOf("words", tensors),
      offsets: tensors.integers("words.item_offsets"),
      items: tensors.integers("words.items"),
    };
    await checkRows("words.item_offsets", words.offsets, words.words.size, words.items.length);
    await checkItems("words.items", words.items, itemIds.size);
    const offsets = tensors.integers("offsets");
    const items = tensors.integers("items");
    await checkRows("offsets", offsets, userIds.size, items.length);
    await checkItems("items", items, itemIds.size);
    const ratings = tensors.floats("ratings", [items.length]);
    tensors.checkNoneLeft();
    return { userIds, itemIds, offsets, items, ratings, titles, words };
  } catch (cause) {
    if (!(cause instanceof Llama4RecError) || cause.code !== "E_ARGUMENT") throw cause;
    throw new Llama4RecError("E_CORRUPT", `${path}: expected what users did, but ${cause.message}`, {
      cause,
    });
  }
}

async function idsOf(name: string, tensors: Tensors): Promise<StoredIds> {
  const numbers = tensors.doubles(`${name}.numbers`);
  const texts = await textsOf(name, tensors);
  const places = tensors.integers(`${name}.places`);
  await inTurns(numbers.length, (begin, end) => {
    for (let at = Math.max(1, begin); at < end; at++)
      if (!(numbers[at] > numbers[at - 1]))
        throw argumentError(`${name}.numbers[${at}]`, "ascending numbers", numbers[at]);
  });
  if (places.length < 2 * texts.size || (places.length & (places.length - 1)) !== 0)
    throw argumentError(`${name}.places`, `a power of two of at least ${2 * texts.size}`, places.length);
  return new StoredIds(numbers, texts, places);
}

async function textsOf(name: string, tensors: Tensors): Promise<TextTable> {
  const offsets = tensors.integers(`${name}.offsets`);
  const bytes = tensors.bytes(`${name}.bytes`);
  await checkRows(`${name}.offsets`, offsets, Math.max(0, offsets.length - 1), bytes.length);
  return new TextTable(offsets, bytes);
}

/** Checks where rows begin and end among so many values. */
async function checkRows(name: string, offsets: Int32Array, rows: number, values: number): Promise<void> {
  if (offsets.length !== rows + 1 || offsets[0] !== 0 || offsets[rows] !== values)
    throw argumentError(name, `${rows + 1} places of ${values} values`, offsets.length);
  await inTurns(rows, (begin, end) => {
    for (let row = begin; row < end; row++)
      if (offsets[row + 1] < offsets[row])
        throw argumentError(`${name}[${row + 1}]`, "ascending places", offsets[row + 1]);
  });
}

async function checkItems(name: string, items: Int32Array, count: number): Promise<void> {
  await inTurns(items.length, (begin, end) => {
    for (let at = begin; at < end; at++)
      if (items[at] < 0 || items[at] >= count)
        throw argumentError(`${name}[${at}]`, `an item in 0..${count - 1}`, items[at]);
  });
}
