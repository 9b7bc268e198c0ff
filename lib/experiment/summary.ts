/** What an experiment found, as plain data: figures only, no titles, no rows of users. */

import type { Masking } from "../models/fullRanking.js";

/** Rows of the paper's tables 2 to 5 (Llama4Rec, arXiv 2401.13870), controls, and two rows beyond the paper. */
export const ROWS = [
  "base",
  "ift",
  "llama4rec",
  "without-data",
  "without-prompt",
  "without-adaptive",
  "learned",
  "chosen",
  "second-seed",
  "closed-form",
] as const;

/**
 * - `base`: the tuned backbone alone;
 * - `ift`: its list ordered by the language model tuned without augmented prompts; of ratings that model alone;
 * - `llama4rec`: the whole method;
 * - `without-data`, `without-prompt`, `without-adaptive`: the whole method less one part (table 5);
 * - `learned`: the whole method with a weight learned from features in place of Eq. 7;
 * - `chosen`: with both augmentations, either or none, as validation rows have it, and Eq. 7; beyond the paper;
 * - `second-seed`, `closed-form`: controls, the backbone mixed with itself under another seed and with EASE (ratings: biases
 *   and factors) in the language model's place.
 */
export type RowName = (typeof ROWS)[number];

/** What people read in tables. */
export const ROW_TITLES: Readonly<Record<RowName, string>> = {
  base: "Base",
  ift: "IFT",
  llama4rec: "Llama4Rec",
  "without-data": "w/o data augmentation",
  "without-prompt": "w/o prompt augmentation",
  "without-adaptive": "w/o adaptive aggregation",
  learned: "Llama4Rec, learned alpha",
  chosen: "Llama4Rec, parts chosen",
  "second-seed": "Base + second seed",
  "closed-form": "Base + closed form",
};

/** Figures by name: hr@3, ndcg@3, hr@5, ndcg@5, hr@10, ndcg@10, or rmse and mae. */
export type Figures = Readonly<Record<string, number>>;

/** A difference with its 95 % interval, of a paired bootstrap over users of differences averaged over seeds. */
export interface Difference {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  /** Two-sided. */
  readonly p: number;
  /** The same after Holm's correction over the backbones of the table; null where nothing was corrected. */
  readonly holm: number | null;
}

/** How the two sides of a row were mixed; chosen on validation rows of all seeds together. */
export interface Mixing {
  /** Order of the language model that was chosen; null: none, the backbone alone. */
  readonly mode: string | null;
  /** Of Eq. 7; null for a uniform or learned weight. */
  readonly alpha1: number | null;
  readonly alpha2: number | null;
  /** Reading of Eq. 7. */
  readonly form: string | null;
  /** Of the row `chosen`: the row whose list it took; `ift` is neither augmentation. */
  readonly parts?: RowName;
  /** Smallest, mean and largest weight of a test user; of a learned weight, of those whose list has an answer. */
  readonly weights: { readonly min: number; readonly mean: number; readonly max: number };
}

/** One row of one backbone. */
export interface SummaryRow {
  readonly backbone: string;
  readonly row: RowName;
  /** Mean over the seeds. */
  readonly metrics: Figures;
  /** Sample standard deviation over the seeds; null with one. */
  readonly spread: Figures | null;
  /** The paper's row with a 7B model; null where it has none. */
  readonly paper: Figures | null;
  /**
   * Against Base by the primary metric (NDCG@5, or RMSE), in its units: above 0 is better for NDCG, below 0 for RMSE; null for
   * Base itself.
   */
  readonly difference: Difference | null;
  /** Relative gain over Base by the primary metric in per cent, positive is better; null for Base. */
  readonly gain: number | null;
  /** Null for Base and IFT. */
  readonly mixing: Mixing | null;
  /**
   * Share of the test lists that hold the item looked for (ratings: of all rows) in which the order (the prediction, by more
   * than .05) differs from the row's own backbone's.
   */
  readonly changed: number | null;
}

/** One bucket of a segmentation. */
export interface SegmentBucket {
  /** For people: "up to 16 interactions". */
  readonly label: string;
  /** Test rows of all seeds and backbones that were pooled. */
  readonly rows: number;
  /** Primary metric of Base and of the whole method. */
  readonly base: number;
  readonly ours: number;
  /** Of the two, absolute, with an interval over users. */
  readonly difference: Difference;
}

