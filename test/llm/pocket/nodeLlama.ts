import type { LlamaContext, LlamaContextSequence, LlamaModel, Token } from "node-llama-cpp";
import { llamaRuntime } from "../../../lib/llm/llamaRuntime.js";

/** A GGUF in llama.cpp, with nothing of this package between: the oracle of our own forward pass. */
export class NodeLlama implements AsyncDisposable {
  readonly #model: LlamaModel;
  readonly #context: LlamaContext;
  readonly #sequence: LlamaContextSequence;

  private constructor(model: LlamaModel, context: LlamaContext) {
    this.#model = model;
    this.#context = context;
    this.#sequence = context.getSequence();
  }

  /** @param cache Type of the kept keys and values; F16 is llama.cpp's default. */
  static async open(modelPath: string, adapter?: string, cache: "F16" | "F32" = "F16"): Promise<NodeLlama> {
    const { llama } = await llamaRuntime(false);
    const model = await llama.loadModel({ modelPath, gpuLayers: 0 });
    const context = await model.createContext({
      contextSize: model.trainContextSize,
      sequences: 1,
      threads: 1,
      flashAttention: false,
      experimentalKvCacheKeyType: cache,
      experimentalKvCacheValueType: cache,
      ...(adapter === undefined ? {} : { lora: { adapters: [{ filePath: adapter }] } }),
    });
    return new NodeLlama(model, context);
  }

  /** Tokens of a text that is data, without a beginning of text. */
  tokenize(text: string): number[] {
    return this.#model.tokenize(text);
  }

  /** Logits of the whole vocabulary after some tokens. */
  async logits(tokens: readonly number[]): Promise<Float64Array> {
    const items = tokens as readonly Token[];
    const last = items[items.length - 1];
    await this.#sequence.clearHistory();
    const outputs = await this.#sequence.controlledEvaluate([
      ...items.slice(0, -1),
      [last, { generateNext: { logits: true } }],
    ]);
    const found = outputs.at(-1)?.next.logits;
    if (!found) throw new Error("llama.cpp gave no logits");
    const logits = new Float64Array(found.size);
    for (const [token, logit] of found) logits[token] = logit;
    return logits;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#context.dispose();
    await this.#model.dispose();
  }
}
