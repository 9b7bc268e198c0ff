/** Why a language model gave no answer. */
export type NoAnswerReason =
  /** The model threw. */
  | "fault"
  /** The deadline passed first. */
  | "timeout"
  /** The answer was malformed: not finite, wrong length, no permutation. */
  | "invalid"
  /** Prefix and longest continuation, for a listing all of them, do not fit the model's context. */
  | "too-long"
  /** The caller's signal fired, or the model was disposed meanwhile. */
  | "aborted";

/** What every call returns in place of an answer; the caller then uses its conventional ranking. */
export interface NoAnswer {
  readonly answered: false;
  readonly reason: NoAnswerReason;
  /** One sentence for the log. */
  readonly detail: string;
}

/** Limits of one call. */
export interface CallOptions {
  /** Stops the call between two evaluations. */
  readonly signal?: AbortSignal;
  /** Milliseconds until the call resolves with reason "timeout", waiting in the queue included. Default: none. */
  readonly deadlineMs?: number;
}

/**
 * How candidates are scored.
 *
 * - `likelihood`: log-probability of the whole continuation after the prefix.
 * - `labels`: logit of a one-token label after the prefix, one prefill for all candidates.
 * - `listing`: the model writes all candidates one after another, greedily, each step held to what continues a candidate
 *   not yet written; a candidate's score is minus its place, from 0. No candidate may begin another: end each with a
 *   line break.
 */
export type RankMode = "likelihood" | "labels" | "listing";

/**
 * How the log-probabilities of a continuation's tokens become one score.
 *
 * - `sum`: the log-probability of exactly this continuation. With an end-of-title mark in it the continuations form
 *   one distribution, which is what a model trained on titles has learnt. The default.
 * - `mean`: per token. Kinder to long titles under a model that never saw the catalogue.
 */
export type LengthNormalization = "sum" | "mean";

/** Candidates to order, given what the user did. */
export interface RankRequest {
  /** Text that all candidates continue. */
  readonly prefix: string;
  /**
   * Continuations exactly as they are scored: ` Title (Year)\n` for likelihood and listing, a label of {@link LabelSet} for
   * labels.
   */
  readonly candidates: readonly string[];
  readonly mode: RankMode;
  /** Only for likelihood; default `sum`. */
  readonly normalization?: LengthNormalization;
  /** Version of the template that wrote the prefix: part of the cache key. */
  readonly template?: string;
}

/** Candidates in order. */
export interface RankAnswer {
  readonly answered: true;
  /** `[candidates]`, higher is better: nats for likelihood, raw logits for labels, minus the place for listing. */
  readonly scores: Float64Array;
  /** Permutation of the candidate positions, best first, equal scores by position. */
  readonly order: Int32Array;
}

/** Two items, asked in both orders so that the position cannot decide. */
export interface CompareRequest {
  /** Text that both questions continue. */
  readonly prefix: string;
  /** The question with item 0 shown first, and with item 1 shown first. */
  readonly questions: readonly [string, string];
  /** The answers that name the item shown first and the item shown second; one token each. */
  readonly labels: readonly [string, string];
  /** Version of the template that wrote the texts: part of the cache key. */
  readonly template?: string;
}

/** The preferred of two items. */
export interface CompareAnswer {
  readonly answered: true;
  /** Position of the preferred item; 0 when they are level. */
  readonly preferred: 0 | 1;
  /** Log-odds of the preferred item, averaged over both orders; never negative. */
  readonly margin: number;
  /** Whether both orders named the same item. */
  readonly consistent: boolean;
}

/** A rating to predict. */
export interface RateRequest {
  /** Text that ends where the rating is to be written. */
  readonly prefix: string;
  /** The possible ratings, strictly ascending. */
  readonly scale: readonly number[];
  /** Version of the template that wrote the prefix: part of the cache key. */
  readonly template?: string;
}

/** A predicted rating. */
export interface RateAnswer {
  readonly answered: true;
  /** Expected value over the scale. */
  readonly rating: number;
  /** `[scale]`, sums to one. */
  readonly probabilities: Float64Array;
}

/** The one best candidate. */
export interface ChooseAnswer {
  readonly answered: true;
  /** Position of the chosen candidate. */
  readonly index: number;
  /** `[candidates]`, softmax of the scores. */
  readonly probabilities: Float64Array;
}

/** Text to continue greedily (the most probable token at every step). */
export interface CompleteRequest {
  readonly prompt: string;
  /** At most so many new tokens. */
  readonly maxTokens: number;
  /** Texts that end the answer; they are not part of it. */
  readonly stop?: readonly string[];
  /** GBNF grammar with a rule `root` that the text follows; not every model knows grammars: `E_ARGUMENT` then. */
  readonly grammar?: string;
  /** Version of the template that wrote the prompt: part of the cache key. */
  readonly template?: string;
}

/** Generated text. */
export interface CompleteAnswer {
  readonly answered: true;
  readonly text: string;
  /** What ended it: the model's end token, a stop text, or `maxTokens`. */
  readonly ended: "end" | "stop" | "length";
}

/** One-token labels for candidates, verified against the model's vocabulary. */
export interface LabelSet {
  /** What stands before a label, in the list of candidates as in the answer. */
  readonly lead: "" | " ";
  /** The labels as shown beside the candidates; `lead + names[i]` is one distinct token each. */
  readonly names: readonly string[];
}

/** What a model did since it was loaded. */
export interface ModelStats {
  readonly calls: number;
  readonly answers: number;
  readonly noAnswers: Readonly<Record<NoAnswerReason, number>>;
  /** Tokens that went through the network. */
  readonly evaluatedTokens: number;
  /** Tokens that did not, because what was evaluated before them was kept. */
  readonly reusedTokens: number;
  /** Answers that came from a cache. */
  readonly cacheHits: number;
}

/**
 * A language model as the recommender sees it. Calls never throw for a fault: they resolve with {@link NoAnswer}.
 *
 * @throws Llama4RecError every call: `E_ARGUMENT` for a malformed request, `E_DISPOSED` after {@link LanguageModel.dispose}.
 */
export interface LanguageModel extends AsyncDisposable {
  /** Hash of everything that changes answers: weights, adapters, chat format, context, threads, device. */
  readonly id: string;
  /** Tokens of text that one request may hold, prefix and longest continuation together. */
  readonly contextSize: number;
  /** Tokens that a text takes. */
  countTokens(text: string): number;
  /** `count` labels of one distinct token each, or null when the vocabulary has too few. */
  labels(count: number): LabelSet | null;
  /** Orders candidates. */
  rank(request: RankRequest, options?: CallOptions): Promise<RankAnswer | NoAnswer>;
  /** Prefers one of two items. */
  compare(request: CompareRequest, options?: CallOptions): Promise<CompareAnswer | NoAnswer>;
  /** Predicts a rating. */
  rate(request: RateRequest, options?: CallOptions): Promise<RateAnswer | NoAnswer>;
  /** Picks the best candidate. */
  choose(request: RankRequest, options?: CallOptions): Promise<ChooseAnswer | NoAnswer>;
  /** Continues a text. */
  complete(request: CompleteRequest, options?: CallOptions): Promise<CompleteAnswer | NoAnswer>;
  /** Counters since loading. */
  stats(): ModelStats;
  /** Ends running calls at their next evaluation and frees the model. Twice is fine. */
  dispose(): Promise<void>;
}
