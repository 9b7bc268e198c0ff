import type { LanguageModel, ModelStats } from "../llm/languageModel.js";
import type { SchedulerOptions, SchedulerStats } from "./scheduler.js";
import type { RecommendRequest } from "./types.js";

/** Options of {@link Recommender.open}. */
export interface RecommenderOptions {
  /**
   * The language model: default the folder's own; `false`: none; or one of the caller's, who also disposes of it. It takes part
   * where the folder was saved with a `mixing` or a language model of its own.
   */
  readonly languageModel?: false | LanguageModel;
  /** Folder that keeps its answers between runs; default: in memory. */
  readonly cacheFolder?: string;
  /** Whether item vectors are mapped instead of read; default true. See `openCatalogue`. */
  readonly map?: boolean;
  /** Whether every checksum of the model is checked; default false. */
  readonly verify?: boolean;
  /** Of requests that name none; default `conventional`. */
  readonly mode?: RecommendRequest["mode"];
  /** Of requests that name none; default 50. */
  readonly deadlineMs?: number;
  /** Of requests that name none; default `cold`. */
  readonly unknown?: RecommendRequest["unknown"];
  /** Of the language model's work; two `lanes`: one list that it orders, and one whose prompt stands ready. */
  readonly scheduler?: SchedulerOptions;
}

/** What {@link Recommender.stats} tells. */
export interface RecommenderStats {
  readonly snapshot: string;
  readonly users: number;
  readonly items: number;
  /** Requests that have begun and not ended. */
  readonly running: number;
  readonly scheduler: SchedulerStats;
  /** Null without a language model. */
  readonly languageModel: ModelStats | null;
}
