import { homedir } from "node:os";
import { basename, join } from "node:path";
import type { NamedLanguageModel } from "../evaluation/experiment.js";
import { embeddedModel } from "../llm/embedded.js";
import { type LanguageModelOptions as LoadOptions, loadLanguageModel } from "../llm/load.js";
import { argumentError } from "../native/errors.js";

/** Which language model a command uses, as parsed. */
export interface LanguageModelOptions {
  /** A file, or false for `--no-llm`. Absent: the embedded model on the embedded shop, else none. */
  readonly llm?: string | false;
  /** LoRA adapters of the file. */
  readonly lora?: readonly string[];
  readonly runner: LoadOptions["runner"];
  /** Folder, or false for `--no-cache`. */
  readonly cache: string | boolean;
  /** Given: the data set is not the embedded shop, of which alone the embedded model knows. */
  readonly data?: string;
}

/** A language model to be disposed of, or null where the language side is off. */
export interface OpenLanguageModel extends AsyncDisposable {
  readonly named: NamedLanguageModel | null;
}

/**
 * Loads what was asked for.
 * @throws Llama4RecError `E_ARGUMENT` for an adapter without its model; what {@link loadLanguageModel} throws; the signal's reason when aborted.
 */
export async function openLanguageModel(
  options: LanguageModelOptions,
  signal: AbortSignal,
): Promise<OpenLanguageModel> {
  const { llm, lora = [], runner, cache, data } = options;
  if (lora.length > 0 && typeof llm !== "string")
    throw argumentError("--lora", "--llm beside it, the model that it adapts", lora[0]);
  const chosen =
    typeof llm === "string"
      ? { name: [llm, ...lora].map((path) => basename(path)).join(" + "), modelPath: llm }
      : llm === undefined && data === undefined
        ? embeddedModel()
        : null;
  if (chosen === null) return { named: null, [Symbol.asyncDispose]: async () => {} };
  const { name, ...file } = chosen;
  const cacheFolder = cache === false ? undefined : typeof cache === "string" ? cache : defaultCacheFolder();
  const adapters = lora.map((path) => ({ path }));
  const model = await loadLanguageModel({ ...file, lora: adapters, runner, cacheFolder, signal });
  return { named: { name, model }, [Symbol.asyncDispose]: () => model.dispose() };
}

function defaultCacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "llama4rec", "answers");
}
