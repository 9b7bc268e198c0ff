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
  readonly runner?: LoadOptions["runner"];
  /** Folder, or false for `--no-cache`. */
  readonly cache?: string | boolean;
  /** Where the pairs come from that the language model is asked about. */
  readonly pairs?: string;
  /** Given: the data set is not the embedded shop, of which alone the embedded model knows. */
  readonly data?: string;
}

/** A language model to be disposed of, or null where the language side is off. */
export interface OpenLanguageModel extends AsyncDisposable {
  readonly named: NamedLanguageModel | null;
}

/** Whether there may be a language model: a file, or the embedded one on the shop. */
const isAsked = ({ llm, data }: LanguageModelOptions): boolean =>
  typeof llm === "string" || (llm === undefined && data === undefined);

/**
 * Options about a language model go with one.
 * @throws Llama4RecError `E_ARGUMENT` for one without a model, or an adapter without a file that it adapts.
 */
export function checkLanguageModelOptions(options: LanguageModelOptions): void {
  const { llm, lora, runner, cache, pairs } = options;
  if (lora !== undefined && typeof llm !== "string")
    throw argumentError("--lora", "--llm beside it, the model that it adapts", lora[0]);
  if (isAsked(options)) return;
  for (const [name, value] of Object.entries({ runner, cache, pairs }))
    if (typeof value === "string")
      throw argumentError(`--${name}`, "--llm beside it: without it the language side is off", value);
}

/**
 * Loads what was asked for.
 * @throws Llama4RecError what {@link loadLanguageModel} throws; the signal's reason when aborted.
 */
export async function openLanguageModel(
  options: LanguageModelOptions,
  signal: AbortSignal,
): Promise<OpenLanguageModel> {
  const { llm, lora = [], runner, cache } = options;
  const chosen =
    typeof llm === "string"
      ? { name: [llm, ...lora].map((path) => basename(path)).join(" + "), modelPath: llm }
      : isAsked(options)
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