/** Test rows cut by how much is known of their users, or of the items to be found. */
export interface Segmentation {
  readonly by: "activity" | "popularity";
  /** From the fewest interactions to the most. */
  readonly buckets: readonly SegmentBucket[];
}

/** Primary metric on validation rows over the grid of alpha_1 and alpha_2, in the mode that was chosen. */
export interface AlphaCurve {
  readonly backbone: string;
  readonly mode: string;
  /** The backbone alone. */
  readonly base: number;
  readonly points: readonly { readonly alpha1: number; readonly alpha2: number; readonly value: number }[];
}

/** Primary metric of the method without prompt augmentation by the size of the tuning or of the language model. */
export interface SizeCurve {
  /** What differs: "instructions", "parameters". */
  readonly by: string;
  /** The backbones alone. */
  readonly base: number;
  readonly points: readonly { readonly size: number; readonly label: string; readonly value: number }[];
}

/** Where the language model puts the item looked for, by the way it is asked; over validation rows. */
export interface ModeFigures {
  readonly backbone: string;
  readonly row: RowName;
  readonly mode: string;
  /** Rows asked about, and of these answered. */
  readonly asked: number;
  readonly answered: number;
  /** Of its order alone over all validation rows. */
  readonly metrics: Figures;
}

/** What asking and training took: of one cell, or of all together. */
export interface Cost {
  readonly prompts: number;
  readonly answered: number;
  /** Answers that were not asked for again. */
  readonly cacheHits: number;
  readonly evaluatedTokens: number;
  readonly reusedTokens: number;
  /** Wall seconds of trainings, and of questions. */
  readonly trainingSeconds: number;
  readonly askingSeconds: number;
  /** Why there was no answer, by reason. */
  readonly faults: Readonly<Record<string, number>>;
}

/** Whom the language model helps, by the learned weight: validation rows, each under a weight fitted without its user. */
export interface HelpedUsers {
  readonly backbone: string;
  /** Whether the cross-fitted folds showed no gain, so that the backbone's list stayed. */
  readonly fallback: boolean;
  readonly buckets: readonly {
    readonly label: string;
    readonly rows: number;
    /** Of these, rows whose item rose or whose rating came nearer. */
    readonly improved: number;
    readonly worsened: number;
    readonly alpha: number;
  }[];
}

/** One experiment in short: what is committed, printed and drawn. */
export interface ExperimentSummary {
  readonly name: string;
  readonly dataset: {
    readonly name: string;
    readonly users: number;
    readonly items: number;
    readonly interactions: number;
    /** Whether rows have timestamps; without, the order within a user is a shuffle. */
    readonly ordered: boolean;
  };
  readonly task: "direct" | "sequential" | "rating";
  readonly protocol: string;
  /** Of rankings; null for ratings. */
  readonly masking: Masking | null;
  /** How rows were held out: each user's last ones, or by one time for all. */
  readonly split: "leave-last-out" | "global-time";
  readonly seeds: readonly number[];
  /** Test rows of a seed, mean. */
  readonly users: number;
  /** Metric that chooses and is tested: ndcg@5 or rmse. */
  readonly primary: "ndcg@5" | "rmse";
  /** True: only users whose item is among the ten candidates were asked about (enough for these metrics). */
  readonly askedHitsOnly: boolean;
  /** Language models: name, id, parameters where known. */
  readonly models: readonly {
    readonly role: "augmented" | "plain";
    readonly name: string;
    readonly id: string;
  }[];
  readonly date: string;
  readonly machine: string;
  readonly version: string;
  readonly rows: readonly SummaryRow[];
  /**
   * Mean over backbones and the paper's metrics of the gain over the better of Base and IFT in per cent. The paper computes it
   * so for rankings; its gains of ratings are over Base alone.
   */
  readonly gain: number;
  /** Mean over backbones of the gain over Base by the primary metric, with an interval over users of the mean difference. */
  readonly meanOverBackbones: { readonly gain: number; readonly difference: Difference };
  /** The same of the controls. */
  readonly controls: Readonly<
    Partial<Record<RowName, { readonly gain: number; readonly difference: Difference }>>
  >;
  readonly segments: readonly Segmentation[];
  readonly alphaCurves: readonly AlphaCurve[];
  readonly sizeCurves: readonly SizeCurve[];
  readonly modes: readonly ModeFigures[];
  readonly helped: readonly HelpedUsers[];
  readonly cost: Cost;
  /** What a reader must know: which parts were not run, which model wrote attributes, and so on. */
  readonly notes: readonly string[];
}
