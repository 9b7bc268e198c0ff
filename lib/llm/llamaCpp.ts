import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import type { LlamaContext, LlamaModel, Token } from "node-llama-cpp";
import { argumentError, Llama4RecError } from "../native/errors.js";
import { attempt, CallCounter, noAnswer } from "./attempt.js";
import { readGgufHeader } from "./ggufHeader.js";
import type {
  CallOptions,
  ChooseAnswer,
  CompareAnswer,
  CompareRequest,
  CompleteAnswer,
  CompleteRequest,
  LabelSet,
  LanguageModel,
  ModelStats,
  NoAnswer,
  RankAnswer,
  RankRequest,
  RateAnswer,
  RateRequest,
} from "./languageModel.js";
import { type LlamaRuntime, llamaRuntime } from "./llamaRuntime.js";
import type { LlamaOptions } from "./load.js";
import { PrefixSequence } from "./prefixSequence.js";
import { SerialQueue } from "./queue.js";
import { orderOf, softmax } from "./ranking.js";
import { checkCompareRequest, checkCompleteRequest, checkRankRequest, checkRateRequest } from "./requests.js";
import { Tokens } from "./tokens.js";

/** Changes whenever the same request could get other bits than before: part of {@link LanguageModel.id}. */
const EVALUATION_PATH = "prefix-tail-1";
const BATCH_TOKENS = 512;
const DEFAULT_CONTEXT = 4096;
// llama.cpp's binding shifts the context when its last cell is taken.
const RESERVED_TOKENS = 1;

type Checkpoint = () => void;

/**
 * A Llama GGUF run by llama.cpp in this process, through the optional package node-llama-cpp. Calls queue up and run
 * one at a time on one sequence; the same request always gets the same bits, whatever ran before.
 *
 * @example
 * ```ts
 * await using model = await LlamaCpp.load({ modelPath: "model.gguf" });
 * const answer = await model.rank({ prefix: "Alien\nAliens\n", candidates: ["Alien 3\n", "Heidi\n"], mode: "likelihood" });
 * if (answer.answered) console.log(answer.order);
 * ```
 */
export class LlamaCpp implements LanguageModel {
  readonly id: string;
  readonly contextSize: number;
  readonly #model: LlamaModel;
  readonly #context: LlamaContext;
  readonly #tokens: Tokens;
  readonly #sequence: PrefixSequence;
  readonly #queue = new SerialQueue();
  readonly #counter = new CallCounter();
  #disposal: Promise<void> | null = null;

