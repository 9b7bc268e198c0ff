import { argumentError } from "../../native/errors.js";
import type { CompareRequest, LanguageModel, RankMode, RankRequest, RateRequest } from "../languageModel.js";
import { DIRECT_TEMPLATE } from "./direct.js";
import { fitTitles, type KeptTitles } from "./fit.js";
import { RATING_TEMPLATE } from "./rating.js";
import {
  choiceQuestion,
  listText,
  type PromptItem,
  pairQuestion,
  rateQuestion,
  ratingText,
  titleQuestion,
  titleText,
} from "./render.js";
import { sanitizeTitle } from "./sanitize.js";
import type { PromptTemplate } from "./template.js";

/** What a prompt says about a user. */
export interface UserPromptInput {
  /** What the user chose, oldest first: titles, or titles with the user's rating. */
  readonly history: readonly (string | PromptItem)[];
  /** What the most similar user chose, oldest first. */
  readonly similarUserHistory?: readonly (string | PromptItem)[];
  /** What the backbone would recommend, best first. */
  readonly backbonePrediction?: readonly string[];
}

/** Input of {@link buildRankingPrompt} and {@link buildChoicePrompt}. */
export interface CandidatePromptInput extends UserPromptInput {
  readonly candidates: readonly string[];
}

/** Input of {@link buildPairPrompt}. */
export interface PairPromptInput extends UserPromptInput {
  readonly items: readonly [string, string];
}

/** Input of {@link buildRatePrompt}. */
export interface RatePromptInput extends Omit<UserPromptInput, "backbonePrediction"> {
  /** The item to rate. */
  readonly title: string;
  /** The possible ratings, strictly ascending. */
  readonly scale: readonly number[];
  /** The rating that the backbone expects. */
  readonly expected?: number;
}

/** What a builder must know about the model. */
export type PromptModel = Pick<LanguageModel, "countTokens" | "contextSize" | "labels">;

/** How a prompt is built. */
export interface PromptOptions {
  /** The model the prompt is for. */
  readonly model: PromptModel;
  /** Tokens that prompt and longest continuation may take. Default: the model's context. */
  readonly budget?: number;
  /** Own titles that are only dropped after everything else was. Default 10. */
  readonly historyFloor?: number;
  /** Default: {@link DIRECT_TEMPLATE}; for ratings {@link RATING_TEMPLATE}. */
  readonly template?: PromptTemplate;
}

/** How {@link buildRankingPrompt} and {@link buildChoicePrompt} build theirs. */
export interface CandidatePromptOptions extends PromptOptions {
  readonly mode: RankMode;
}

/** A rank or choose request and how many titles found room. */
export interface RankingPrompt extends RankRequest {
  readonly kept: KeptTitles;
}

/** A rate request and how many titles found room. */
export interface RatePrompt extends RateRequest {
  readonly kept: KeptTitles;
}

/** A compare request and how many titles found room. */
export interface PairPrompt extends CompareRequest {
  readonly kept: KeptTitles;
}

const HISTORY_FLOOR = 10;

/**
 * The request that ranks candidates for a user: history, the similar user's history, the backbone's prediction, the
 * question, and with labels the candidates last. With likelihood the candidates are not listed: each is scored as
 * the next title; with listing they are written one after another. Falls back to likelihood when the vocabulary has
 * too few labels. Titles that do not fit are dropped
 * whole; candidates are always kept, so a prompt without room is still returned and the model answers "too-long".
 *
 * @throws Llama4RecError `E_ARGUMENT` without candidates.
 *
 * @example
 * ```ts
 * const prompt = buildRankingPrompt({ history: ["Alien (1979)"], candidates }, { model, mode: "likelihood" });
 * const answer = await model.rank(prompt);
 * ```
 */
export function buildRankingPrompt(
  input: CandidatePromptInput,
  options: CandidatePromptOptions,
): RankingPrompt {
  return candidatePrompt(input, options);
}

/**
 * The request that picks the one candidate for a user, built like that of {@link buildRankingPrompt}.
 *
 * @throws Llama4RecError `E_ARGUMENT` without candidates.
 *
 * @example
 * ```ts
 * const prompt = buildChoicePrompt({ history, candidates }, { model, mode: "labels", template: SEQUENTIAL_TEMPLATE });
 * const answer = await model.choose(prompt);
 * ```
 */
