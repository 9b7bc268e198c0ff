import { Random } from "../../data/random.js";
import { stepRandomness } from "../../native/autograd.js";

/** Far above the low-numbered streams of initial values; those of samplers and native ops lie beyond 2^53. */
const stepStreams = 2 ** 52;

/**
 * Random numbers for what a model draws in JavaScript in the step that is being made: the same ones after a resume. In a
 * step without randomness they are those of seed 0, step 0.
 */
export function stepDraws(): Random {
  const { seed, step } = stepRandomness() ?? { seed: 0, step: 0 };
  return new Random(seed, stepStreams + step);
}

/** A 32-bit word below this comes with probability `rate`. */
export const wordsBelow = (rate: number): number => Math.round(rate * 2 ** 32);