  private constructor(id: string, model: LlamaModel, context: LlamaContext) {
    this.id = id;
    this.#model = model;
    this.#context = context;
    this.#tokens = new Tokens(model);
    this.contextSize = context.contextSize - RESERVED_TOKENS - this.#tokens.begin.length;
    this.#sequence = new PrefixSequence(context.getSequence(), context.batchSize, (count) => {
      this.#counter.evaluatedTokens += count;
    });
  }

  /**
   * Checks the file's header, then loads it.
   *
   * @throws Llama4RecError `E_ARGUMENT`; `E_FILE` if the file is missing; `E_GGUF` if it is no GGUF, is truncated, is
   * not the pinned one or llama.cpp refuses it; `E_DEPENDENCY` if node-llama-cpp is not installed.
   */
  static async load(options: LlamaOptions): Promise<LlamaCpp> {
    const { modelPath, threads = 1, gpu = false, contextSize, sha256 } = options;
    checkLoadOptions(options);
    const path = resolve(modelPath);
    await readGgufHeader(path);
    const fileHash = await hashFile(path);
    if (sha256 !== undefined && sha256.toLowerCase() !== fileHash) {
      throw new Llama4RecError("E_GGUF", `${path}: expected sha256 ${sha256}, got ${fileHash}`);
    }
    const runtime = await llamaRuntime(gpu);
    const { model, context } = await open(runtime, path, { threads, gpu, contextSize });
    const settings = [
      EVALUATION_PATH,
      fileHash,
      context.contextSize,
      context.batchSize,
      threads,
      runtime.llama.gpu,
      model.gpuLayers,
      runtime.version,
      runtime.llama.systemInfo,
    ];
    return new LlamaCpp(createHash("sha256").update(JSON.stringify(settings)).digest("hex"), model, context);
  }

  countTokens(text: string): number {
    this.#ensureOpen();
    return this.#tokens.count(text);
  }

  labels(count: number): LabelSet | null {
    this.#ensureOpen();
    return this.#tokens.labels(count);
  }

  async rank(request: RankRequest, options: CallOptions = {}): Promise<RankAnswer | NoAnswer> {
    checkRankRequest(request);
    return this.#call(options, (checkpoint) => this.#rank(request, checkpoint));
  }

  async compare(request: CompareRequest, options: CallOptions = {}): Promise<CompareAnswer | NoAnswer> {
    checkCompareRequest(request);
    return this.#call(options, (checkpoint) => this.#compare(request, checkpoint));
  }

  async rate(request: RateRequest, options: CallOptions = {}): Promise<RateAnswer | NoAnswer> {
    checkRateRequest(request);
    return this.#call(options, (checkpoint) => this.#rate(request, checkpoint));
  }

  async choose(request: RankRequest, options: CallOptions = {}): Promise<ChooseAnswer | NoAnswer> {
    checkRankRequest(request);
    return this.#call(options, async (checkpoint) => {
      const ranked = await this.#rank(request, checkpoint);
      if (!ranked.answered) return ranked;
      return { answered: true, index: ranked.order[0], probabilities: softmax(ranked.scores) };
    });
  }

  async complete(request: CompleteRequest, options: CallOptions = {}): Promise<CompleteAnswer | NoAnswer> {
    checkCompleteRequest(request);
    return this.#call(options, (checkpoint) => this.#complete(request, checkpoint));
  }

  stats(): ModelStats {
    return this.#counter.snapshot();
  }

  dispose(): Promise<void> {
    this.#disposal ??= this.#queue.run(async () => {
      await this.#context.dispose();
      await this.#model.dispose();
    });
    return this.#disposal;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  #ensureOpen(): void {
    if (this.#disposal) throw new Llama4RecError("E_DISPOSED", "language model: used after dispose()");
  }

  async #call<A extends { readonly answered: true }>(
    options: CallOptions,
    work: (checkpoint: Checkpoint) => Promise<A | NoAnswer>,
  ): Promise<A | NoAnswer> {
    this.#ensureOpen();
    const result = await attempt(options, (signal) => {
      const checkpoint = (): void => {
        signal.throwIfAborted();
        if (this.#disposal) throw new DOMException("the language model was disposed", "AbortError");
      };
      return this.#queue.run(async () => {
        checkpoint();
        return work(checkpoint);
      });
    });
    return this.#counter.count(result);
  }

  async #rank(request: RankRequest, checkpoint: Checkpoint): Promise<RankAnswer | NoAnswer> {
    const { candidates, mode, normalization = "sum" } = request;
    const prefix = this.#tokens.prefix(request.prefix);
    if (mode === "labels") {
      const labels = this.#labelTokens("candidates", candidates);
      const logits = await this.#labelLogits(prefix, [], labels, checkpoint);
      return logits instanceof Float64Array
        ? { answered: true, scores: logits, order: orderOf(logits) }
        : logits;
    }
    const tails = candidates.map((candidate) => this.#tokens.continuation(candidate));
    const scores = await this.#logProbabilities(prefix, tails, checkpoint);
    if (!(scores instanceof Float64Array)) return scores;
    if (normalization === "mean") for (const [i, tail] of tails.entries()) scores[i] /= tail.length;
    return { answered: true, scores, order: orderOf(scores) };
  }

  async #compare(request: CompareRequest, checkpoint: Checkpoint): Promise<CompareAnswer | NoAnswer> {
    const prefix = this.#tokens.prefix(request.prefix);
    const labels = this.#labelTokens("labels", request.labels);
    /** Log-odds that the item shown first is preferred, per order. */
    const odds: number[] = [];
    for (const question of request.questions) {
      const logits = await this.#labelLogits(prefix, this.#tokens.continuation(question), labels, checkpoint);
      if (!(logits instanceof Float64Array)) return logits;
      odds.push(logits[0] - logits[1]);
    }
    const margin = (odds[0] - odds[1]) / 2;
    return {
      answered: true,
      preferred: margin >= 0 ? 0 : 1,
      margin: Math.abs(margin),
      consistent: odds[0] * odds[1] < 0,
    };
  }

  async #rate(request: RateRequest, checkpoint: Checkpoint): Promise<RateAnswer | NoAnswer> {
    const prefix = this.#tokens.prefix(request.prefix);
    const tails = request.scale.map((value) => this.#tokens.continuation(` ${value}`));
    const single =
      new Set(tails.filter((tail) => tail.length === 1).map((tail) => tail[0])).size === tails.length;
    // Ratings of several tokens ("10", "4.5") need their end marked, lest "1" win by being the start of "10".
    const scores = single
      ? await this.#labelLogits(prefix, [], tails.flat(), checkpoint)
      : await this.#logProbabilities(
          prefix,
          request.scale.map((value) => this.#tokens.continuation(` ${value}\n`)),
          checkpoint,
        );
    if (!(scores instanceof Float64Array)) return scores;
    const probabilities = softmax(scores);
    const rating = probabilities.reduce((sum, p, i) => sum + p * request.scale[i], 0);
    return { answered: true, rating, probabilities };
  }

  async #complete(request: CompleteRequest, checkpoint: Checkpoint): Promise<CompleteAnswer | NoAnswer> {
    const { maxTokens, stop = [] } = request;
    const prompt = this.#tokens.prefix(request.prompt);
    const tooLong = this.#tooLong(prompt, maxTokens);
    if (tooLong) return tooLong;
    await this.#sequence.hold(prompt, checkpoint);
    const answer: Token[] = [];
    for await (const token of this.#sequence.generate()) {
      checkpoint();
      if (this.#model.isEogToken(token)) break;
      answer.push(token);
      const text = this.#model.detokenize(answer, false, prompt);
      const end = Math.min(...stop.map((s) => text.indexOf(s)).filter((at) => at >= 0));
      if (Number.isFinite(end)) return { answered: true, text: text.slice(0, end), ended: "stop" };
      if (answer.length === maxTokens) return { answered: true, text, ended: "length" };
    }
    return { answered: true, text: this.#model.detokenize(answer, false, prompt), ended: "end" };
  }

  /** Log-probability of each tail after the prefix, in nats. `[tails]` */
  async #logProbabilities(
    prefix: readonly Token[],
    tails: readonly (readonly Token[])[],
    checkpoint: Checkpoint,
  ): Promise<Float64Array | NoAnswer> {
    const tooLong = this.#tooLong(prefix, Math.max(...tails.map((tail) => tail.length)));
    if (tooLong) return tooLong;
    await this.#sequence.hold(prefix, checkpoint);
    const scores = new Float64Array(tails.length);
    for (const [i, tail] of tails.entries()) {
      checkpoint();
      const reads = await this.#sequence.read(
        tail.slice(0, -1),
        tail.map((token) => [token]),
      );
      for (const [at, token] of tail.entries()) scores[i] += logitOf(reads[at], token) - logSumOf(reads[at]);
    }
    return scores;
  }

  /** Raw logits of the labels after prefix and tail. `[labels]` */
  async #labelLogits(
    prefix: readonly Token[],
    tail: readonly Token[],
    labels: readonly Token[],
    checkpoint: Checkpoint,
  ): Promise<Float64Array | NoAnswer> {
    const tooLong = this.#tooLong(prefix, tail.length);
    if (tooLong) return tooLong;
    await this.#sequence.hold(prefix, checkpoint);
    checkpoint();
    const reads = await this.#sequence.read(tail, [...tail.map(() => undefined), labels]);
    return Float64Array.from(labels, (label) => logitOf(reads[tail.length], label));
  }

  #labelTokens(name: string, labels: readonly string[]): Token[] {
    const seen = new Set<Token>();
    return labels.map((text, i) => {
      const token = this.#tokens.label(text);
      if (token === null || seen.has(token)) {
        throw argumentError(`${name}[${i}]`, "a label that is one token of its own, see labels()", text);
      }
      seen.add(token);
      return token;
    });
  }

  #tooLong(prefix: readonly Token[], tailLength: number): NoAnswer | null {
    const limit = this.#context.contextSize - RESERVED_TOKENS;
    if (prefix.length + tailLength <= limit) return null;
    return noAnswer("too-long", `${prefix.length} + ${tailLength} tokens do not fit the context of ${limit}`);
  }
}

