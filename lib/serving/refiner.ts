import { noAnswer } from "../llm/attempt.js";
import type { LanguageModel, NoAnswer } from "../llm/languageModel.js";
import { orderCandidates } from "../llm/ordering/order.js";
import { buildRankingPrompt, type CandidatePromptInput } from "../llm/prompts/build.js";
import { DIRECT_TEMPLATE } from "../llm/prompts/direct.js";
import { SEQUENTIAL_TEMPLATE } from "../llm/prompts/sequential.js";
import type { Mixing } from "./manifest.js";

/** What the language model is asked about one list. */
export interface Refinement extends CandidatePromptInput {
  /** The possible ratings, ascending; for modes that ask for one. */
  readonly scale: readonly number[];
}

const templateOf = ({ question }: Mixing) => (question === "direct" ? DIRECT_TEMPLATE : SEQUENTIAL_TEMPLATE);

/** Scores of the candidates by the language model; higher is better. */
export async function askedScores(
  model: LanguageModel,
  input: Refinement,
  mixing: Mixing,
  milliseconds: number,
  signal?: AbortSignal,
): Promise<Float64Array | NoAnswer> {
  const begin = performance.now();
  const before = model.stats().noAnswers;
  const answer = await orderCandidates(model, input, {
    mode: mixing.mode,
    template: templateOf(mixing),
    ...{ deadlineMs: milliseconds, signal },
  });
  if (answer !== null) return answer.scores;
  const late = performance.now() - begin >= milliseconds;
  const after = model.stats().noAnswers;
  const counted = reasons.find((reason) => after[reason] > before[reason]) ?? "invalid";
  return noAnswer(
    signal?.aborted ? "aborted" : late ? "timeout" : counted,
    "no answer of the language model",
  );
}

/** Why a list may have no answer, as the model counts it; a prompt that cannot be written is not counted: `invalid`. */
const reasons = ["too-long", "fault", "invalid", "aborted", "timeout"] as const;

/** The text that the language model is shown. */
export const promptOf = (model: LanguageModel, input: Refinement, mixing: Mixing): string => {
  const mode = mixing.mode === "labels" || mixing.mode === "listing" ? mixing.mode : "likelihood";
  return buildRankingPrompt(input, { model, mode, template: templateOf(mixing) }).prefix;
};
