import { argumentError } from "../native/errors.js";
import type { ExternalId } from "./idMap.js";

/** What an item without a title is called. */
export const placeholderTitle = (id: ExternalId): string => `Item ${id}`;

const placeholder = /^Item \S+$/u;

/**
 * Whether items have titles that say something, as a language model needs them.
 * @throws Llama4RecError `E_ARGUMENT` naming `titles` when one is blank or all are made from ids.
 */
export function checkTitles(titles: readonly string[]): void {
  for (const [item, title] of titles.entries())
    if (title.trim() === "") throw argumentError(`titles[${item}]`, "the title of an item", title);
  if (titles.every((title) => placeholder.test(title)))
    throw argumentError(
      "titles",
      "titles of items, for a language model knows nothing of ids",
      titles[0] ?? "none",
    );
}
