import type { RankMode } from "../languageModel.js";
import { buildRankingPrompt, type CandidatePromptInput } from "../prompts/build.js";
import type { Asking } from "./types.js";

/** @internal `[candidates]` Scores of one rank request; null without an answer, and where the vocabulary has no labels. */
export async function rankScores(
  { model, options }: Asking,
  input: CandidatePromptInput,
  mode: RankMode,
): Promise<Float64Array | null> {
  const prompt = buildRankingPrompt(input, { ...options, model, mode });
  if (prompt.mode !== mode) return null; // fell back to likelihood, which is another mode
  const answer = await model.rank(prompt, options);
  return answer.answered ? answer.scores : null;
}
