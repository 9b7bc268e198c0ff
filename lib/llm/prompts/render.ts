import type { LabelSet } from "../languageModel.js";
import { sanitizeTitle } from "./sanitize.js";
import type { PromptTemplate } from "./template.js";

/** An item of a list: its title, with the user's rating where there is one. */
export interface PromptItem {
  readonly title: string;
  readonly rating?: number;
}

/**
 * The texts of prompts, for training and for inference alike: lines that end with a line break, a title after one blank.
 * A vocabulary that merges nothing across line breaks gives the parts of a prompt the same tokens as the whole.
 */

/** A heading and one title a line, ` Title` or ` Title = 4`; nothing for an empty list. */
export function listText(heading: string, items: readonly (string | PromptItem)[]): string {
  return items.length === 0 ? "" : `${heading}\n${items.map(line).join("")}`;
}

/** One title as lists and answers have it. */
export function titleText(title: string): string {
  return ` ${sanitizeTitle(title)}\n`;
}

/** The question for one title. */
export function titleQuestion({ question }: PromptTemplate): string {
  return `${question.title}\n`;
}

/** The question for one of several labelled titles; answered by `labels.lead` and a name. */
export function choiceQuestion(
  { question }: PromptTemplate,
  labels: LabelSet,
  titles: readonly string[],
): string {
  return labelled(question.choose, labels, titles);
}

/** The question for one of two labelled titles. */
export function pairQuestion(
  { question }: PromptTemplate,
  labels: LabelSet,
  titles: readonly [string, string],
): string {
  return labelled(question.compare, labels, titles);
}

/** The question for a rating, after what the backbone expects, if that is known; answered by {@link ratingText}. */
export function rateQuestion(
  { predictedRating, question }: PromptTemplate,
  title: string,
  expected?: number,
): string {
  const hint = expected === undefined ? "" : `${predictedRating} ${expected.toFixed(1)}\n`;
  return `${hint}${question.rate}\n${titleText(title)}`;
}

/** A rating as an answer; ratings are kept as float32, whose rounding is taken off. */
export function ratingText(rating: number): string {
  return ` ${Number.isInteger(rating) ? rating : Number(rating.toPrecision(7))}`;
}

function line(item: string | PromptItem): string {
  if (typeof item === "string") return titleText(item);
  const { title, rating } = item;
  return rating === undefined ? titleText(title) : ` ${sanitizeTitle(title)} =${ratingText(rating)}\n`;
}

function labelled(question: string, { lead, names }: LabelSet, titles: readonly string[]): string {
  return `${question}\n${titles.map((title, i) => `${lead}${names[i]}.${titleText(title)}`).join("")}`;
}
