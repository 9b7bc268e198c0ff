import type { MessagePort } from "node:worker_threads";
import type { TrainColumns } from "../data/trainView.js";
import type { RatingMetric } from "../metrics/names.js";
import type { RankingMetrics } from "../metrics/ranking.js";
import type { Hyperparameters } from "../models/backbone.js";
import type { Masking } from "../models/fullRanking.js";
import { describe, type ErrorCode, Llama4RecError } from "../native/errors.js";
import type { Purpose, SentSource } from "./definition.js";
import type { CheckpointOptions, CheckpointReport, EpochReport, StepReport } from "./options.js";
import type { Parcel } from "./parcel.js";

/** Everything a thread needs to train. Plain data but for the port: it crosses by structured clone. */
export interface TrainingJob {
  readonly source: SentSource;
  readonly purpose: Purpose;
  /** Where the source is, as text: a checkpoint belongs to it. */
  readonly module: string;
  readonly view: TrainColumns;
  readonly hyperparameters: Readonly<Record<string, number>>;
  readonly seed: number;
  readonly extraPairs: Int32Array | null;
  readonly insertions: Int32Array | null;
  /** Rows that choose the epoch; `caller`: the starting thread validates; null: nobody does. */
  readonly validation: ValidationRows | RatedRows | "caller" | null;
  readonly evaluateEvery: number;
  readonly patience: number;
  readonly checkpoint: Required<CheckpointOptions> | null;
  readonly threads: number;
  /** Memory of a {@link StopFlag}. */
  readonly stop: SharedArrayBuffer;
  /** What the two threads talk over: that of the worker itself belongs to whatever modules it loads. Transferred. */
  readonly port: MessagePort;
}

/** What one validation measures. Plain data. */
export interface ValidationRows {
  readonly users: Int32Array;
  readonly items: Int32Array;
  readonly metric: keyof RankingMetrics;
  readonly masking: Masking;
}

/** What one validation of a rating model measures. Plain data. */
export interface RatedRows {
  readonly users: Int32Array;
  readonly items: Int32Array;
  readonly ratings: Float32Array;
  readonly metric: RatingMetric;
}

/** A trained model on its way. */
export interface SentResult {
  readonly parcel: Parcel;
  readonly epoch: number;
  readonly validation: number | null;
  readonly history: readonly EpochReport[];
  readonly hyperparameters: Hyperparameters;
}

/** What a training thread says. */
export type FromWorker =
  | { readonly type: "epoch"; readonly report: EpochReport }
  | { readonly type: "step"; readonly report: StepReport }
  | { readonly type: "checkpoint"; readonly report: CheckpointReport }
  /** Answered by a score; the thread holds its lease until then. */
  | { readonly type: "candidate"; readonly parcel: Parcel }
  /** The thread waits until it is ended: its lease lives as long. */
  | { readonly type: "result"; readonly result: SentResult }
  | {
      readonly type: "diverged";
      readonly message: string;
      readonly epoch: number;
      readonly step: number;
      readonly lastGood: SentResult | null;
    }
  | { readonly type: "failed"; readonly error: SentError };

/** The answer to a candidate. */
export interface ToWorker {
  readonly score: number;
}

/** An error as plain data. */
export interface SentError {
  readonly code: ErrorCode;
  readonly message: string;
  /** Text of the cause, null for none. */
  readonly cause: string | null;
}

const textOf = (error: unknown): string => (error instanceof Error ? String(error) : describe(error));

/** Takes an error apart. */
export function sentError(error: unknown): SentError {
  if (!(error instanceof Llama4RecError))
    return {
      code: "E_INTERNAL",
      message: textOf(error),
      cause: error instanceof Error ? (error.stack ?? null) : null,
    };
  const { code, message, cause } = error;
  return { code, message, cause: cause === undefined ? null : textOf(cause) };
}

/** Puts it together again. */
export function receivedError({ code, message, cause }: SentError): Llama4RecError {
  return new Llama4RecError(code, message, cause === null ? {} : { cause: new Error(cause) });
}
