import { argumentError } from "../native/errors.js";
import type { ExternalId } from "./idMap.js";

/** What an item without a title is called. */
export const placeholderTitle = (id: ExternalId): string => `Item ${id}`;

/** Blank, or what {@link placeholderTitle} makes of an id. */
const saysNothing = /^\s*$|^Item \S+$/u;

/**
 * Refuses a catalogue that no language model can read: all titles blank or made from ids.
 * @throws Llama4RecError `E_ARGUMENT` naming `titles`.
 * @example
 * ```ts
 * requireTitles(dataset.titles); // a shop whose items were only ever numbered is refused before anything is trained
 * ```
 */
export function requireTitles(titles: readonly string[]): void {
  if (titles.every((title) => saysNothing.test(title)))
    throw argumentError(
      "titles",
      "titles of items, for a language model knows nothing of ids",
      titles[0] ?? "none",
    );
}
