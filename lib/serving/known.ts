import type { IdMap } from "../data/idMap.js";
import type { UserItems } from "../data/trainView.js";
import { argumentError, Llama4RecError } from "../native/errors.js";
import { jsonOf } from "../storage/json.js";
import { readTensorFile, writeTensorFile } from "../storage/safetensors.js";

const kind = "known";

/** What a snapshot knows of users and items beside its model. */
export interface Known extends UserItems {
  /** `[interactions]`, parallel to `items`. */
  readonly ratings: Float32Array;
  /** One an item. */
  readonly titles: readonly string[];
}

/** Writes it as one safetensors file. */
export async function saveKnown(path: string, { offsets, items, ratings, titles }: Known): Promise<void> {
  const tensors = new Map([
    ["offsets", { shape: [offsets.length], values: offsets }],
    ["items", { shape: [items.length], values: items }],
    ["ratings", { shape: [ratings.length], values: ratings }],
  ]);
  await writeTensorFile(path, { kind, metadata: { titles: JSON.stringify(titles) }, tensors });
}

/**
 * Reads the file of {@link saveKnown}; nothing in it is trusted.
 * @throws Llama4RecError as `readTensorFile`; `E_CORRUPT` when it does not fit those users and items.
 */
export async function readKnown(path: string, users: IdMap, items: IdMap): Promise<Known> {
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
    checkRows(offsets, seen, users.size, items.size);
    return { offsets, items: seen, ratings, titles: titlesOf(metadata.titles, items.size) };
  } catch (cause) {
    if (!(cause instanceof Llama4RecError) || cause.code !== "E_ARGUMENT") throw cause;
    throw new Llama4RecError("E_CORRUPT", `${path}: expected what users did, but ${cause.message}`, {
      cause,
    });
  }
}

function checkRows(offsets: Int32Array, items: Int32Array, users: number, itemCount: number): void {
  if (offsets.length !== users + 1 || offsets[0] !== 0 || offsets[users] !== items.length)
    throw argumentError("offsets", `${users + 1} places of ${items.length} items`, offsets.length);
  for (let user = 0; user < users; user++)
    if (offsets[user + 1] < offsets[user])
      throw argumentError(`offsets[${user + 1}]`, "ascending places", offsets[user + 1]);
  for (let at = 0; at < items.length; at++)
    if (items[at] < 0 || items[at] >= itemCount)
      throw argumentError(`items[${at}]`, `an item in 0..${itemCount - 1}`, items[at]);
}

function titlesOf(text: string | undefined, count: number): readonly string[] {
  const titles = jsonOf(text ?? "null");
  if (!Array.isArray(titles) || titles.length !== count || titles.some((title) => typeof title !== "string"))
    throw argumentError("titles", `${count} texts`, titles);
  return titles;
}
