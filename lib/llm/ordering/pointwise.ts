import { buildRatePrompt } from "../prompts/build.js";
import type { Asking, OrderInput } from "./types.js";

/**
 * @internal `[candidates]` Expected rating of each; null if one has no answer. The backbone's order is no part of the
 * question: a hint would have to be a rating. Without a scale the model refuses the request.
 */
export async function pointwiseScores(
  { model, options }: Asking,
  { scale = [], candidates, history, similarUserHistory }: OrderInput,
): Promise<Float64Array | null> {
  const prompt = { ...options, model, template: options.ratingTemplate };
  const ratings = await Promise.all(
    candidates.map(async (title) => {
      const request = buildRatePrompt({ history, similarUserHistory, title, scale }, prompt);
      const answer = await model.rate(request, options);
      return answer.answered ? answer.rating : null;
    }),
  );
  const known = ratings.filter((rating) => rating !== null);
  return known.length === ratings.length ? Float64Array.from(known) : null;
}