export function buildChoicePrompt(
  input: CandidatePromptInput,
  options: CandidatePromptOptions,
): RankingPrompt {
  return candidatePrompt(input, options);
}

function candidatePrompt(input: CandidatePromptInput, options: CandidatePromptOptions): RankingPrompt {
  const { model, template = DIRECT_TEMPLATE } = options;
  const titles = input.candidates.map((title) => sanitizeTitle(title));
  if (titles.length === 0) throw argumentError("candidates", "at least one candidate", input.candidates);
  const labels = options.mode === "labels" ? model.labels(titles.length) : null;
  const question = labels ? choiceQuestion(template, labels, titles) : titleQuestion(template);
  const candidates = labels ? labels.names.map((name) => labels.lead + name) : titles.map(titleText);
  const mode = labels ? "labels" : options.mode === "listing" ? "listing" : "likelihood";
  const tail = (mode === "listing" ? total : longest)(model, candidates);
  const { text, kept } = fitUser(input, template, question, tail, options);
  return { prefix: text, candidates, mode, template: template.version, kept };
}

/**
 * The request that asks which of two items a user likes more, in both orders.
 *
 * @throws Llama4RecError `E_ARGUMENT` if the model's vocabulary has no two labels; rank the two by likelihood then.
 *
 * @example
 * ```ts
 * const answer = await model.compare(buildPairPrompt({ history, items: ["Alien (1979)", "Heidi (1937)"] }, { model }));
 * ```
 */
export function buildPairPrompt(input: PairPromptInput, options: PromptOptions): PairPrompt {
  const { model, template = DIRECT_TEMPLATE } = options;
  const labels = model.labels(2);
  if (!labels) throw argumentError("model", "a vocabulary with two one-token labels", "none");
  const [first, second] = input.items;
  const questions = [
    pairQuestion(template, labels, [first, second]),
    pairQuestion(template, labels, [second, first]),
  ] as const;
  const { text, kept } = fitUser(input, template, "", longest(model, questions), options);
  // A prefix is never empty: of a user of whom nothing is known, what both questions share begins with their first line.
  const shared = text === "" ? `${template.question.compare}\n`.length : 0;
  return {
    prefix: text + questions[0].slice(0, shared),
    questions: [questions[0].slice(shared), questions[1].slice(shared)],
    labels: [labels.lead + labels.names[0], labels.lead + labels.names[1]],
    template: template.version,
    kept,
  };
}

/**
 * The request that asks for the user's rating of one item.
 *
 * @example
 * ```ts
 * const prompt = buildRatePrompt({ history, title: "Alien (1979)", scale: [1, 2, 3, 4, 5] }, { model });
 * const answer = await model.rate(prompt);
 * ```
 */
export function buildRatePrompt(input: RatePromptInput, options: PromptOptions): RatePrompt {
  const { model, template = RATING_TEMPLATE } = options;
  const { title, scale, expected } = input;
  const question = rateQuestion(template, title, expected);
  const { text, kept } = fitUser(input, template, question, longest(model, scale.map(ratingText)), options);
  return { prefix: text, scale, template: template.version, kept };
}

/** The user's lists cut to what fits, and the question. */
function fitUser(
  input: UserPromptInput,
  template: PromptTemplate,
  question: string,
  tailTokens: number,
  { model, budget = model.contextSize, historyFloor = HISTORY_FLOOR }: PromptOptions,
): { text: string; kept: KeptTitles } {
  const { history, similarUserHistory: similar = [], backbonePrediction: prediction = [] } = input;
  const render = (kept: KeptTitles): string =>
    listText(template.history, newest(history, kept.history)) +
    listText(template.similarUser, newest(similar, kept.similar)) +
    listText(template.prediction, prediction.slice(0, kept.prediction)) +
    question;
  const available = { history: history.length, similar: similar.length, prediction: prediction.length };
  const fits = (kept: KeptTitles): boolean => model.countTokens(render(kept)) + tailTokens <= budget;
  const kept = fitTitles(available, historyFloor, fits);
  return { text: render(kept), kept };
}

function newest<T>(items: readonly T[], count: number): readonly T[] {
  return items.slice(items.length - count);
}

function total(model: PromptModel, texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + model.countTokens(text), 0);
}

function longest(model: PromptModel, texts: readonly string[]): number {
  return Math.max(...texts.map((text) => model.countTokens(text)));
}
