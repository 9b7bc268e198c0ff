import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { TrainView } from "../../lib/data/trainView.js";
import { readGgufHeader } from "../../lib/llm/gguf/header.js";
import type { LanguageModel } from "../../lib/llm/languageModel.js";
import { type LanguageModelOptions, loadLanguageModel } from "../../lib/llm/load.js";
import { type TuneOptions, tune } from "../../lib/llm/tuning/tune.js";
import { writeTuned } from "../../lib/llm/tuning/tunedModel.js";
import { threads } from "../../lib/native/addon.js";
import type { Progress } from "./candidateRivals.js";

/** What runs the model, as {@link loadLanguageModel} takes it. */
export type Runner = LanguageModelOptions["runner"];

/** A language model with what a report says of it. */
export interface OpenedModel extends AsyncDisposable {
  readonly model: LanguageModel;
  /** Name of the file. */
  readonly name: string;
  /** Weights of all tensors together. */
  readonly parameters: number;
}

/** Where the language model comes from. */
export interface ModelSource {
  /** A GGUF file; without one a pocket model is tuned on the view. */
  readonly file?: string;
  readonly runner?: Runner;
  /** Over the default recipe. */
  readonly tuning: Pick<TuneOptions, "tokens" | "mix" | "stages" | "shape" | "settings">;
  /** Where a tuned model is kept; default: nowhere. */
  readonly keep?: string;
  /** All that a tuning may learn from. */
  readonly view: TrainView;
  readonly seed: number;
  readonly onProgress: Progress;
  readonly signal: AbortSignal;
}

/** Loads the file, or tunes a pocket model on the view first. */
export async function openPocketModel(source: ModelSource): Promise<OpenedModel> {
  const { file, runner, signal } = source;
  if (file !== undefined) return openFile(file, { runner, signal });
  if (source.keep !== undefined) {
    await tunePocket(source.keep, source);
    return openFile(source.keep, { runner, signal });
  }
  const folder = await mkdtemp(join(tmpdir(), "llama4rec-"));
  try {
    const tuned = join(folder, "pocket.gguf");
    await tunePocket(tuned, source);
    return await openFile(tuned, { runner, signal });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function openFile(
  file: string,
  options: Pick<LanguageModelOptions, "runner" | "signal">,
): Promise<OpenedModel> {
  const { tensors } = await readGgufHeader(file);
  const model = await loadLanguageModel({ modelPath: file, ...options });
  return {
    model,
    name: basename(file),
    parameters: tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0),
    [Symbol.asyncDispose]: () => model.dispose(),
  };
}

/** Tunes a pocket model on the view alone, without hints, and writes it. */
async function tunePocket(
  path: string,
  { view, seed, tuning, onProgress, signal }: ModelSource,
): Promise<void> {
  const tuned = await tune({
    ...tuning,
    view,
    seed,
    threads: threads(),
    signal,
    onProgress: ({ stage, tokens, totalTokens }) => onProgress(`tune: ${stage}`, tokens, totalTokens),
  });
  await writeTuned(path, tuned);
}
