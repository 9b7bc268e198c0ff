import { argumentError } from "../../native/errors.js";
import type { CompareRequest, LabelSet, LanguageModel, RankMode, RankRequest } from "../languageModel.js";
import { DIRECT_TEMPLATE } from "./direct.js";
import { fitTitles, type KeptTitles } from "./fit.js";
import { sanitizeTitle } from "./sanitize.js";
import type { PromptTemplate } from "./template.js";

/** What a prompt says about a user; titles only. */
export interface UserPromptInput {
  /** What the user chose, oldest first. */
  readonly history: readonly string[];
  /** What the most similar user chose, oldest first. */
  readonly similarUserHistory?: readonly string[];
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
  /** Default: {@link DIRECT_TEMPLATE}. */
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

/** A compare request and how many titles found room. */
export interface PairPrompt extends CompareRequest {
  readonly kept: KeptTitles;
}

const HISTORY_FLOOR = 10;

/**
 * The request that ranks candidates for a user: instruction, history, the similar user's history, the backbone's
 * prediction, and with labels the candidates last. With likelihood the candidates are not listed: each is scored as
 * the next title. Falls back to likelihood when the vocabulary has too few labels. Titles that do not fit are dropped
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
  return candidatePrompt("rank", input, options);
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
  return candidatePrompt("choose", input, options);
}

function candidatePrompt(
  kind: "rank" | "choose",
  input: CandidatePromptInput,
  options: CandidatePromptOptions,
): RankingPrompt {
  const { model, template = DIRECT_TEMPLATE } = options;
  const titles = input.candidates.map((title) => sanitizeTitle(title));
  if (titles.length === 0) throw argumentError("candidates", "at least one candidate", input.candidates);
  const labels = options.mode === "labels" ? model.labels(titles.length) : null;
  const ending = labels ? labelledEnding(template, labels, titles) : template.question.title;
  const candidates = labels
    ? labels.names.map((name) => labels.lead + name)
    : titles.map((title) => ` ${title}\n`);
  const { text, kept } = fitUser(
    input,
    template.instruction[kind],
    ending,
    longest(model, candidates),
    options,
  );
  const mode = labels ? "labels" : "likelihood";
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
  const [first, second] = [sanitizeTitle(input.items[0]), sanitizeTitle(input.items[1])];
  const ask = (titles: readonly string[]): string => labelledEnding(template, labels, titles);
  const questions = [ask([first, second]), ask([second, first])] as const;
  const { text, kept } = fitUser(input, template.instruction.compare, "", longest(model, questions), options);
  return {
    prefix: text,
    questions,
    labels: [labels.lead + labels.names[0], labels.lead + labels.names[1]],
    template: template.version,
    kept,
  };
}

/** The labelled candidates and the question, up to where a label is due. */
function labelledEnding(template: PromptTemplate, labels: LabelSet, titles: readonly string[]): string {
  const lines = titles.map((title, i) => `${labels.names[i]}. ${title}`);
  return `${list(template.candidates, lines)}${template.question.label}${labels.lead === "" ? " " : ""}`;
}

/** Instruction, the user's lists cut to what fits, and `ending`. */
function fitUser(
  input: UserPromptInput,
  instruction: string,
  ending: string,
  tailTokens: number,
  {
    model,
    budget = model.contextSize,
    historyFloor = HISTORY_FLOOR,
    template = DIRECT_TEMPLATE,
  }: PromptOptions,
): { text: string; kept: KeptTitles } {
  const history = input.history.map((title) => sanitizeTitle(title));
  const similar = (input.similarUserHistory ?? []).map((title) => sanitizeTitle(title));
  const prediction = (input.backbonePrediction ?? []).map((title) => sanitizeTitle(title));
  const render = (kept: KeptTitles): string =>
    `${instruction}\n${list(template.history, newest(history, kept.history))}` +
    list(template.similarUser, newest(similar, kept.similar)) +
    list(template.prediction, prediction.slice(0, kept.prediction)) +
    ending;
  const available = { history: history.length, similar: similar.length, prediction: prediction.length };
  const fits = (kept: KeptTitles): boolean => model.countTokens(render(kept)) + tailTokens <= budget;
  const kept = fitTitles(available, historyFloor, fits);
  return { text: render(kept), kept };
}

/** A heading and one title a line; nothing for an empty list. */
function list(heading: string, titles: readonly string[]): string {
  return titles.length === 0 ? "" : `${heading}\n${titles.map((title) => `${title}\n`).join("")}`;
}

function newest(titles: readonly string[], count: number): readonly string[] {
  return titles.slice(titles.length - count);
}

function longest(model: PromptModel, texts: readonly string[]): number {
  return Math.max(...texts.map((text) => model.countTokens(text)));
}
