import { argumentError } from "../native/errors.js";
import type { Dataset } from "./dataset.js";
import type { ExternalId } from "./idMap.js";

/** What stands for the title of an item that has none. */
export function placeholderTitle(id: ExternalId): string {
  return `Item ${id}`;
}

/**
 * Refuses a catalogue that no language model can read.
 *
 * @throws Llama4RecError `E_ARGUMENT`, naming `titles`, when every item's is a placeholder or blank.
 *
 * @example
 * ```ts
 * requireTitles(dataset); // a shop whose items were only ever numbered is refused here, before anything is trained
 * ```
 */
export function requireTitles({ items, titles }: Dataset): void {
  const named = titles.some(
    (title, item) => title.trim() !== "" && title !== placeholderTitle(items.idAt(item)),
  );
  if (!named)
    throw argumentError(
      "titles",
      "a catalogue whose items have titles, for a language model to read",
      titles[0],
    );
}
