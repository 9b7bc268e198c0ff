import type { TrainView } from "../../data/trainView.js";
import { POCKET_CHAT } from "../chat.js";
import type { LabelSet } from "../languageModel.js";
import { DIRECT_TEMPLATE } from "../prompts/direct.js";
import { RATING_TEMPLATE } from "../prompts/rating.js";
import { ratingText, titleText } from "../prompts/render.js";
import { SEQUENTIAL_TEMPLATE } from "../prompts/sequential.js";
import { HEADINGS } from "../prompts/template.js";
import type { Tokenizer } from "../tokenizer/tokenizer.js";
import { trainTokenizer } from "../tokenizer/trainer.js";

/** Labels of the answers of a pocket model: one piece each. */
export const POCKET_LABELS: LabelSet = { lead: " ", names: [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"] };

/** Different ratings above which a scale counts as continuous: then only the whole numbers get pieces. */
const MOST_RATINGS = 20;

/**
 * A vocabulary for a catalogue: titles weigh by how often they occur in training, so that the well-known become single
 * pieces; the sentences of the templates weigh as much as the catalogue's most frequent title; labels and ratings are one
 * piece each.
 *
 * @param size Most pieces; a small catalogue has fewer.
 * @param wholeTitles Whether pieces may cross the spaces inside a title. Without, words stay words: more tokens a title, but
 * the words of a title that is new are known from others.
 */
export function catalogueTokenizer(view: TrainView, size: number, wholeTitles = true): Tokenizer {
  const often = view.itemCounts.reduce((most, count) => Math.max(most, count), 1);
  const templates = [DIRECT_TEMPLATE, SEQUENTIAL_TEMPLATE, RATING_TEMPLATE];
  const sentences = new Set([
    ...Object.values(HEADINGS),
    ...templates.flatMap(({ question }) => Object.values(question)),
  ]);
  const texts = [
    ...view.titles.flatMap((title, item) => {
      const text = titleText(title).slice(0, -1);
      const parts = wholeTitles ? [text] : (text.match(/ +[^ ]*/g) ?? []);
      return parts.map((part) => ({ text: part, weight: view.itemCounts[item] + 1 }));
    }),
    ...[...sentences].map((text) => ({ text, weight: often })),
  ];
  const required = [
    ...POCKET_LABELS.names.map((name) => POCKET_LABELS.lead + name),
    " =",
    ...ratingsOf(view).map(ratingText),
  ];
  return trainTokenizer({ texts, size, control: [POCKET_CHAT.open, POCKET_CHAT.answer], required });
}

/** The different ratings of a view, ascending. */
function ratingsOf({ ratings }: TrainView): number[] {
  const all = [...new Set(ratings)].sort((a, b) => a - b);
  return all.length <= MOST_RATINGS ? all : all.filter(Number.isInteger).slice(0, MOST_RATINGS);
}
