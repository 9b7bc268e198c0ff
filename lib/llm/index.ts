export { type AnswerCache, openAnswerCache } from "./answerCache.js";
export { CachedLanguageModel } from "./cachedLanguageModel.js";
export type { ChatFormat, ChatOption } from "./chat.js";
export { checked } from "./checks.js";
export * from "./gguf/index.js";
export type * from "./languageModel.js";
export {
  type AppliedLora,
  type LanguageModelOptions,
  type LlamaMemory,
  type LlamaOptions,
  loadLanguageModel,
} from "./load.js";
export * from "./ordering/index.js";
export { PocketLlama, type PocketLlamaOptions } from "./pocket/pocketLlama.js";
export {
  type AttributeExample,
  type AttributeTemplate,
  attributePrompt,
  BOOK_ATTRIBUTES,
  type KnownItem,
  MOVIE_ATTRIBUTES,
  type NumberBuckets,
  type WrittenField,
} from "./prompts/attributes.js";
export {
  buildChoicePrompt,
  buildPairPrompt,
  buildRankingPrompt,
  buildRatePrompt,
  type CandidatePromptInput,
  type CandidatePromptOptions,
  type PairPrompt,
  type PairPromptInput,
  type PromptModel,
  type PromptOptions,
  type RankingPrompt,
  type RatePrompt,
  type RatePromptInput,
  type UserPromptInput,
} from "./prompts/build.js";
export { DIRECT_TEMPLATE } from "./prompts/direct.js";
export type { KeptTitles } from "./prompts/fit.js";
export { RATING_TEMPLATE } from "./prompts/rating.js";
export type { PromptItem } from "./prompts/render.js";
export { MAX_TITLE_LENGTH, sanitizeTitle } from "./prompts/sanitize.js";
export { SEQUENTIAL_TEMPLATE } from "./prompts/sequential.js";
export type { PromptTemplate } from "./prompts/template.js";
export * from "./tokenizer/index.js";
export * from "./tuning/index.js";
