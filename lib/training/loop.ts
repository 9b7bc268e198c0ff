import type { Hyperparameters } from "../models/backbone.js";
import type { FrozenModel } from "../models/frozen.js";
import { backward, item, step } from "../native/autograd.js";
import { argumentError, Llama4RecError } from "../native/errors.js";
import { Adam } from "../native/optimizer.js";
import { type CheckpointFile, finite, trainingCheckpoint } from "./checkpoint.js";
import { type IdentitySource, identityOf } from "./identity.js";
import type { CheckpointOptions, CheckpointReport, EpochReport, StepReport } from "./options.js";
import type { GoodState, Progress } from "./progress.js";
import { openTask, type TrainingBatch, type TrainingTask } from "./task.js";

/** All that decides a training. */
export interface TrainingRun extends IdentitySource {
  readonly patience: number;
  readonly checkpoint: Required<CheckpointOptions> | null;
}

/** What the loop asks of the thread it runs on. */
export interface TrainingHost {
  /** Higher is better, lower where the task measures an error; null: all epochs are run. */
  readonly validate: ((model: FrozenModel) => number | Promise<number>) | null;
  readonly onEpoch: (report: EpochReport) => void;
  readonly onStep: (report: StepReport) => void;
  readonly onCheckpoint: (report: CheckpointReport) => void;
  /** Throws when the training was aborted. */
  checkAborted(): void;
  /** Runs native work with the threads of this training. */
  work<T>(body: () => T): T;
  /** Gives the event loop its turn. */
  turn(): Promise<void>;
  /** Runs what must not be cut off in the middle. */
  whole(body: () => Promise<void>): Promise<void>;
}

/** A trained model as plain data, with what is known of it. */
export interface TrainedModel {
  readonly model: FrozenModel;
  /** Epoch of that state, from 1. */
  readonly epoch: number;
  readonly validation: number | null;
  readonly history: readonly EpochReport[];
  readonly hyperparameters: Hyperparameters;
}

/** How the loop says that numbers are no longer finite. */
export class Divergence extends Error {
  readonly epoch: number;
  readonly step: number;
  readonly lastGood: TrainedModel | null;

  constructor(why: string, { epoch, steps }: Progress, lastGood: TrainedModel | null) {
    super(`${why} (epoch ${epoch}, step ${steps})`);
    this.epoch = epoch;
    this.step = steps;
    this.lastGood = lastGood;
  }
}

/** Longest stretch of work between two turns of the event loop, in milliseconds. */
const stretch = 8;
/** Least time between two reports of steps, in milliseconds. */
const reportInterval = 100;

/**
 * Trains until the epochs are done or validation finds nothing better, from the start or from a checkpoint. Same run and
 * instruction-set level: same bits on any thread, at any number of threads and however often it was cut off and resumed.
 * @throws Divergence, whatever `host.checkAborted` throws, and Llama4RecError as {@link openTask} and
 *   {@link CheckpointFile} do.
 */
export async function runTraining(run: TrainingRun, host: TrainingHost): Promise<TrainedModel> {
  host.checkAborted();
  using task = openTask(run.definition, run);
  using optimizer = new Adam(task.parameters, {
    learningRate: run.hyperparameters.learningRate,
    maxNorm: run.hyperparameters.maxNorm,
  });
  const { checkpoint } = run;
  const file =
    checkpoint === null ? null : trainingCheckpoint(checkpoint.path, identityOf(run), task.parameters);
  const loop = new TrainingLoop(run, host, task, optimizer, file);
  if (checkpoint?.resume) await loop.resume();
  return await loop.toTheEnd();
}

const beginning = (): Progress => ({
  epoch: 1,
  batches: 0,
  steps: 0,
  loss: 0,
  weight: 0,
  sinceBest: 0,
  history: [],
  good: null,
  final: null,
});

const lastBegun = ({ epoch, batches }: Progress): number => (batches > 0 ? epoch : epoch - 1);

class TrainingLoop {
  readonly #run: TrainingRun;
  readonly #host: TrainingHost;
  readonly #task: TrainingTask;
  readonly #optimizer: Adam;
  readonly #file: CheckpointFile | null;
  #progress = beginning();
  #stretchStart = performance.now();
  #reportedAt = Number.NEGATIVE_INFINITY;
  #savedAt = performance.now();
  /** Whether there is progress that the checkpoint does not hold. */
  #unsaved = false;

  constructor(
    run: TrainingRun,
    host: TrainingHost,
    task: TrainingTask,
    optimizer: Adam,
    file: CheckpointFile | null,
  ) {
    this.#run = run;
    this.#host = host;
    this.#task = task;
    this.#optimizer = optimizer;
    this.#file = file;
  }

