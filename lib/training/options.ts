import type { HeldOut } from "../data/heldOut.js";
import type { TrainView } from "../data/trainView.js";
import type { RatingMetric } from "../metrics/names.js";
import type { RankingMetrics } from "../metrics/ranking.js";
import type { BackboneDefinition, Hyperparameters } from "../models/backbone.js";
import type { Masking } from "../models/fullRanking.js";
import type { TrainedRanker } from "../models/ranker.js";
import type { RatingPredictor } from "../models/ratingPredictor.js";

/** A backbone definition by the module that exports it: what a worker thread can load for itself. */
export interface BackboneModule {
  /**
   * URL, path or package. Relative paths, which start with a dot, are taken from the current folder, and packages are
   * looked for from there as `require.resolve` does; one that it does not find is looked for from this package.
   */
  readonly module: string | URL;
  /** Name of the export, default `default`. */
  readonly export?: string;
}

/** Rows that choose the epoch, measured where the training runs. */
export interface Validation {
  /** At least one row; never test rows, which choose nothing. */
  readonly heldOut: HeldOut;
  /** Higher is better; default `ndcg@10`. */
  readonly metric?: keyof RankingMetrics;
  /** Default `seen`: what the view holds is left out of the ranking. */
  readonly masking?: Masking;
}

/** Ratings that choose the epoch of a rating model. */
export interface RatingValidation {
  /** At least one row; never test rows, which choose nothing. */
  readonly heldOut: HeldOut;
  /** Lower is better; default `rmse`. */
  readonly metric?: RatingMetric;
}

/** Where a training is kept, so that another process can go on with it. */
export interface CheckpointOptions {
  /**
   * One file, always whole: it is replaced at once or not at all. It belongs to one training at a time: the second one
   * to write it ends with `E_MISMATCH`.
   */
  readonly path: string;
  /** Least seconds between two writes, default 60; 0: after every step. The end of the training is always written. */
  readonly everySeconds?: number;
  /**
   * Go on where the file ends, if there is one; default true. False: begin anew and replace it. It must be of this very
   * training, or it is `E_MISMATCH`: the same version of this package, backbone and module it comes from,
   * hyper-parameters but `epochs`, seed, view with its titles and attributes, augmented data, validation and
   * instruction-set level. With more epochs it goes on as if it had never ended. The code of a module is not compared.
   */
  readonly resume?: boolean;
}

/** One finished epoch. */
export interface EpochReport {
  /** From 1. */
  readonly epoch: number;
  /** Most epochs this run may take. */
  readonly epochs: number;
  /** Mean training loss of the epoch. */
  readonly loss: number;
  /** Validation score, where this epoch was validated. */
  readonly validation: number | null;
  /** Best validation score so far, of an error the lowest; null before the first. */
  readonly best: number | null;
}

/** One finished step. */
export interface StepReport {
  /** Epoch the step belongs to, from 1. */
  readonly epoch: number;
  /** Most epochs this run may take. */
  readonly epochs: number;
  /** Steps done in this epoch. */
  readonly batch: number;
  /** Steps of an epoch. */
  readonly batches: number;
  /** Steps done in all. */
  readonly step: number;
  /** Loss of this batch. */
  readonly loss: number;
}

/** One written checkpoint. */
export interface CheckpointReport {
  readonly path: string;
  /** Steps done in all that it holds. */
  readonly step: number;
}

/** Options of every training. */
export interface CommonTrainOptions {
  /** A definition, the name of a registered one, or the module that exports one. */
  readonly backbone: BackboneDefinition | string | BackboneModule;
  /** All that the model may learn from. */
  readonly view: TrainView;
  /** Values over the backbone's defaults. */
  readonly hyperparameters?: Readonly<Record<string, number>>;
  /** Non-negative integer below 2^53: initial values, sampling, order and dropout follow from it. */
  readonly seed: number;
  /** Epochs between validations, default 5. */
  readonly evaluateEvery?: number;
  /** Validations without a new best before training stops, default 8. */
  readonly patience?: number;
  /** Called on the thread of the caller, like the next two. What it throws, or its promise rejects with, ends the training. */
  readonly onEpoch?: (report: EpochReport) => void;
  /** Every 100 ms at most. */
  readonly onStep?: (report: StepReport) => void;
  readonly onCheckpoint?: (report: CheckpointReport) => void;
  /** Stops within one step; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /**
   * True, the default: on a thread of its own, for which the view is cloned once at the start: titles and attributes of
   * a big catalogue keep the caller busy for that long (some tenths of a second for half a million items). False: on
   * this one, in stretches of about 8 ms.
   */
  readonly worker?: boolean;
  /**
   * Threads of the native pool this training may use. Default in a worker: one less than there are processors, at least
   * one; on this thread: as the pool is set.
   */
  readonly threads?: number;
  readonly checkpoint?: CheckpointOptions;
}

/** Options of {@link train}. */
export interface TrainOptions extends CommonTrainOptions {
  /** For a direct backbone: triples (user, preferred item, other item) from data augmentation, flat. */
  readonly extraPairs?: Int32Array;
  /** For a sequential backbone: triples (user, position, item) from data augmentation, flat; see {@link withInsertions}. */
  readonly insertions?: Int32Array;
  /** Given: early stopping with the best state restored. Without it and `validate`: all epochs are run. */
  readonly validation?: Validation;
  /** Instead of `validation`, called on the thread of the caller. Higher is better. The ranker is freed afterwards. */
  readonly validate?: (candidate: TrainedRanker) => number | Promise<number>;
}

/** Options of {@link trainRating}. */
export interface RatingTrainOptions extends CommonTrainOptions {
  /** Given: early stopping with the best state restored. Without it and `validate`: all epochs are run. */
  readonly validation?: RatingValidation;
  /** Instead of `validation`, called on the thread of the caller. An error: lower is better. The predictor is freed afterwards. */
  readonly validate?: (candidate: RatingPredictor) => number | Promise<number>;
}

/** What every training gives. */
export interface CommonTrainResult {
  /** Epoch of that state, from 1. */
  readonly epoch: number;
  /** Its validation score, null without validation. */
  readonly validation: number | null;
  readonly history: readonly EpochReport[];
  readonly hyperparameters: Hyperparameters;
}

/** What {@link train} gives. */
export interface TrainResult extends CommonTrainResult {
  /** The frozen model of the best validated epoch, or of the last one without validation. */
  readonly ranker: TrainedRanker;
}

/** What {@link trainRating} gives; validation is the error, lower is better. */
export interface RatingTrainResult extends CommonTrainResult {
  /** The frozen model of the best validated epoch, or of the last one without validation. */
  readonly predictor: RatingPredictor;
}
