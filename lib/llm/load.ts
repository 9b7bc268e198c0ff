import { argumentError } from "../native/errors.js";
import { openAnswerCache } from "./answerCache.js";
import { CachedLanguageModel } from "./cachedLanguageModel.js";
import type { ChatOption } from "./chat.js";
import { checked } from "./checks.js";
import { readGgufHeader } from "./gguf/header.js";
import type { LanguageModel } from "./languageModel.js";
import { pocketModel } from "./pocket/pocketFile.js";
import { PocketLlama } from "./pocket/pocketLlama.js";

/** A LoRA adapter to apply. */
export interface AppliedLora {
  /** A GGUF file in F32, F16 or Q8_0, made for the model it is used with. */
  readonly path: string;
  /** Strength, default 1. */
  readonly scale?: number;
}

/** Bytes in main memory and in that of the GPU, as llama.cpp's binding reckons them. */
export interface LlamaMemory {
  readonly weights: { readonly ram: number; readonly vram: number };
  /** Keys, values and work space of all sequences. */
  readonly context: { readonly ram: number; readonly vram: number };
}

/** What to load and how to run it. */
export interface LlamaOptions {
  /** A GGUF file of the Llama family. */
  readonly modelPath: string;
  /** LoRA adapters, all applied at once. Default: none. */
  readonly lora?: string | readonly AppliedLora[];
  /**
   * How a user's turn is marked: `"auto"`, the default, tells it from the file's chat template; `"none"` sends texts as
   * they are. No system turn is ever added.
   */
  readonly chat?: ChatOption;
  /**
   * Tokens the model sees at once, at least 16. Default: what it was trained on, at most 4096. llama.cpp may round up
   * to a multiple of 256.
   */
  readonly contextSize?: number;
  /**
   * Requests that run at the same time and share llama.cpp's batches, each with a context of its own. Default 1: the bits
   * of an answer then do not depend on other requests; with more, the last bits may.
   */
  readonly sequences?: number;
  /**
   * Threads. Default: 1 for files under 100 MB, which are fastest so, else the processor's cores that are good for
   * arithmetic. With llama.cpp their number may change the last bits of answers.
   */
  readonly threads?: number;
  /** `"auto"` offloads to a GPU if there is one. Default false. */
  readonly gpu?: false | "auto";
  /** SHA-256 that the file must have, in hexadecimal. A GGUF is trusted input: pin what you did not make. */
  readonly sha256?: string;
  /** Ends loading, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Options of {@link loadLanguageModel}. */
export interface LanguageModelOptions extends LlamaOptions {
  /**
   * What runs the model: `"pocket"`, this package's own engine, or `"llama.cpp"`, through the optional package
   * node-llama-cpp. Default `"auto"`: the own engine for files that it runs, up to 20 million parameters, unless adapters, a
   * GPU or several sequences are asked for.
   */
  readonly runner?: "auto" | "pocket" | "llama.cpp";
  /** False: the own engine runs on the calling thread instead of one of its own. */
  readonly worker?: boolean;
  /** Folder that keeps answers between runs; without one they are kept in memory. */
  readonly cacheFolder?: string;
}

/** Parameters up to which the own engine is at least as fast as llama.cpp. */
const SMALL = 20_000_000;

/**
 * Loads a GGUF with everything a recommender wants around it: answers are verified and cached.
 *
 * @throws Llama4RecError `E_ARGUMENT`, `E_FILE`, `E_GGUF`, `E_MISMATCH` for an adapter of another model; `E_DEPENDENCY` if
 * llama.cpp has to run it and node-llama-cpp is not installed. The signal's reason when aborted.
 *
 * @example
 * ```ts
 * await using model = await loadLanguageModel({ modelPath: "model.gguf", cacheFolder: "./answers" });
 * const prompt = buildRankingPrompt({ history, candidates }, { model, mode: "likelihood" });
 * const answer = await model.rank(prompt, { deadlineMs: 200 });
 * ```
 */
export async function loadLanguageModel(options: LanguageModelOptions): Promise<LanguageModel> {
  const { cacheFolder, runner = "auto", worker, ...own } = options;
  if (!["auto", "pocket", "llama.cpp"].includes(runner))
    throw argumentError("runner", '"auto", "pocket" or "llama.cpp"', runner);
  const beyond = needsLlamaCpp(own);
  if (runner === "pocket" && beyond !== null)
    throw argumentError(beyond, 'nothing that only runner "llama.cpp" can do', own[beyond]);
  own.signal?.throwIfAborted();
  const pocket =
    runner === "pocket" || (runner === "auto" && beyond === null && (await isSmall(own.modelPath)));
  const model = pocket ? await PocketLlama.load({ ...own, worker }) : await loadLlamaCpp(own);
  try {
    own.signal?.throwIfAborted();
    return new CachedLanguageModel(checked(model), openAnswerCache(cacheFolder));
  } catch (error) {
    await model.dispose();
    throw error;
  }
}

/** An option that asks for what the own engine cannot do. */
function needsLlamaCpp({ lora = [], gpu = false, sequences = 1 }: LlamaOptions): keyof LlamaOptions | null {
  if (lora.length > 0) return "lora";
  if (gpu !== false) return "gpu";
  return sequences === 1 ? null : "sequences";
}

async function isSmall(modelPath: string): Promise<boolean> {
  if (typeof modelPath !== "string" || modelPath === "")
    throw argumentError("modelPath", "a file path", modelPath);
  const model = pocketModel(await readGgufHeader(modelPath));
  return model.runs && model.parameters <= SMALL;
}

/** Only here is the optional package asked for. */
async function loadLlamaCpp(options: LlamaOptions): Promise<LanguageModel> {
  const { LlamaCpp } = await import("./llamaCpp.js");
  return LlamaCpp.load(options);
}
