import type { CandidatePromptInput } from "../prompts/build.js";
import { rankScores } from "./rank.js";
import type { Asking } from "./types.js";

/** @internal `[candidates]` Minus the place at which the model writes each, from 0. */
export function listingScores(asking: Asking, input: CandidatePromptInput): Promise<Float64Array | null> {
  return rankScores(asking, input, "listing");
}