type Read = Awaited<ReturnType<PrefixSequence["read"]>>[number];

function logitOf(read: Read, token: Token): number {
  const logit = read?.logits.get(token);
  if (logit === undefined) throw new Error("llama.cpp returned no logit for an asked token");
  return logit;
}

function logSumOf(read: Read): number {
  if (!read) throw new Error("llama.cpp returned no logits for an asked position");
  return read.logSum;
}

async function open(
  runtime: LlamaRuntime,
  path: string,
  { threads, gpu, contextSize }: { threads: number; gpu: false | "auto"; contextSize?: number },
): Promise<{ model: LlamaModel; context: LlamaContext }> {
  let model: LlamaModel | undefined;
  runtime.errors.length = 0;
  try {
    model = await runtime.llama.loadModel({ modelPath: path, gpuLayers: gpu === false ? 0 : "auto" });
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
      sequences: 1,
      batchSize: BATCH_TOKENS,
      threads,
      // On the CPU flash attention makes short tails three times slower.
      flashAttention: gpu === false ? false : "auto",
    });
    return { model, context };
  } catch (cause) {
    await model?.dispose();
    if (cause instanceof Llama4RecError) throw cause;
    const log = runtime.errors.length > 0 ? ` (${runtime.errors.join("; ")})` : "";
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Llama4RecError(
      "E_GGUF",
      `${path}: expected a GGUF that llama.cpp can load, got: ${reason}${log}`,
      {
        cause,
      },
    );
  }
}

function checkLoadOptions({
  modelPath,
  threads = 1,
  gpu = false,
  contextSize = DEFAULT_CONTEXT,
  sha256,
}: LlamaOptions): void {
  if (typeof modelPath !== "string" || modelPath === "")
    throw argumentError("modelPath", "a file path", modelPath);
  if (!Number.isInteger(threads) || threads < 1)
    throw argumentError("threads", "a positive integer", threads);
  if (gpu !== false && gpu !== "auto") throw argumentError("gpu", 'false or "auto"', gpu);
  if (!Number.isInteger(contextSize) || contextSize < 16) {
    throw argumentError("contextSize", "an integer of at least 16", contextSize);
  }
  if (sha256 !== undefined && !/^[0-9a-f]{64}$/i.test(sha256)) {
    throw argumentError("sha256", "64 hexadecimal digits", sha256);
  }
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: 2 ** 20 }), hash);
  return hash.digest("hex");
}
