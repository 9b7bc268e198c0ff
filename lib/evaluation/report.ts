import type { Protocol } from "../data/split.js";
import type { OrderMode } from "../llm/ordering/types.js";
import type { RankingMetrics } from "../metrics/ranking.js";
import type { Hyperparameters, Task } from "../models/backbone.js";
import type { Masking } from "../models/fullRanking.js";

/** What adaptive aggregation chose on validation. */
export interface AlphaReport {
  readonly alpha1: number;
  readonly alpha2: number;
  /** How the language model ordered candidates; null: the backbone alone was best. */
  readonly mode: OrderMode | null;
  /** alpha_u over the test users. */
  readonly weights: { readonly min: number; readonly mean: number; readonly max: number };
}

/** What the language model was and did. */
export interface LanguageModelReport {
  /** File name, without its folder. */
  readonly name: string;
  /** Content hash of the model and everything that changes its answers. */
  readonly id: string;
  /**
   * What it wrote for the backbone ("pairs", "insertions"): users asked about, answered, and answers used, over all
   * seeds. A pair is used when both orders of the question named the same item.
   */
  readonly augmentation: {
    readonly writes: string;
    readonly asked: number;
    readonly answered: number;
    readonly used: number;
  };
  /** Candidate lists asked for and answered, over all seeds, validation and test. */
  readonly lists: { readonly asked: number; readonly answered: number };
}

/** One set of figures for each ranker of the table, over the same rows. */
export interface RankerMetrics {
  readonly popularity: RankingMetrics;
  readonly ease: RankingMetrics;
  /** EASE with recent items weighted more, a rival that sees order; null for direct recommendation. */
  readonly recencyEase: RankingMetrics | null;
  /** The backbone alone; mean over seeds. */
  readonly base: RankingMetrics;
  /** The backbone retrained with what the language model wrote; null without a language model. */
  readonly augmented: RankingMetrics | null;
  /** The language model's order of the candidates alone. */
  readonly llm: RankingMetrics | null;
  /** Both mixed: the method. */
  readonly llama4rec: RankingMetrics | null;
}

/** The table once more over a part of the test rows. */
export interface SegmentReport extends RankerMetrics {
  /** Test rows of this part: the denominator of its figures. */
  readonly users: number;
}

/** Everything that one run of the main job found. The same input gives the same report, apart from `timings`. */
export interface ExperimentReport extends RankerMetrics {
  readonly dataset: {
    readonly name: string;
    readonly users: number;
    readonly items: number;
    readonly interactions: number;
    /** Whether rows have timestamps; without, the order within a user is a shuffle. */
    readonly ordered: boolean;
    /** Users left out for having fewer than three eligible items. */
    readonly leftOut: number;
    /** Test rows left out: the user's training part is too short for the task, or nobody has the item in training. */
    readonly testRowsLeftOut: { readonly shortHistory: number; readonly unseenItem: number };
    /** Training interactions after the split. */
    readonly train: number;
    /** True for generated data: a demonstration, never evidence. */
    readonly demonstration: boolean;
  };
  readonly task: Task;
  readonly backbone: string;
  readonly protocol: Protocol;
  /** Whether items the user has already were left out of every ranking. */
  readonly masking: Masking;
  readonly seeds: readonly number[];
  /** Test rows: the denominator of every figure. */
  readonly users: number;
  /** The test users in two parts by what training knows of them; means over seeds. */
  readonly segments: {
    /** Median number of training interactions of the test users. */
    readonly cut: number;
    /** Users with at most `cut` training interactions. */
    readonly tail: SegmentReport;
    /** Users with more; null where there are none. */
    readonly head: SegmentReport | null;
  };
  /** Sample standard deviation over seeds; null with one seed. */
  readonly spread: {
    readonly base: RankingMetrics;
    readonly augmented: RankingMetrics | null;
    readonly llm: RankingMetrics | null;
    readonly llama4rec: RankingMetrics | null;
  } | null;
  readonly alpha: AlphaReport | null;
  /** What validation chose besides alpha. */
  readonly chosen: {
    readonly easeLambda: number;
    readonly recencyEase: { readonly lambda: number; readonly recency: number } | null;
    /** Epoch of the base model and of the augmented one, by seed. */
    readonly epochs: readonly { readonly base: number; readonly augmented: number | null }[];
  };
  readonly hyperparameters: Hyperparameters;
  readonly languageModel: LanguageModelReport | null;
  /** Processor and instruction-set level. */
  readonly device: string;
  /** Seconds by stage and in all, and the threads they were measured with. */
  readonly timings: {
    readonly threads: number;
    readonly stages: Readonly<Record<string, number>>;
    /** Training interactions a second while the base models trained, validation included. */
    readonly interactionsPerSecond: number;
    readonly total: number;
  };
}
