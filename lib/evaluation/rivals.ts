import type { Split } from "../data/split.js";
import { ease } from "../models/reference/ease.js";
import { evaluateRanking } from "./ranking.js";

/** Ridge weights that {@link chooseEaseLambda} tries. */
export const easeLambdas = [10, 20, 50, 100, 200, 300, 500, 1000] as const;

/** The ridge weight of EASE with the best NDCG@5 on validation; equal ones: the smaller. */
export async function chooseEaseLambda(
  split: Split,
  lambdas: readonly number[] = easeLambdas,
  onProgress: (done: number) => void = () => {},
): Promise<number> {
  let best = { lambda: lambdas[0], ndcg: -1 };
  for (const [index, lambda] of lambdas.entries()) {
    using ranker = await ease(split.train, { lambda });
    const ndcg = evaluateRanking(ranker, split.train, split.validation).metrics["ndcg@5"];
    if (ndcg > best.ndcg) best = { lambda, ndcg };
    onProgress(index + 1);
  }
  return best.lambda;
}
