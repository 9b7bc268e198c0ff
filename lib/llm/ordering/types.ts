import type { CallOptions, LanguageModel } from "../languageModel.js";
import type { CandidatePromptInput, PromptOptions } from "../prompts/build.js";
import type { PromptTemplate } from "../prompts/template.js";

/** Ways in which a language model orders candidates; see {@link OrderMode}. */
export const orderModes = [
  "likelihood",
  "lift",
  "labels",
  "listing",
  "pointwise",
  "pairwise",
  "hybrid",
] as const;

/**
 * How a language model orders candidates.
 *
 * - `likelihood`: log-probability of each title.
 * - `lift`: how much more likely the prompt makes a title than no history does; popularity, which the backbone
 *   knows already, cancels.
 * - `labels`: listwise by one prefill, the logit of each candidate's label.
 * - `listing`: listwise by generation, each step held to the titles not yet written.
 * - `pointwise`: a rating for every candidate.
 * - `pairwise`: which of two, always in both orders.
 * - `hybrid`: pointwise, pairwise and listwise together (RecRanker, arXiv 2312.16018).
 */
export type OrderMode = (typeof orderModes)[number];

/** Which pairs are asked: all, or every candidate once with a partner drawn at random (RecRanker). */
export type PairPlan = "round-robin" | "random-pairs";

/** How the pairs of a round robin become scores: won pairs, or the mean log-odds. */
export type PairCount = "borda" | "log-odds";

/** What {@link orderCandidates} is told of a user. Candidates come in the backbone's order. */
export interface OrderInput extends CandidatePromptInput {
  /** The possible ratings, strictly ascending; needed by `pointwise` and `hybrid`. */
  readonly scale?: readonly number[];
  /** Number of the user: with the seed it draws random pairs. Default 0. */
  readonly user?: number;
}

/** How candidates are asked about, whatever the mode. */
export interface OrderingOptions extends Omit<PromptOptions, "model"> {
  /** Of the rating questions; default {@link RATING_TEMPLATE}. */
  readonly ratingTemplate?: PromptTemplate;
  /** Default `round-robin`; `hybrid` always draws random pairs. */
  readonly pairPlan?: PairPlan;
  /** Default `borda`. */
  readonly pairCount?: PairCount;
  /** Seed of random pairs and of nothing else. Default 1. */
  readonly seed?: number;
  /** The listwise part of `hybrid`. Default `labels`. */
  readonly listwise?: "labels" | "listing";
  /**
   * Fixed orders in which `labels` shows the candidates, their scores averaged; see {@link fixedOrders}. Default 1, the
   * backbone's. The other modes show no list: they take no more than one.
   */
  readonly orders?: number;
}

/** Options of {@link orderCandidates}. All questions about a list are asked at once, so a deadline holds for the list. */
export interface OrderOptions extends OrderingOptions, CallOptions {
  readonly mode: OrderMode;
}

/** Two candidates asked about in both orders. */
export interface DrawnPair {
  /** Position of a candidate. */
  readonly first: number;
  /** Position of another one. */
  readonly second: number;
  /** The one that both orders named; null where they disagree. */
  readonly winner: number | null;
}

/** What the three parts of the hybrid mode said; null where the model had no answer. */
export interface HybridParts {
  /** `[candidates]` expected ratings. */
  readonly pointwise: Float64Array | null;
  /** Random pairs, no candidate in two of them. */
  readonly pairwise: readonly DrawnPair[] | null;
  /** `[candidates]` positions of the candidates, best first. */
  readonly listwise: Int32Array | null;
}

/** What a language model makes of a list of candidates. */
export interface CandidateScores {
  /**
   * `[candidates]`, higher is better: nats for `likelihood` and `lift`, raw logits for `labels`, minus the place for
   * `listing`, ratings for `pointwise`, won pairs or mean log-odds for `pairwise`, {@link hybridScores} for `hybrid`.
   */
  readonly scores: Float64Array;
  /** How sure the model is of its first: see {@link standardizedMargin}. */
  readonly margin: number;
  /** Share of the pairs asked whose two orders named the same item; null where none were asked. */
  readonly consistency: number | null;
  /** Of the hybrid mode; null otherwise. */
  readonly parts: HybridParts | null;
}

/** @internal A model and how it is asked: what every mode is given. */
export interface Asking {
  readonly model: LanguageModel;
  readonly options: OrderingOptions & CallOptions;
}
