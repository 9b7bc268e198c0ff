import { requireTitles } from "../data/titles.js";
import type { TrainView } from "../data/trainView.js";
import { inFlight } from "../llm/inFlight.js";
import type { LanguageModel } from "../llm/languageModel.js";
import { type AttributeTemplate, attributePrompt, type WrittenField } from "../llm/prompts/attributes.js";
import { argumentError } from "../native/errors.js";
import { unknownName } from "../native/nearest.js";
import { checkedAnswer } from "./attributeAnswers.js";
import { type AttributeRecord, promptHash, type Recorded } from "./records.js";

/** Options of {@link augmentAttributes}. */
export interface AttributeAugmentationOptions {
  /** Words, fields and worked examples: {@link MOVIE_ATTRIBUTES}, {@link BOOK_ATTRIBUTES} or one of the caller's own. */
  readonly template: AttributeTemplate;
  /** Names of the fields to write, default all of the template. */
  readonly fields?: readonly string[];
  /** Most items to ask about, those that the most users have first; default all. */
  readonly items?: number;
  /** Most characters of a value, default 60; what is longer counts as unknown. */
  readonly maxLength?: number;
  /** Most tokens of an answer, default 80. */
  readonly maxTokens?: number;
  /** Called after each item. */
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** What the language model wrote for the conventional one. */
export interface AugmentedAttributes extends Recorded<"attributes"> {
  /** One column a field: the value of each item, "" where it is not known. For {@link withItemAttributes}. */
  readonly columns: Readonly<Record<string, readonly string[]>>;
  /** Items asked about. */
  readonly asked: number;
  /** Of these, answered. */
  readonly answered: number;
  /** Of the answers, those that told at least one field. */
  readonly known: number;
}

/**
 * Data augmentation for rating prediction (Llama4Rec, section "data augmentation"): the language model writes missing
 * attributes of items, shown a few worked examples. An answer is data and checked: what does not parse is unknown. Only
 * titles and the attributes that the template names are read, no interactions. A model without knowledge of the world
 * writes nothing of worth.
 *
 * @throws Llama4RecError `E_ARGUMENT` for a bad option, an attribute that items have already or a catalogue without titles,
 *   naming the field; the signal's reason when aborted.
 * @example
 * ```ts
 * const { columns } = await augmentAttributes(model, parts.train, { template: MOVIE_ATTRIBUTES });
 * const view = withItemAttributes(parts.train, columns);
 * ```
 */
export async function augmentAttributes(
  model: LanguageModel,
  view: TrainView,
  options: AttributeAugmentationOptions,
): Promise<AugmentedAttributes> {
  const { template, maxLength = 60, maxTokens = 80, signal } = options;
  checkPositive("maxLength", maxLength);
  checkPositive("maxTokens", maxTokens);
  if (options.items !== undefined) checkPositive("items", options.items);
  const fields = attributeFields(options);
  for (const { name } of fields)
    if (Object.hasOwn(view.itemAttributes, name))
      throw argumentError("fields", "names that items have no attribute of yet", name);
  requireTitles(view.titles);
  const known = template.known.filter(({ attribute }) => Object.hasOwn(view.itemAttributes, attribute));
  const asked = mostRated(view, options.items);
  let done = 0;
  const ask = async (item: number, signal: AbortSignal): Promise<AttributeRecord> => {
    const attributes = Object.fromEntries(
      known.map(({ attribute }) => [attribute, view.itemAttributes[attribute][item]]),
    );
    const prompt = attributePrompt(template, fields, { title: view.titles[item], attributes });
    const request = { prompt, maxTokens, stop: ["\n"], template: template.version };
    const answer = await model.complete(request, { signal });
    options.onProgress?.(++done, asked.length);
    return {
      item,
      promptHash: promptHash([prompt]),
      answer: answer.answered ? checkedAnswer(answer.text, fields, template, maxLength) : null,
    };
  };
  const records = await inFlight(asked, { signal }, ask);
  const tells = ({ answer }: AttributeRecord): boolean => Object.values(answer ?? {}).some(Boolean);
  const answered = records.filter(({ answer }) => answer !== null).length;
  const used = records.filter(tells).length;
  const names = fields.map(({ name }) => name);
  return {
    columns: attributeColumns(records, names, view.itemCount),
    asked: records.length,
    answered,
    known: used,
    records,
    provenance: {
      recipe: "attributes",
      view: view.digest,
      model: model.id,
      template: template.version,
      seed: null,
      options: { fields: names, items: asked.length, maxLength, maxTokens },
      counts: { asked: records.length, answered, used },
    },
  };
}

/** So many items by the number of users who have them, equal ones by index; in the order of the catalogue. */
function mostRated({ itemCounts }: TrainView, most = itemCounts.length): number[] {
  const order = [...itemCounts.keys()].sort((a, b) => itemCounts[b] - itemCounts[a] || a - b);
  return order.slice(0, most).sort((a, b) => a - b);
}

/**
 * One column a field, the value of each item by index: what {@link withItemAttributes} takes. Values that differ in case
 * alone are written as the first of them.
 * @throws Llama4RecError `E_ARGUMENT` for a record of an item beyond the catalogue.
 */
export function attributeColumns(
  records: readonly AttributeRecord[],
  fields: readonly string[],
  itemCount: number,
): Record<string, readonly string[]> {
  const columns = fields.map((name) => {
    const column = new Array<string>(itemCount).fill("");
    const spelled = new Map<string, string>();
    for (const { item, answer } of records) {
      if (item >= itemCount) throw argumentError("records", `items below ${itemCount}`, item);
      const value = answer !== null && Object.hasOwn(answer, name) ? answer[name] : "";
      const folded = value.toLowerCase();
      if (!spelled.has(folded)) spelled.set(folded, value);
      column[item] = spelled.get(folded) ?? value;
    }
    return [name, column] as const;
  });
  return Object.fromEntries(columns);
}

/**
 * The fields that {@link augmentAttributes} will write: those named, or all of the template.
 * @throws Llama4RecError `E_ARGUMENT` for a template that cannot be, or a field that it has not.
 * @internal
 */
export function attributeFields({
  template,
  fields,
}: Pick<AttributeAugmentationOptions, "template" | "fields">): readonly WrittenField[] {
  const all = template.fields;
  const names = all.map(({ name }) => name);
  if (all.length === 0 || new Set(names).size < all.length || names.includes(""))
    throw argumentError("template.fields", "one or more, each of a name of its own", names.join(", "));
  for (const { name, number } of all)
    if (number) checkPositive(`template.fields.${name}.number.width`, number.width);
  if (fields === undefined) return all;
  if (fields.length === 0) throw argumentError("fields", "at least one", fields);
  return [...new Set(fields)].map((name) => {
    const found = all.find((field) => field.name === name);
    if (found) return found;
    throw unknownName("E_ARGUMENT", "fields", names, name, ` of template ${template.version}`);
  });
}

function checkPositive(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) throw argumentError(name, "a positive integer", value);
}
