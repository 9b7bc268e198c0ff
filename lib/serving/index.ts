/** Serving: the object that answers from a recommender's folder. */
export type {
  ExplainedAlpha,
  ExplainedItem,
  ExplainRequest,
  Explanation,
  MixedItem,
  Reason,
} from "./explain.js";
export type { FoundItem, FoundUser } from "./lookup.js";
export type { Mixing } from "./manifest.js";
export * from "./options.js";
export * from "./recommender.js";
export type { NotDone, SchedulerOptions, SchedulerStats } from "./scheduler.js";
export * from "./types.js";
