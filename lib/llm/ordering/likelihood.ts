import type { CandidatePromptInput } from "../prompts/build.js";
import { rankScores } from "./rank.js";
import type { Asking } from "./types.js";

/** @internal `[candidates]` Log-probability of each title in nats. */
export function likelihoodScores(asking: Asking, input: CandidatePromptInput): Promise<Float64Array | null> {
  return rankScores(asking, input, "likelihood");
}

/**
 * @internal `[candidates]` Log-probability of each title less that after an empty history, the pointwise mutual information
 * (Church and Hanks 1990). Without a history, or anything else about the user, all are 0.
 */
export async function liftScores(asking: Asking, input: CandidatePromptInput): Promise<Float64Array | null> {
  const [after, before] = await Promise.all([
    likelihoodScores(asking, input),
    likelihoodScores(asking, { history: [], candidates: input.candidates }),
  ]);
  return after && before && after.map((score, candidate) => score - before[candidate]);
}
