import type { ExternalId } from "../data/idMap.js";
import { argumentError } from "../native/errors.js";
import { checkedId } from "./request.js";
import type { NewInteraction, NewItem, RecommenderUpdate } from "./types.js";

/**
 * An update whose every field is what it should be.
 * @param knows Whether an item is there already.
 * @throws Llama4RecError `E_ARGUMENT` naming the field.
 */
export function checkedUpdate(
  { interactions = [], items = [] }: RecommenderUpdate,
  knows: (item: ExternalId) => boolean,
): Required<RecommenderUpdate> {
  if (!Array.isArray(items)) throw argumentError("items", "a list of items", items);
  if (!Array.isArray(interactions))
    throw argumentError("interactions", "a list of interactions", interactions);
  for (const [at, item] of items.entries()) checkItem(`items[${at}]`, item);
  const coming = new Set(items.map(({ id }) => id));
  for (const [at, interaction] of interactions.entries()) {
    checkInteraction(`interactions[${at}]`, interaction);
    const { item } = interaction;
    if (!coming.has(item) && !knows(item))
      throw argumentError(`interactions[${at}].item`, "a known item, or one among the new ones", item);
  }
  return { interactions, items };
}

function checkItem(name: string, item: NewItem): void {
  if (typeof item !== "object" || item === null) throw argumentError(name, "an item", item);
  checkedId(`${name}.id`, item.id);
  if (typeof item.title !== "string" || item.title.trim() === "")
    throw argumentError(`${name}.title`, "a title", item.title);
}

function checkInteraction(name: string, interaction: NewInteraction): void {
  if (typeof interaction !== "object" || interaction === null)
    throw argumentError(name, "an interaction", interaction);
  checkedId(`${name}.user`, interaction.user);
  checkedId(`${name}.item`, interaction.item);
  const { rating } = interaction;
  if (rating !== undefined && !Number.isFinite(rating))
    throw argumentError(`${name}.rating`, "a finite number", rating);
}
