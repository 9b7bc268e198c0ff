/** What one backbone and one seed bring to an experiment: data for choices and tables, all questions asked. */

import type { Cost, RowName } from "./summary.js";

/** What a cell knows of a held-out row apart from any model; from the training view alone. */
export interface RowFacts {
  /** User index. */
  readonly user: number;
  /** N(u), training interactions of the user. */
  readonly interactions: number;
  /** Long-tail coefficient scaled to [0, 1] over the users of the view, 1 for the heaviest. */
  readonly coefficient: number;
  /** Users who have the item looked for in training. */
  readonly popularity: number;
  /** Entropy of the user's history in nats. */
  readonly entropy: number;
}

/** A held-out row with the backbone's candidates and the orders that others give them. */
export interface RankedRow extends RowFacts {
  /** Place of the item looked for among the candidates from 1; 0 where it is not among them. */
  readonly place: number;
  /** How many candidates there are. */
  readonly candidates: number;
  /**
   * `[candidates]` utilities in the backbone's order, by way of asking; null where there was no answer. Empty for rows
   * without the item: however their candidates are ordered they are misses.
   */
  readonly utilities: Readonly<Record<string, readonly number[] | null>>;
  /** How sure the answer is, by way of asking, in standard deviations of its scores; null without an answer. */
  readonly margins: Readonly<Record<string, number | null>>;
}

/** A held-out rating with what both sides expect. */
export interface RatedRow extends RowFacts {
  /** The rating that the user gave. */
  readonly truth: number;
  /** The backbone's. */
  readonly recommender: number;
  /** The other side's; null where there was no answer. */
  readonly other: number | null;
  /** How sure the other side is: its probability of the likeliest rating; null without an answer. */
  readonly margin: number | null;
}

/** Rows that choose and rows that are measured. */
export interface Lists<Row> {
  readonly validation: readonly Row[];
  /** Read after all choices. */
  readonly test: readonly Row[];
}

/** Rows whose list has a model behind it that others do not share. */
export type ListName = Extract<
  RowName,
  "ift" | "llama4rec" | "without-data" | "without-prompt" | "second-seed" | "closed-form"
>;

/** One backbone under one seed. */
export interface Cell<Row> {
  /** Hash of all that changes what stands here. */
  readonly key: string;
  readonly backbone: string;
  readonly seed: number;
  /** Digest of the split. */
  readonly split: string;
  readonly lists: Readonly<Partial<Record<ListName, Lists<Row>>>>;
  /** Of the data augmentation: questions, answers, and those that became training data. */
  readonly augmentation: { readonly asked: number; readonly answered: number; readonly used: number } | null;
  readonly cost: Cost;
}

export type RankingCell = Cell<RankedRow>;
export type RatingCell = Cell<RatedRow>;
