import type { ExternalId } from "../data/idMap.js";
import { argumentError } from "../native/errors.js";
import { checkedId } from "./request.js";
import type { NewInteraction, NewItem, RecommenderUpdate } from "./types.js";

/** Characters of a new item's title. */
const longestTitle = 1000;

/**
 * An update whose every field is what it should be.
 * @param knows Whether an item is there already.
 * @throws Llama4RecError `E_ARGUMENT` naming the field.
 */
export function checkedUpdate(
  update: RecommenderUpdate,
  knows: (item: ExternalId) => boolean,
): Required<RecommenderUpdate> {
  if (typeof update !== "object" || update === null)
    throw argumentError("update", "interactions and items", update);
  const { interactions = [], items = [] } = update;
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
  const { title } = item;
  if (typeof title !== "string" || title.trim() === "" || title.length > longestTitle)
    throw argumentError(`${name}.title`, `a title of at most ${longestTitle} characters`, title);
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
