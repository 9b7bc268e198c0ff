import type { ExternalId } from "../data/idMap.js";
import type { NoAnswerReason } from "../llm/languageModel.js";

/**
 * Who answers, and when.
 *
 * - `conventional`: the backbone alone, in well under a millisecond.
 * - `inline`: the language model orders the backbone's best as well, if it can within `deadlineMs`; else the backbone's list
 *   is the answer.
 * - `background`: the backbone's list at once, and the language model orders it afterwards for this user's next request.
 * - `offline`: a list that was refined before ({@link Recommender.refineAll}), else the backbone's.
 */
export type ServingMode = "conventional" | "inline" | "background" | "offline";

/** What happens with an id that the model does not know: an error, it is left out, or it counts as new. */
export type UnknownPolicy = "throw" | "skip" | "cold";

/** Whom a list is for: somebody known, a history, or both (then the history counts, and nothing else of the user). */
export interface Whom {
  /** Id of a user. */
  readonly user?: ExternalId;
  /** Ids of items, oldest first: instead of what is known of the user. */
  readonly history?: readonly ExternalId[];
  /** Default: as the recommender was opened, `cold`. */
  readonly unknown?: UnknownPolicy;
}

/** What a list is chosen from. */
export interface ListFilter {
  /** Most items of the list, 1 to 1,000; default 10. It is as long as it really is. */
  readonly k?: number;
  /** Items that must not be in it. */
  readonly exclude?: readonly ExternalId[];
  /** If given, only these. */
  readonly allow?: readonly ExternalId[];
  /** Whether items of the history stay out; default: as the model was trained, which is true for most. */
  readonly excludeSeen?: boolean;
}

/** A request for recommendations. */
export interface RecommendRequest extends Whom, ListFilter {
  /** Default: as the recommender was opened, `conventional`. */
  readonly mode?: ServingMode;
  /** How many of the backbone's best the language model orders, 2 to 50; default 10. */
  readonly candidates?: number;
  /** Milliseconds that an `inline` answer may take in all; default 50. 0 or less: the conventional list. */
  readonly deadlineMs?: number;
  /** Ends the request, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** A request for the ratings that somebody would give. */
export interface RatingRequest extends Whom {
  /** Items to rate, at most 1,000. */
  readonly items: readonly ExternalId[];
  /** Rating of each item of `history`, null where none was given: what is not rated says nothing about ratings. */
  readonly ratings?: readonly (number | null)[];
}

/** Why the language model has no part in an answer. */
export type NotRefined =
  /** The mode does not ask it, or the recommender has none. */
  | "off"
  /** Fewer than two items to order. */
  | "short"
  /** It is on its way: ask again (mode `background`). */
  | "pending"
  /** Nothing was refined beforehand (mode `offline`). */
  | "absent"
  /** Too many others wait to be done in time: it was not asked. */
  | "shed"
  /** It failed too often a moment ago and is left alone for a while. */
  | "open"
  | NoAnswerReason;

/** Where the milliseconds went. */
export interface ServingTimings {
  /** Candidates of the conventional model, waiting for others of its batch included. */
  readonly conventionalMs: number;
  /** The language model, waiting included; 0 where it was not asked. */
  readonly languageModelMs: number;
  readonly totalMs: number;
}

/** A list of recommendations: one shape for every mode and model. */
export interface Recommendation {
  /** Best first, of its real length. */
  readonly ids: readonly ExternalId[];
  /** The conventional model's score of each; in a refined list they need not descend. */
  readonly scores: readonly number[];
  /** Who had a part in the order. */
  readonly engines: readonly ("conventional" | "languageModel")[];
  /** alpha_u, the weight that the language model has for this user; 0 where it has no part in the answer. */
  readonly alpha: number;
  /** Why the language model has no part in it; null where it has. */
  readonly notRefined: NotRefined | null;
  /** Snapshot that answered. */
  readonly snapshot: string;
  readonly timings: ServingTimings;
}

/** An interaction to take into account from now on. */
export interface NewInteraction {
  readonly user: ExternalId;
  readonly item: ExternalId;
  readonly rating?: number;
}

/** An item that the model was not trained on. */
export interface NewItem {
  readonly id: ExternalId;
  readonly title: string;
}

/** What {@link Recommender.update} takes, all of it or nothing. */
export interface RecommenderUpdate {
  /** In the order in which they happened. */
  readonly interactions?: readonly NewInteraction[];
  readonly items?: readonly NewItem[];
}
