import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { HoldOut } from "../data/split.js";
import type { TensorType } from "../llm/gguf/index.js";
import type { LoraOptions } from "../llm/pocket/lora.js";
import { checkTuneOptions, shapeFor } from "../llm/tuning/arguments.js";
import type { TaskMix } from "../llm/tuning/mix.js";
import type { PocketShape, TuneReport } from "../llm/tuning/options.js";
import { tune as tuneModel } from "../llm/tuning/tune.js";
import { checkTunedType, type TunedWeights, writeTuned } from "../llm/tuning/tunedModel.js";
import { threads as poolThreads, setThreads } from "../native/addon.js";
import { argumentError } from "../native/errors.js";
import { checkOutFile } from "./outFile.js";
import { withProgress } from "./progress.js";
import { tunedRowsMetadata } from "./tunedRows.js";
import { openTuningData, type TuningDataOptions, trainHints } from "./tuningData.js";

/** Options of `llama4rec tune`, as parsed. */
export interface TuneCommandOptions extends TuningDataOptions {
  readonly out: string;
  readonly base?: string;
  readonly type?: TensorType;
  readonly tokens?: number;
  readonly mix: TaskMix;
  readonly vocabulary?: number;
  readonly context?: number;
  readonly dimension?: number;
  readonly blocks?: number;
  readonly hidden?: number;
  readonly heads?: number;
  readonly kvHeads?: number;
  readonly rank?: number;
  readonly alpha?: number;
  readonly checkpoint?: string;
  readonly json?: boolean;
}

/** What the command prints. */
interface TuneResult {
  readonly out: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly dataset: string;
  readonly kind: "pocket" | "adapter";
  readonly parameters: number;
  /** Interactions that instructions were made of. */
  readonly trainedOn: number;
  readonly seed: number;
  readonly holdOut: HoldOut;
  readonly mix: TaskMix;
  readonly hints: boolean;
  readonly tokens: number;
  /** Mean loss of the last steps in nats a weighted token. */
  readonly loss: number | null;
  readonly tokensPerSecond: number | null;
  /** Of all of it, hints included. */
  readonly seconds: number;
}

/** `llama4rec tune`: a pocket Llama from scratch, or with `--base` a LoRA adapter, as one GGUF. */
export async function tune(options: TuneCommandOptions): Promise<void> {
  const { out, base, type, tokens, mix, seed, checkpoint, threads, json = false } = options;
  await checkOutFile("--out", out);
  const shape = base === undefined ? shapeOf(options) : undefined;
  const lora = loraOf(options);
  const asked = {
    seed,
    base,
    tokens,
    mix,
    shape,
    lora: lora ?? undefined,
    threads: threads ?? poolThreads(),
    checkpoint: checkpoint === undefined ? undefined : { path: checkpoint },
  };
  const ofBase = await checkTuneOptions(asked);
  if (threads !== undefined) setThreads(threads);
  const begin = performance.now();
  let last: TuneReport | undefined;
  const made = await withProgress(json, async (bars, signal) => {
    const { name, view } = await openTuningData(options, bars, signal);
    // All that can be refused is refused before the hints: they take minutes.
    checkTunedType(type, ofBase ?? shapeFor(view, shape), lora);
    const tuned = await tuneModel({
      ...asked,
      view,
      hints: await trainHints(view, options, mix, bars, signal),
      signal,
      onProgress: (report) => {
        last = report;
        bars.update("tune", report.tokens, report.totalTokens, noteOf(report));
      },
    });
    await writeTuned(out, tuned, { type, name, metadata: tunedRowsMetadata(view, options.holdOut) });
    return {
      dataset: name,
      kind: tuned.kind,
      parameters: parametersOf(tuned),
      trainedOn: view.interactionCount,
    };
  });
  const file = await readFile(out);
  const result: TuneResult = {
    out,
    bytes: file.length,
    sha256: createHash("sha256").update(file).digest("hex"),
    ...made,
    seed,
    holdOut: options.holdOut,
    mix,
    hints: options.hints,
    tokens: last?.tokens ?? 0,
    loss: last?.loss ?? null,
    tokensPerSecond: last?.tokensPerSecond ?? null,
    seconds: (performance.now() - begin) / 1000,
  };
  console.log(json ? JSON.stringify(result, null, 2) : summaryOf(result));
}

/** The sizes that were named; the others stay as they are by default. */
function shapeOf(options: TuneCommandOptions): Partial<PocketShape> {
  const { vocabulary, context, dimension, blocks, hidden, heads, kvHeads } = options;
  const named = Object.entries({ vocabulary, context, dimension, blocks, hidden, heads, kvHeads });
  return Object.fromEntries(named.filter(([, size]) => size !== undefined));
}

/** How the base is adapted; null without one. */
function loraOf({ base, rank, alpha }: TuneCommandOptions): LoraOptions | null {
  if (base !== undefined) return { rank, alpha };
  for (const [option, value] of Object.entries({ "--rank": rank, "--alpha": alpha }))
    if (value !== undefined)
      throw argumentError(option, "--base beside it, whose adapter it is about", value);
  return null;
}

function noteOf({ stage, loss, tokensPerSecond, validation }: TuneReport): string {
  const speed = `${Math.round(tokensPerSecond).toLocaleString("en")} tokens/s`;
  const held = validation === null ? "" : `, validation ${validation.toFixed(3)}`;
  return `${stage}, loss ${loss.toFixed(3)}${held}, ${speed}`;
}

function parametersOf(tuned: TunedWeights): number {
  const tables =
    tuned.kind === "pocket" ? [...tuned.weights.values()] : tuned.factors.flatMap(({ a, b }) => [a, b]);
  return tables.reduce((sum, table) => sum + table.length, 0);
}

function summaryOf(result: TuneResult): string {
  const { out, bytes, sha256, dataset, kind, parameters, tokens, loss, seconds } = result;
  const count = (value: number): string => value.toLocaleString("en");
  const what = kind === "adapter" ? "a LoRA adapter" : "a pocket Llama";
  return [
    `${out}: ${what} of ${count(parameters)} parameters, ${(bytes / 1e6).toFixed(2)} MB, sha256 ${sha256}`,
    `tuned on ${dataset}, ${count(tokens)} tokens in ${seconds.toFixed(0)} s` +
      (loss === null ? "" : `, loss ${loss.toFixed(3)}`),
  ].join("\n");
}
