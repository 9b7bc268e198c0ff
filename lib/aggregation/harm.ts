import { argumentError } from "../native/errors.js";

/**
 * The largest number of places by which a language model, however wrong or bribed, can move an item up or down a
 * list, where both sides' utilities are places (`positionUtilities`) and its weight is at most alpha.
 *
 * A candidate at the backbone's place s and the language model's place p ends with `-(1 - a) s - a p`, which lies in
 * `[-(1 - a) s - a k', -(1 - a) s - a]`. So it passes one that the backbone has d places higher only where
 * `(1 - a) d < a (p' - p) <= a (k' - 1)`; ties keep the backbone's order. At most as many are passed as there are
 * such d:
 *
 *     largestShift = min(k' - 1, ceil(a (k' - 1) / (1 - a)) - 1), at least 0
 *
 * It is reached (by a language model that puts the item first and those to be passed last, the nearest of them before
 * the farthest), grows with alpha, and holds for the largest alpha_u where weights differ by user: alpha_1 under Eq. 7's
 * form `scaled`, the larger of alpha_1 and alpha_2 under `alternative`, the cap of a learned weight. Of ten candidates
 * none moves up to a = 1/10, one place at most up to 2/11, two up to 1/4, three up to 4/13, any number beyond 1/2.
 *
 * @param alpha - The largest weight of the language model, in [0, 1].
 * @param candidates - k', the length of the list.
 * @returns Places, from 0 to k' - 1.
 * @throws Llama4RecError `E_ARGUMENT` if alpha is out of range or there is no candidate.
 *
 * @example
 * ```ts
 * largestShift(0.1, 10); // 0
 * largestShift(0.3, 10); // 3
 * ```
 */
export function largestShift(alpha: number, candidates: number): number {
  if (!(alpha >= 0 && alpha <= 1)) throw argumentError("alpha", "a number from 0 to 1", alpha);
  if (!Number.isInteger(candidates) || candidates < 1)
    throw argumentError("candidates", "a count from 1", candidates);
  if (alpha > 0.5) return candidates - 1;
  // A quotient that is whole on paper may come out a few last bits above.
  const reach = ((alpha * (candidates - 1)) / (1 - alpha)) * (1 - 1e-12);
  return Math.max(0, Math.ceil(reach) - 1);
}
