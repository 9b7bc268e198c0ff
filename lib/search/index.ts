export type { SearchProgress } from "./climb.js";
export type { SearchValidation } from "./objective.js";
export type { Rung, SearchStrategy } from "./rungs.js";
export { type SearchOptions, type SearchResult, searchHyperparameters } from "./search.js";
export { type GivenValues, rangeText, type SearchSpace, searchSpace } from "./space.js";
export { bestFirst, type ScoredTrial, type TrialResult } from "./trial.js";
