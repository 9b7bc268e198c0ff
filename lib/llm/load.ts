import { openAnswerCache } from "./answerCache.js";
import { CachedLanguageModel } from "./cachedLanguageModel.js";
import { checked } from "./checks.js";
import type { LanguageModel } from "./languageModel.js";

/** What to load and how to run it. */
export interface LlamaOptions {
  /** A GGUF file of the Llama family. */
  readonly modelPath: string;
  /**
   * Tokens the model sees at once, at least 16. Default: what it was trained on, at most 4096. llama.cpp may round up
   * to a multiple of 256.
   */
  readonly contextSize?: number;
  /** Threads of llama.cpp. Default 1, best for models under about 100 MB; it may change the last bits of answers. */
  readonly threads?: number;
  /** `"auto"` offloads to a GPU if there is one. Default false. */
  readonly gpu?: false | "auto";
  /** SHA-256 that the file must have, in hexadecimal. A GGUF is trusted input: pin what you did not make. */
  readonly sha256?: string;
}

/** Options of {@link loadLlama}. */
export interface LoadLlamaOptions extends LlamaOptions {
  /** Folder that keeps answers between runs; without one they are kept in memory. */
  readonly cacheFolder?: string;
}

/**
 * Loads a GGUF with everything a recommender wants around it: answers are verified and cached.
 *
 * @throws Llama4RecError `E_ARGUMENT`, `E_FILE`, `E_GGUF`; `E_DEPENDENCY` if node-llama-cpp is not installed.
 *
 * @example
 * ```ts
 * await using model = await loadLlama({ modelPath: "model.gguf", cacheFolder: "./answers" });
 * const prompt = buildRankingPrompt({ history, candidates }, { model, mode: "likelihood" });
 * const answer = await model.rank(prompt, { deadlineMs: 200 });
 * ```
 */
export async function loadLlama({ cacheFolder, ...options }: LoadLlamaOptions): Promise<LanguageModel> {
  const { LlamaCpp } = await import("./llamaCpp.js");
  const model = await LlamaCpp.load(options);
  try {
    return new CachedLanguageModel(checked(model), openAnswerCache(cacheFolder));
  } catch (error) {
    await model.dispose();
    throw error;
  }
}
