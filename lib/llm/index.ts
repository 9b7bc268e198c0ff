export { type AnswerCache, openAnswerCache } from "./answerCache.js";
export { CachedLanguageModel } from "./cachedLanguageModel.js";
export { checked } from "./checks.js";
export { type GgufHeader, type GgufTensor, type GgufValue, readGgufHeader } from "./ggufHeader.js";
export type * from "./languageModel.js";
export { type LlamaOptions, type LoadLlamaOptions, loadLlama } from "./load.js";
export {
  buildChoicePrompt,
  buildPairPrompt,
  buildRankingPrompt,
  type CandidatePromptInput,
  type CandidatePromptOptions,
  type PairPrompt,
  type PairPromptInput,
  type PromptModel,
  type PromptOptions,
  type RankingPrompt,
  type UserPromptInput,
} from "./prompts/build.js";
export { DIRECT_TEMPLATE } from "./prompts/direct.js";
export type { KeptTitles } from "./prompts/fit.js";
export { MAX_TITLE_LENGTH, sanitizeTitle } from "./prompts/sanitize.js";
export { SEQUENTIAL_TEMPLATE } from "./prompts/sequential.js";
export type { PromptTemplate } from "./prompts/template.js";
