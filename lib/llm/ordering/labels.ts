import type { CandidatePromptInput } from "../prompts/build.js";
import { fixedOrders } from "./fixedOrders.js";
import { rankScores } from "./rank.js";
import type { Asking } from "./types.js";

/** @internal `[candidates]` Logit of each candidate's label, averaged over the fixed orders; null if one has no answer. */
export async function labelScores(asking: Asking, input: CandidatePromptInput): Promise<Float64Array | null> {
  const { candidates } = input;
  const orders = fixedOrders(candidates.length, asking.options.orders ?? 1);
  const scores = new Float64Array(candidates.length);
  const answers = await Promise.all(
    orders.map((order) => {
      const shown = Array.from(order, (candidate) => candidates[candidate]);
      return rankScores(asking, { ...input, candidates: shown }, "labels");
    }),
  );
  for (const [n, answer] of answers.entries()) {
    if (answer === null) return null;
    for (const [place, candidate] of orders[n].entries()) scores[candidate] += answer[place] / orders.length;
  }
  return scores;
}
