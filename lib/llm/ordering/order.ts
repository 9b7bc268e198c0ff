import { argumentError } from "../../native/errors.js";
import { checked } from "../checks.js";
import type { LanguageModel } from "../languageModel.js";
import { hybridParts, hybridScores } from "./hybrid.js";
import { labelScores } from "./labels.js";
import { liftScores, likelihoodScores } from "./likelihood.js";
import { listingScores } from "./listing.js";
import { standardizedMargin } from "./margin.js";
import { pairwiseScores } from "./pairwise.js";
import { pointwiseScores } from "./pointwise.js";
import {
  type Asking,
  type CandidateScores,
  type OrderInput,
  type OrderMode,
  type OrderOptions,
  orderModes,
} from "./types.js";

/** What a mode yields before its margin is known. */
type Scored = Omit<CandidateScores, "margin">;

const modes: Readonly<Record<OrderMode, (asking: Asking, input: OrderInput) => Promise<Scored | null>>> = {
  likelihood: async (asking, input) => plain(await likelihoodScores(asking, input)),
  lift: async (asking, input) => plain(await liftScores(asking, input)),
  labels: async (asking, input) => plain(await labelScores(asking, input)),
  listing: async (asking, input) => plain(await listingScores(asking, input)),
  pointwise: async (asking, input) => plain(await pointwiseScores(asking, input)),
  async pairwise(asking, input) {
    const answer = await pairwiseScores(asking, input);
    return answer && { ...answer, parts: null };
  },
  async hybrid(asking, input) {
    const answer = await hybridParts(asking, input);
    return answer && { ...answer, scores: hybridScores(answer.parts, input.candidates.length) };
  },
};

function plain(scores: Float64Array | null): Scored | null {
  return scores && { scores, consistency: null, parts: null };
}

/**
 * Scores a list of candidates in one of the modes. The model is behind its checks, see {@link checked}: whatever is wrong with
 * one of its answers, the list has none.
 *
 * @returns Null when a question of the list has no answer (for `hybrid`: when no part has), also where the prompt does not
 *   fit or the vocabulary has no labels; the model's counters tell why.
 * @throws Llama4RecError `E_ARGUMENT` without candidates, for an unknown mode, fewer than one order, or ratings without a
 *   scale; `E_DISPOSED`.
 *
 * @example
 * ```ts
 * const answer = await orderCandidates(model, { history, candidates }, { mode: "labels", orders: 2 });
 * const utilities = answer && rankUtilities(answer.scores);
 * ```
 */
export async function orderCandidates(
  model: LanguageModel,
  input: OrderInput,
  options: OrderOptions,
): Promise<CandidateScores | null> {
  const { mode, orders = 1, ...rest } = options;
  if (!orderModes.includes(mode)) throw argumentError("mode", orderModes.join(", "), mode);
  if (!Number.isInteger(orders) || orders < 1)
    throw argumentError("orders", "an integer of at least 1", orders);
  if (input.candidates.length === 0)
    throw argumentError("candidates", "at least one candidate", input.candidates);
  if ((mode === "pointwise" || mode === "hybrid") && input.scale === undefined)
    throw argumentError("scale", "the possible ratings", input.scale);
  const answer = await modes[mode]({ model: checked(model), options: { ...rest, orders } }, input);
  return answer && { ...answer, margin: standardizedMargin(answer.scores) };
}
