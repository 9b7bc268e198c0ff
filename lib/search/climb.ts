import type { Hyperparameters } from "../models/backbone.js";
import { Llama4RecError } from "../native/errors.js";
import type { Identity } from "../training/identity.js";
import type { EpochReport } from "../training/train.js";
import { TrialCheckpoints } from "./checkpoints.js";
import type { Rung } from "./rungs.js";
import { bestFirst, type Objective, type ScoredTrial, type TrialResult } from "./trial.js";
import { TrialLog } from "./trialLog.js";

/** How far a search has come. */
export interface SearchProgress {
  /** The trial that runs, from 1. */
  readonly trial: number;
  /** The rung it runs in, from 1, and how many there are. */
  readonly rung: number;
  readonly rungs: number;
  /** Trials of this rung that are done, and all it has. */
  readonly done: number;
  readonly trials: number;
  /** The epoch that the trial has finished. */
  readonly epoch: EpochReport;
  /** Best score of a finished trial of this rung, null before the first. */
  readonly best: number | null;
}

/** All that decides a search, and whom it tells. */
export interface SearchPlan {
  /** Values of each trial, with the epochs of the last rung. */
  readonly trials: readonly Hyperparameters[];
  readonly rungs: readonly Rung[];
  readonly objective: Objective;
  /** What trials in a file belong to. */
  readonly identity: Identity;
  readonly file?: string;
  readonly onTrial?: (result: TrialResult) => void;
  readonly onProgress?: (progress: SearchProgress) => void;
  readonly signal?: AbortSignal;
}

/** Runs trials rung by rung, from the start or from what a file holds. */
export class Climb {
  readonly #plan: SearchPlan;

  constructor(plan: SearchPlan) {
    this.#plan = plan;
  }

  /**
   * The best trial, and all by rung, then by number.
   * @throws Llama4RecError as {@link TrialLog} and the objective do; `E_DIVERGED` when all trials did. The signal's reason
   *   when aborted.
   */
  async run(): Promise<{ readonly best: ScoredTrial; readonly trials: readonly TrialResult[] }> {
    const { trials, rungs, objective, identity, file, signal } = this.#plan;
    signal?.throwIfAborted();
    const log = await TrialLog.open(file ?? null, identity, (trial, rung) =>
      trial <= trials.length && rung < rungs.length ? this.#valuesOf(trial, rung) : null,
    );
    await using checkpoints = await TrialCheckpoints.open(file, rungs.length);
    const finished: TrialResult[] = [];
    let candidates = trials.map((_, index) => index + 1);
    if (log.isNew) await checkpoints.remove(candidates); // left by another search whose file had this name
    for (const rung of rungs.keys()) {
      const results = await this.#runRung(rung, candidates, log, checkpoints);
      finished.push(...results);
      const survivors = bestFirst(results, objective.sign).slice(0, rungs[rung + 1]?.trials ?? 0);
      const kept = new Set(survivors.map(({ trial }) => trial));
      await checkpoints.remove(candidates.filter((trial) => !kept.has(trial)));
      candidates = candidates.filter((trial) => kept.has(trial));
    }
    return { best: this.#bestOf(finished), trials: finished };
  }

  async #runRung(
    rung: number,
    candidates: readonly number[],
    log: TrialLog,
    checkpoints: TrialCheckpoints,
  ): Promise<readonly TrialResult[]> {
    const { rungs, objective, onTrial, onProgress, signal } = this.#plan;
    const results: TrialResult[] = [];
    const progress = { rung: rung + 1, rungs: rungs.length, trials: candidates.length };
    for (const trial of candidates) {
      let result = log.find(trial, rung);
      if (result === undefined) {
        signal?.throwIfAborted();
        const best = bestFirst(results, objective.sign)[0]?.score ?? null;
        const done = results.length;
        result = await this.#runTrial(trial, rung, checkpoints.pathOf(trial), (epoch) =>
          onProgress?.({ ...progress, trial, done, epoch, best }),
        );
        await log.add(result);
        onTrial?.(result);
      }
      if (result.diverged || rung === rungs.length - 1) await checkpoints.remove([trial]);
      results.push(result);
    }
    return results;
  }

  async #runTrial(
    trial: number,
    rung: number,
    checkpoint: string | null,
    onEpoch: (report: EpochReport) => void,
  ): Promise<TrialResult> {
    const hyperparameters = this.#valuesOf(trial, rung);
    const start = performance.now();
    const resultOf = (epoch: number | null, score: number | null): TrialResult => {
      const seconds = Math.round(performance.now() - start) / 1000;
      return { trial, rung, hyperparameters, epoch, score, seconds, diverged: score === null };
    };
    try {
      const { epoch, score } = await this.#plan.objective.run({ hyperparameters, checkpoint, onEpoch });
      return resultOf(epoch, score);
    } catch (error) {
      if (!(error instanceof Llama4RecError) || error.code !== "E_DIVERGED") throw error;
      return resultOf(null, null);
    }
  }

  #valuesOf(trial: number, rung: number): Hyperparameters {
    return { ...this.#plan.trials[trial - 1], epochs: this.#plan.rungs[rung].epochs };
  }

  /** The best trial of the last rung that any came through. */
  #bestOf(finished: readonly TrialResult[]): ScoredTrial {
    const last = Math.max(...finished.filter(({ diverged }) => !diverged).map(({ rung }) => rung));
    const [best] = bestFirst(
      finished.filter(({ rung }) => rung === last),
      this.#plan.objective.sign,
    );
    if (best === undefined)
      throw new Llama4RecError("E_DIVERGED", `all ${finished.length} trials of the search diverged`);
    return best;
  }
}
