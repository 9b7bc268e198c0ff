import type { TrainColumns, TrainView } from "../../data/trainView.js";
import type { LlamaShape } from "../gguf/llamaShape.js";
import type { LoraOptions } from "../pocket/lora.js";
import type { TuningHints } from "./hints.js";
import type { TuningSettings } from "./loop.js";
import type { TaskMix, TuningStage } from "./mix.js";

/** Sizes of a pocket model; `vocabulary` is the most pieces, of which a small catalogue has fewer. */
export type PocketShape = Omit<LlamaShape, "width">;

/** A pocket model of 1.3 million parameters: what the recipe was tried with. */
export const POCKET_SHAPE: PocketShape = {
  vocabulary: 4096,
  context: 1024,
  dimension: 128,
  blocks: 4,
  hidden: 384,
  heads: 4,
  kvHeads: 2,
  ropeBase: 10_000,
  epsilon: 1e-5,
};

/** Regularisation and optimiser, and how instructions are written. */
export interface TuneSettings extends TuningSettings {
  /** Rate at which merges inside titles of histories are left out; above 0 a model learns what words of titles mean. */
  readonly pieceDropout: number;
  /** Whether pieces of a new vocabulary may cross the spaces inside a title; without, words stay words, and the words of a title that is new are known. */
  readonly wholeTitles: boolean;
  /** Newest items of a history in a prompt. */
  readonly historyItems: number;
}

/** Defaults of {@link TuneSettings}. */
export const TUNE_SETTINGS: TuneSettings = {
  batchTokens: 7168,
  dropout: 0.1,
  weightDecay: 0.01,
  maxNorm: 1,
  pieceDropout: 0,
  wholeTitles: true,
  historyItems: 45,
};

/** Rows that choose when to stop: one item a user. */
export interface TuneValidation {
  readonly users: Int32Array;
  readonly items: Int32Array;
}

/** Where a tuning is kept while it runs. */
export interface TuneCheckpoint {
  readonly path: string;
  /** Seconds between two writes. Default 60. */
  readonly everySeconds?: number;
  /** Whether it goes on from what is there. Default true. */
  readonly resume?: boolean;
}

/** How far a tuning is. */
export interface TuneReport {
  readonly stage: string;
  /** Tokens of all stages so far, and in all. */
  readonly tokens: number;
  readonly totalTokens: number;
  readonly steps: number;
  /** Mean loss of late steps in nats a weighted token. */
  readonly loss: number;
  /** The latest loss on the validation rows; null without them. */
  readonly validation: number | null;
  /** Since the start or the resumption. */
  readonly tokensPerSecond: number;
}

/** Options of {@link tune}. */
export interface TuneOptions {
  /** All that is learnt from. */
  readonly view: TrainView;
  readonly seed: number;
  /** Over those of {@link recipeFor}; for a model from scratch. */
  readonly shape?: Partial<PocketShape>;
  /** A GGUF of the Llama family to adapt by LoRA: F32, F16 or Q8_0 with an SPM tokenizer. Default: from scratch. */
  readonly base?: string;
  /** Of the adapter of a base. */
  readonly lora?: LoraOptions;
  /** Default: {@link defaultStages}. */
  readonly stages?: readonly TuningStage[];
  /** Tokens of the default stages together. Default: those of {@link recipeFor}. */
  readonly tokens?: number;
  /** How often each task is asked about. Default: all alike. */
  readonly mix?: Partial<TaskMix>;
  /** What conventional models say of rows they were not trained on. Default: prompts go without. */
  readonly hints?: TuningHints | null;
  /** Over those of {@link recipeFor}. */
  readonly settings?: Partial<TuneSettings>;
  /** Rows outside the view that choose when a stage ends and which weights it leaves. Default: stages run to the end. */
  readonly validation?: TuneValidation;
  /** Tokens between two looks at the validation rows. Default 250,000. */
  readonly evaluateEvery?: number;
  /** Looks without a better loss after which a stage ends. Default 4. */
  readonly patience?: number;
  readonly checkpoint?: TuneCheckpoint;
  /** Trains on a thread of its own. Default true. */
  readonly worker?: boolean;
  /** Threads of the native engine. Default: one fewer than there are processors in a worker, else as the pool is set. */
  readonly threads?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (report: TuneReport) => void;
}

/** A tuning as plain data: what crosses to its thread. */
export interface TuneJob {
  readonly view: TrainColumns;
  readonly seed: number;
  readonly shape: PocketShape;
  readonly base: string | null;
  readonly lora: LoraOptions;
  readonly stages: readonly TuningStage[];
  readonly mix: TaskMix;
  readonly hints: TuningHints | null;
  readonly settings: TuneSettings;
  readonly validation: TuneValidation | null;
  readonly evaluateEvery: number;
  readonly patience: number;
  readonly checkpoint: Required<TuneCheckpoint> | null;
}
