import type { Hyperparameters } from "../models/backbone.js";
import type { Identity } from "../training/identity.js";
import type { EpochReport } from "../training/train.js";

/** One trial at the end of one rung. */
export interface TrialResult {
  /** From 1. */
  readonly trial: number;
  /** From 0. */
  readonly rung: number;
  /** All of them, as {@link train} takes them; `epochs` is that of the rung. */
  readonly hyperparameters: Hyperparameters;
  /** Epoch of the best validated state, from 1; null when it diverged. */
  readonly epoch: number | null;
  /** Validation score of that state; null when it diverged. */
  readonly score: number | null;
  /** Wall-clock seconds of this rung, or of its part after the last kill. */
  readonly seconds: number;
  /** Whether numbers were no longer finite: the trial is out. */
  readonly diverged: boolean;
}

/** What a trial is run with. */
export interface TrialTask {
  readonly hyperparameters: Hyperparameters;
  /** The trial goes on from this file where there is one, and leaves its end there; null: it is run at one go. */
  readonly checkpoint: string | null;
  readonly onEpoch: (report: EpochReport) => void;
}

/**
 * Trains with validation, and says how well that went.
 * @throws Llama4RecError `E_DIVERGED` when numbers are no longer finite; whatever else it throws ends the search.
 */
export type TrialRunner = (task: TrialTask) => Promise<{ readonly epoch: number; readonly score: number }>;

/** What is searched for. */
export interface Objective {
  /** 1: higher scores are better; -1: lower ones are. */
  readonly sign: 1 | -1;
  /** All that a trial's score depends on beside the searched hyper-parameters and epochs, by name. */
  readonly identity: Identity;
  readonly run: TrialRunner;
}

/** The trials that did not diverge, the best first; of equal ones the lower number. */
export function bestFirst(trials: readonly TrialResult[], sign: Objective["sign"]): readonly ScoredTrial[] {
  return trials.filter(isScored).sort((a, b) => sign * (b.score - a.score) || a.trial - b.trial);
}

/** A trial that did not diverge. */
export interface ScoredTrial extends TrialResult {
  readonly epoch: number;
  readonly score: number;
}

const isScored = (trial: TrialResult): trial is ScoredTrial => trial.score !== null && trial.epoch !== null;
