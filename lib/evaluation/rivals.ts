import type { Split } from "../data/split.js";
import { ease } from "../models/reference/ease.js";
import { argumentError } from "../native/errors.js";
import { evaluateRanking } from "./ranking.js";

/** Ridge weights that {@link chooseEaseLambda} tries. */
export const easeLambdas = [10, 20, 50, 100, 200, 300, 500, 1000] as const;

/** Options of {@link chooseEaseLambda}. */
export interface EaseLambdaOptions {
  /** What to try, ascending; default {@link easeLambdas}. */
  readonly lambdas?: readonly number[];
  /** Called after each of them. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Stops before the next one; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * The ridge weight of EASE with the best NDCG@5 on validation; equal ones: the first.
 *
 * @throws Llama4RecError `E_ARGUMENT` when there is nothing to try or a weight is not above 0.
 */
export async function chooseEaseLambda(split: Split, options: EaseLambdaOptions = {}): Promise<number> {
  const { lambdas = easeLambdas, onProgress, signal } = options;
  if (lambdas.length === 0) throw argumentError("lambdas", "at least one ridge weight", lambdas);
  let best = { lambda: lambdas[0], ndcg: -1 };
  for (const [index, lambda] of lambdas.entries()) {
    signal?.throwIfAborted();
    using ranker = await ease(split.train, { lambda });
    const ndcg = evaluateRanking(ranker, split.train, split.validation).metrics["ndcg@5"];
    if (ndcg > best.ndcg) best = { lambda, ndcg };
    onProgress?.(index + 1, lambdas.length);
  }
  return best.lambda;
}
