import { checkHyperparameter } from "../models/backbone.js";
import { argumentError } from "../native/errors.js";
import { loadDefinition, sourceOf } from "../training/definition.js";
import type { Identity } from "../training/identity.js";
import type { TrainOptions } from "../training/train.js";
import { Climb, type SearchProgress } from "./climb.js";
import { objectiveOf, type SearchValidation } from "./objective.js";
import { type Rung, rungsOf, type SearchStrategy } from "./rungs.js";
import { drawTrial, type GivenValues, rangeText, type SearchSpace, searchSpace } from "./space.js";
import type { ScoredTrial, TrialResult } from "./trial.js";

/** Options of {@link searchHyperparameters}. */
export interface SearchOptions
  extends Pick<
    TrainOptions,
    "backbone" | "view" | "seed" | "evaluateEvery" | "patience" | "threads" | "signal" | "worker"
  > {
  /** Rows that choose, by which metric and masking; never test rows. */
  readonly validation: SearchValidation;
  /** Values that are not searched, over the backbone's defaults. */
  readonly hyperparameters?: GivenValues;
  /** Ranges over those that the backbone brings. */
  readonly space?: SearchSpace;
  /** How many trials to draw; of successive halving those that begin. */
  readonly trials: number;
  /** Default `random`. */
  readonly strategy?: SearchStrategy;
  /** Most epochs of a trial, of successive halving in the last rung; default: as the backbone has it. */
  readonly epochs?: number;
  /** Of successive halving: one trial in so many survives a rung, with so many times the epochs. Default 3. */
  readonly eta?: number;
  /**
   * Where finished trials are kept, as JSON lines: the same search goes on from there. Checkpoints of trials that are not
   * out yet lie beside it, three to four times as large as the model each.
   */
  readonly file?: string;
  /** A trial has come to the end of a rung; not called for those that were in the file. */
  readonly onTrial?: (result: TrialResult) => void;
  readonly onProgress?: (progress: SearchProgress) => void;
}

/** What {@link searchHyperparameters} found. */
export interface SearchResult {
  readonly best: ScoredTrial;
  /** All trials by rung, then by number. */
  readonly trials: readonly TrialResult[];
  /** 1: higher scores are better; -1: lower ones are. */
  readonly sign: 1 | -1;
  readonly rungs: readonly Rung[];
  readonly space: SearchSpace;
}

/**
 * Searches hyper-parameters of a backbone at random (Bergstra and Bengio, JMLR 2012) or by successive halving (Jamieson and
 * Talwalkar, AISTATS 2016). Validation rows choose. Trial n has the same values and the same score whatever ran before it,
 * at any number of threads, and after a kill: at most the work since the last checkpoint, a minute, is lost. A trial that
 * diverges is noted and out.
 *
 * @throws Llama4RecError `E_ARGUMENT` for bad options or a bad space; `E_MISMATCH`, `E_CORRUPT`, `E_VERSION` or `E_FILE` for
 *   a file that this search cannot go on from or cannot write; `E_DIVERGED` when all trials did; else as {@link train}. The
 *   signal's reason when aborted.
 * @example
 * ```ts
 * const parts = split(dataset);
 * const { best } = await searchHyperparameters({
 *   backbone: "MF",
 *   view: parts.train,
 *   validation: { heldOut: parts.validation },
 *   trials: 27,
 *   strategy: "halving",
 *   seed: 1,
 *   file: "mf.jsonl",
 * });
 * console.log(best.score, best.hyperparameters);
 * ```
 */
export async function searchHyperparameters(options: SearchOptions): Promise<SearchResult> {
  const { backbone, view, seed, validation, evaluateEvery, patience, threads, signal, worker } = options;
  const { hyperparameters: fixed = {}, strategy = "random", eta = 3, trials: count, file } = options;
  if (file !== undefined && (typeof file !== "string" || file === ""))
    throw argumentError("file", "a path", file);
  const source = sourceOf(backbone);
  const definition = await loadDefinition(source);
  const space = searchSpace(definition, options.space, fixed);
  const epochs = options.epochs ?? fixed.epochs ?? definition.hyperparameters.epochs.default;
  checkHyperparameter(definition, "epochs", epochs);
  const rungs = rungsOf({ strategy, trials: count, epochs, eta });
  const trials = Array.from({ length: count }, (_, index) =>
    drawTrial(definition, space, { ...fixed, epochs }, { seed, trial: index + 1 }),
  );
  const shared = { backbone, view, seed, validation, evaluateEvery, patience, threads, signal, worker };
  const objective = objectiveOf(source, definition, { ...shared, hyperparameters: trials[0] });
  const identity: Identity = {
    ...objective.identity,
    ...Object.fromEntries(
      Object.entries(space).map(([name, range]) => [`hyper-parameter ${name}`, rangeText(range)]),
    ),
    strategy,
    epochs,
    // They decide who survives; trial n of a random search is the same among any number.
    ...(strategy === "halving" ? { trials: count, eta } : {}),
  };
  const { onTrial, onProgress } = options;
  const climb = new Climb({ trials, rungs, objective, identity, file, onTrial, onProgress, signal });
  return { ...(await climb.run()), sign: objective.sign, rungs, space };
}