  /** Goes on where the file ends, if there is one. */
  async resume(): Promise<void> {
    const { epochs } = this.#run.hyperparameters;
    const progress = (await this.#file?.read()) ?? this.#progress;
    this.#host.checkAborted();
    if (lastBegun(progress) > epochs)
      throw new Llama4RecError(
        "E_MISMATCH",
        `${this.#file?.path}: expected a checkpoint of at most ${epochs} epochs, got one in epoch ${lastBegun(progress)}`,
      );
    // The same as a training of so many epochs from the start.
    progress.history = progress.history.map((report) => ({ ...report, epochs }));
    if (progress.epoch <= epochs) progress.final = null;
    this.#progress = progress;
  }

  async toTheEnd(): Promise<TrainedModel> {
    const { patience, hyperparameters } = this.#run;
    const progress = this.#progress;
    try {
      while (progress.epoch <= hyperparameters.epochs && progress.sinceBest < patience) {
        await this.#trainEpoch();
        await this.#endEpoch();
      }
      if (this.#unsaved) await this.#save();
    } catch (error) {
      if (!(error instanceof Llama4RecError) || error.code !== "E_DIVERGED") throw error;
      const { good } = progress;
      throw new Divergence(error.message, progress, good === null ? null : this.#modelOf(good));
    }
    this.#host.checkAborted();
    return this.#modelOf(this.#best() ?? { epoch: 0, validation: null, values: this.#values() });
  }

  async #trainEpoch(): Promise<void> {
    const host = this.#host;
    const progress = this.#progress;
    const { checkpoint } = this.#run;
    for (const batch of this.#task.epoch(progress.epoch, progress.batches)) {
      host.checkAborted();
      const loss = host.work(() => this.#trainStep(batch));
      const now = performance.now();
      if (now - this.#reportedAt >= reportInterval) {
        this.#reportedAt = now;
        this.#reportStep(loss);
      }
      if (checkpoint !== null && now - this.#savedAt >= 1000 * checkpoint.everySeconds) await this.#save();
      if (now - this.#stretchStart >= stretch) {
        await host.turn();
        this.#stretchStart = performance.now();
      }
    }
    host.checkAborted();
  }

  #trainStep(batch: TrainingBatch): number {
    const { seed } = this.#run;
    const progress = this.#progress;
    const number = progress.steps++;
    const loss = step(
      () => {
        const value = batch.loss();
        const mean = item(value);
        if (!Number.isFinite(mean)) throw new Llama4RecError("E_DIVERGED", `the loss is ${mean}`);
        backward(value);
        this.#optimizer.apply();
        return mean;
      },
      { seed, step: number },
    );
    progress.batches++;
    progress.loss += loss * batch.weight;
    progress.weight += batch.weight;
    this.#unsaved = true;
    return loss;
  }

  #reportStep(loss: number): void {
    const { epoch, batches, steps } = this.#progress;
    const { epochs } = this.#run.hyperparameters;
    this.#host.onStep({ epoch, epochs, batch: batches, batches: this.#task.batches, step: steps, loss });
  }

  /** Validates where that is due, keeps what is good, and goes on to the next epoch. */
  async #endEpoch(): Promise<void> {
    const { evaluateEvery, hyperparameters } = this.#run;
    const { epochs } = hyperparameters;
    const { validate } = this.#host;
    const progress = this.#progress;
    const { epoch } = progress;
    const best = progress.good?.validation ?? null;
    const due = validate !== null && epoch % evaluateEvery === 0;
    let validation: number | null = null;
    if (due) {
      const values = this.#values();
      validation = await this.#score(validate);
      progress.sinceBest++;
      if (best === null || this.#better(validation, best)) {
        progress.good = { epoch, validation, values };
        progress.sinceBest = 0;
      }
    } else if (best === null) progress.good = { epoch, validation, values: this.#values() };
    if (validate !== null && !due && epoch === epochs) {
      this.#values();
      progress.final = await this.#score(validate);
    }
    const report = {
      epoch,
      epochs,
      loss: progress.weight > 0 ? progress.loss / progress.weight : 0,
      validation,
      best: progress.good?.validation ?? null,
    };
    progress.history.push(report);
    Object.assign(progress, { epoch: epoch + 1, batches: 0, loss: 0, weight: 0 });
    this.#unsaved = true;
    this.#host.onEpoch(this.#withFinal(report));
  }

  /** The best state, with the one that is validated only because it is the last. */
  #best(): GoodState | null {
    const { good, final, epoch } = this.#progress;
    if (
      final === null ||
      (good !== null && good.validation !== null && !this.#better(final, good.validation))
    )
      return good;
    return { epoch: epoch - 1, validation: final, values: this.#values() };
  }

  /** A report; that of the last epoch with what {@link Progress.final} adds to it. */
  #withFinal(report: EpochReport): EpochReport {
    const { final, epoch } = this.#progress;
    if (final === null || report.epoch !== epoch - 1) return report;
    const best = report.best === null || this.#better(final, report.best) ? final : report.best;
    return { ...report, validation: final, best };
  }

  #better(score: number, than: number): boolean {
    return this.#task.measuresError ? score < than : score > than;
  }

  async #score(validate: NonNullable<TrainingHost["validate"]>): Promise<number> {
    const score = await validate(this.#host.work(() => this.#task.freeze()));
    this.#host.checkAborted();
    if (!Number.isFinite(score)) throw argumentError("validate", "a finite number", score);
    return score;
  }

  /** The parameters as they are, all finite. */
  #values(): Float32Array[] {
    return this.#task.parameters.map((parameter) => finite(parameter, parameter.read()));
  }

  #modelOf({ epoch, validation, values }: GoodState): TrainedModel {
    for (const [index, parameter] of this.#task.parameters.entries()) parameter.write(values[index]);
    return {
      model: this.#task.freeze(),
      epoch,
      validation,
      history: this.#progress.history.map((report) => this.#withFinal(report)),
      hyperparameters: this.#run.hyperparameters,
    };
  }

  async #save(): Promise<void> {
    const file = this.#file;
    if (file === null) return;
    const host = this.#host;
    const check = (): void => host.checkAborted();
    await host.whole(() => file.write(this.#progress, check)).finally(check);
    this.#savedAt = performance.now();
    this.#unsaved = false;
    host.onCheckpoint({ path: file.path, step: this.#progress.steps });
  }
}
