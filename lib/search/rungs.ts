import { argumentError } from "../native/errors.js";

/** How a search spends its epochs. */
export type SearchStrategy = "random" | "halving";

/** One round of trials, all of which are trained to the same number of epochs. */
export interface Rung {
  /** Most epochs of a trial, those of earlier rungs among them. */
  readonly epochs: number;
  /** Trials that take part, at most: diverged ones are out. */
  readonly trials: number;
}

/** Options of {@link rungsOf}. */
export interface RungOptions {
  readonly strategy: SearchStrategy;
  readonly trials: number;
  /** Of the last rung. */
  readonly epochs: number;
  /** Successive halving keeps one trial in so many and gives it so many times the epochs. */
  readonly eta: number;
}

/**
 * The rungs of a search. `random`: one, with all epochs. `halving` (successive halving: Jamieson and Talwalkar, AISTATS
 * 2016): each rung keeps the best `1 / eta` of the one before it and grows the epochs by `eta`, up to one trial or down
 * to one epoch.
 * @throws Llama4RecError `E_ARGUMENT` when an option is bad.
 */
export function rungsOf({ strategy, trials, epochs, eta }: RungOptions): readonly Rung[] {
  if (strategy !== "random" && strategy !== "halving")
    throw argumentError("strategy", '"random" or "halving"', strategy);
  if (!Number.isInteger(trials) || trials < 1 || trials > 1e6)
    throw argumentError("trials", "an integer in 1..1000000", trials);
  if (!Number.isInteger(eta) || eta < 2) throw argumentError("eta", "an integer of at least 2", eta);
  const rungs: Rung[] = [];
  let share = 1;
  do {
    rungs.push({ epochs, trials: Math.floor(trials / share) });
    share *= eta;
  } while (strategy === "halving" && share <= trials && share <= epochs);
  return rungs.map((rung, index) => ({
    ...rung,
    epochs: Math.floor(epochs / eta ** (rungs.length - 1 - index)),
  }));
}
