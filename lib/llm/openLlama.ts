import { resolve } from "node:path";
import type { LlamaContext, LlamaModel } from "node-llama-cpp";
import { argumentError, Llama4RecError } from "../native/errors.js";
import { sha256Of } from "../storage/blocks.js";
import { sha256OfFile } from "../storage/fileHash.js";
import { type ChatFormat, chatOf, checkChat } from "./chat.js";
import { readGgufHeader } from "./gguf/header.js";
import { readLora } from "./gguf/lora.js";
import { type LlamaRuntime, llamaRuntime } from "./llamaRuntime.js";
import type { AppliedLora, LlamaMemory, LlamaOptions } from "./load.js";

/** Changes whenever the same request could get other bits than before: part of the model's id. */
const EVALUATION_PATH = "prefix-tail-2";
const BATCH_TOKENS = 512;
/** Of large models on the CPU: a call then takes no more than a few seconds, after which it can be aborted. */
const SMALL_CHUNK = 64;
const DEFAULT_CONTEXT = 4096;
/** Bytes of a file up to which one thread is fastest and a call's own cost counts more than its arithmetic. */
const SMALL_FILE = 100e6;
const LARGEST_SEQUENCES = 64;

/** A loaded model with a context to run it in. */
export interface OpenLlama {
  readonly runtime: LlamaRuntime;
  readonly model: LlamaModel;
  readonly context: LlamaContext;
  readonly chat: ChatFormat;
  /** Tokens of a prefix to evaluate in one call. */
  readonly chunk: number;
  readonly memory: LlamaMemory;
  /** Hash of everything that changes answers. */
  readonly id: string;
}

/** Checks the files, then loads them. Errors: those of `LlamaCpp.load`. */
export async function openLlama(options: LlamaOptions): Promise<OpenLlama> {
  checkOptions(options);
  const { modelPath, gpu = false, sequences = 1, sha256, signal } = options;
  const path = resolve(modelPath);
  const adapters = adaptersOf(options);
  const header = await readGgufHeader(path);
  const chat = chatOf(header, options.chat);
  const fileHash = await sha256OfFile(path, signal);
  if (sha256 !== undefined && sha256.toLowerCase() !== fileHash) {
    throw new Llama4RecError("E_GGUF", `${path}: expected sha256 ${sha256}, got ${fileHash}`);
  }
  const adapterHashes: (readonly [string, number])[] = [];
  for (const { path, scale } of adapters) {
    await readLora(path, { ...header, sha256: fileHash }); // llama.cpp trusts its files
    adapterHashes.push([await sha256OfFile(path, signal), scale]);
  }

  const runtime = await llamaRuntime(gpu);
  signal?.throwIfAborted();
  const isSmall = header.fileSize < SMALL_FILE;
  const { threads = isSmall ? 1 : runtime.llama.cpuMathCores } = options;
  const chunk = isSmall || runtime.llama.gpu !== false ? BATCH_TOKENS : SMALL_CHUNK;
  const { model, context } = await load(runtime, path, adapters, { ...options, threads });
  const settings = [
    EVALUATION_PATH,
    fileHash,
    adapterHashes,
    [chat.open, chat.answer, chat.close, chat.trimmed ?? false],
    context.contextSize,
    context.batchSize,
    chunk,
    sequences,
    threads,
    runtime.llama.gpu,
    model.gpuLayers,
    runtime.version,
    runtime.llama.systemInfo,
  ];
  return {
    runtime,
    model,
    context,
    chat,
    chunk: Math.min(chunk, context.batchSize),
    memory: { weights: { ...model.memoryUsage }, context: { ...context.memoryUsage } },
    id: sha256Of([JSON.stringify(settings)]),
  };
}

async function load(
  runtime: LlamaRuntime,
  path: string,
  adapters: readonly Required<AppliedLora>[],
  { threads, gpu = false, contextSize, sequences = 1, signal }: LlamaOptions,
): Promise<{ model: LlamaModel; context: LlamaContext }> {
  let model: LlamaModel | undefined;
  runtime.errors.length = 0;
  try {
    model = await runtime.llama.loadModel({
      modelPath: path,
      gpuLayers: gpu === false ? 0 : "auto",
      loadSignal: signal,
    });
    const trained = model.trainContextSize;
    if (contextSize !== undefined && contextSize > trained) {
      throw argumentError(
        "contextSize",
        `at most the ${trained} tokens the model was trained on`,
        contextSize,
      );
    }
    const context = await model.createContext({
      contextSize: contextSize ?? Math.min(trained, DEFAULT_CONTEXT),
      sequences,
      batchSize: BATCH_TOKENS,
      threads,
      // On the CPU flash attention makes short tails three times slower.
      flashAttention: gpu === false ? false : "auto",
      lora: { adapters: adapters.map(({ path, scale }) => ({ filePath: path, scale })) },
      createSignal: signal,
    });
    return { model, context };
  } catch (cause) {
    await model?.dispose();
    signal?.throwIfAborted();
    if (cause instanceof Llama4RecError) throw cause;
    const log = runtime.errors.length > 0 ? ` (${runtime.errors.join("; ")})` : "";
    const reason = cause instanceof Error ? cause.message : String(cause);
    const files = [path, ...adapters.map((adapter) => adapter.path)].join(" with ");
    throw new Llama4RecError(
      "E_GGUF",
      `${files}: expected a GGUF that llama.cpp can load, got: ${reason}${log}`,
      { cause },
    );
  }
}

function adaptersOf({ lora = [] }: LlamaOptions): Required<AppliedLora>[] {
  const list = typeof lora === "string" ? [{ path: lora }] : lora;
  return list.map(({ path, scale = 1 }) => ({ path: resolve(path), scale }));
}

function checkOptions(options: LlamaOptions): void {
  const {
    modelPath,
    threads = 1,
    gpu = false,
    contextSize = DEFAULT_CONTEXT,
    sequences = 1,
    sha256,
  } = options;
  if (typeof modelPath !== "string" || modelPath === "")
    throw argumentError("modelPath", "a file path", modelPath);
  if (!Number.isInteger(threads) || threads < 1)
    throw argumentError("threads", "a positive integer", threads);
  if (gpu !== false && gpu !== "auto") throw argumentError("gpu", 'false or "auto"', gpu);
  if (!Number.isInteger(contextSize) || contextSize < 16) {
    throw argumentError("contextSize", "an integer of at least 16", contextSize);
  }
  if (!Number.isInteger(sequences) || sequences < 1 || sequences > LARGEST_SEQUENCES) {
    throw argumentError("sequences", `an integer in 1..${LARGEST_SEQUENCES}`, sequences);
  }
  if (sha256 !== undefined && !/^[0-9a-f]{64}$/i.test(sha256)) {
    throw argumentError("sha256", "64 hexadecimal digits", sha256);
  }
  checkChat(options.chat);
  checkLora(options.lora);
}

function checkLora(lora: LlamaOptions["lora"] = []): void {
  if (typeof lora === "string" && lora !== "") return;
  if (!Array.isArray(lora)) throw argumentError("lora", "a file path or a list of adapters", lora);
  for (const [i, { path, scale = 1 }] of lora.entries()) {
    if (typeof path !== "string" || path === "") throw argumentError(`lora[${i}].path`, "a file path", path);
    if (!Number.isFinite(scale)) throw argumentError(`lora[${i}].scale`, "a finite number", scale);
  }
}
