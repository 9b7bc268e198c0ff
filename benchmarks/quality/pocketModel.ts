import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { TrainView } from "../../lib/data/trainView.js";
import { checked } from "../../lib/llm/checks.js";
import { readGgufHeader } from "../../lib/llm/gguf/header.js";
import type { LanguageModel } from "../../lib/llm/languageModel.js";
import { loadLanguageModel } from "../../lib/llm/load.js";
import { PocketLlama } from "../../lib/llm/pocket/pocketLlama.js";
import { tune } from "../../lib/llm/tuning/tune.js";
import { writeTuned } from "../../lib/llm/tuning/tunedModel.js";
import { threads } from "../../lib/native/addon.js";
import type { Progress } from "./candidateRivals.js";

/** What runs a GGUF: the package itself, or llama.cpp. */
export const engines = ["pocket", "llama"] as const;
export type Engine = (typeof engines)[number];

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
  readonly engine: Engine;
  /** All that a tuning may learn from. */
  readonly view: TrainView;
  readonly seed: number;
  readonly onProgress: Progress;
  readonly signal: AbortSignal;
}

/** Loads the file, or tunes a pocket model on the view first. */
export async function openPocketModel(source: ModelSource): Promise<OpenedModel> {
  const { file, engine } = source;
  if (file !== undefined) return openFile(file, engine);
  const folder = await mkdtemp(join(tmpdir(), "llama4rec-"));
  try {
    const tuned = join(folder, "pocket.gguf");
    await tunePocket(tuned, source);
    return await openFile(tuned, engine);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function openFile(file: string, engine: Engine): Promise<OpenedModel> {
  const { tensors } = await readGgufHeader(file);
  const model =
    engine === "pocket"
      ? checked(await PocketLlama.load({ modelPath: file }))
      : await loadLanguageModel({ modelPath: file });
  return {
    model,
    name: basename(file),
    parameters: tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0),
    [Symbol.asyncDispose]: () => model.dispose(),
  };
}

/** Tunes a pocket model on the view alone and writes it. */
async function tunePocket(path: string, { view, seed, onProgress, signal }: ModelSource): Promise<void> {
  const tuned = await tune({
    view,
    seed,
    threads: threads(),
    signal,
    onProgress: ({ stage, tokens, totalTokens }) => onProgress(`tune: ${stage}`, tokens, totalTokens),
  });
  await writeTuned(path, tuned);
}
