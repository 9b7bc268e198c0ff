import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { cpuInfo } from "../../native/addon.js";
import { argumentError } from "../../native/errors.js";
import { noAnswer } from "../attempt.js";
import { Calls } from "../calls.js";
import { type ChatFormat, chatFormatOf, NO_CHAT } from "../chat.js";
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
} from "../languageModel.js";
import { tokenTree, writeList } from "../listing.js";
import { ratingText } from "../prompts/render.js";
import { orderOf, softmax } from "../ranking.js";
import {
  checkCompareRequest,
  checkCompleteRequest,
  checkRankRequest,
  checkRateRequest,
} from "../requests.js";
import type { Tokenizer } from "../tokenizer/tokenizer.js";
import { Tokens } from "../tokens.js";
import { batchOf } from "./batch.js";
import { likelihoodPasses } from "./likelihood.js";
import type { Pass } from "./pass.js";
import { InlineRunner, type PassRunner } from "./passRunner.js";
import { PassWorker } from "./passWorker.js";
import { openPocketFile, type PocketFile } from "./pocketFile.js";

/** Changes whenever the same request could get other bits than before: part of {@link LanguageModel.id}. */
const EVALUATION_PATH = "pocket-1";

const DEFAULT_CONTEXT = 4096;
const MOST_THREADS = 256;

/** Options of {@link PocketLlama.load}. */
export interface PocketLlamaOptions {
  /** A GGUF file of the Llama family in F32, F16 or Q8_0, of at most 50 million parameters, with an SPM vocabulary. */
  readonly modelPath: string;
  /** Tokens the model sees at once, at least 16. Default: what it was trained on, at most 4096. */
  readonly contextSize?: number;
  /** SHA-256 that the file must have, in hexadecimal. */
  readonly sha256?: string;
  /** How a user's turn is marked: `"auto"`, the default, as the file says; `"none"` sends texts as they are. */
  readonly chat?: "auto" | "none" | ChatFormat;
  /** Threads of the native pool that a pass takes at most. Default 1. Answers have the same bits at any number. */
  readonly threads?: number;
  /**
   * False: passes run on the calling thread, which they hold for one block at a time, and take as many threads of the
   * pool as its other work. Default true: they run on a thread of their own.
   */
  readonly worker?: boolean;
}

/**
 * A small Llama GGUF run by the package's own engine, the one that trained it: nothing else has to be installed. A prefix
 * and all that may follow it go through the network in one masked pass. Calls queue up and run one at a time; the same
 * request always gets the same bits, at any number of threads.
 *
 * @example
 * ```ts
 * await using model = await PocketLlama.load({ modelPath: "pocket.gguf" });
 * const answer = await model.rank({ prefix: "Alien\nAliens\n", candidates: ["Alien 3\n", "Heidi\n"], mode: "likelihood" });
 * if (answer.answered) console.log(answer.order);
 * ```
 */
export class PocketLlama implements LanguageModel {
  readonly id: string;
  readonly contextSize: number;
  readonly #tokenizer: Tokenizer;
  readonly #tokens: Tokens<number>;
  /** Tokens of a context, those that are no text included. */
  readonly #limit: number;
  readonly #calls: Calls<PassRunner>;
  readonly #runner: PassRunner;

  private constructor(id: string, file: PocketFile, chat: ChatFormat, limit: number, runner: PassRunner) {
    const { tokenizer } = file;
    const { bos, addBos } = tokenizer.vocabulary;
    this.id = id;
    this.#tokenizer = tokenizer;
    this.#tokens = new Tokens(
      {
        tokenize: (text, special) => [...(special ? tokenizer.encodeSpecial(text) : tokenizer.encode(text))],
        tokens: { bos, shouldPrependBosToken: addBos },
      },
      chat,
    );
    this.#limit = limit;
    this.contextSize = limit - this.#tokens.overhead;
    this.#calls = new Calls([runner]);
    this.#runner = runner;
  }

  /**
   * Checks and reads the file.
   *
   * @throws Llama4RecError `E_ARGUMENT`, also for a GGUF that only llama.cpp can run; `E_FILE` if the file is missing;
   * `E_GGUF` if it is no GGUF, is truncated or is not the pinned one; `E_ADDON` if the engine is not built.
   */
  static async load(options: PocketLlamaOptions): Promise<PocketLlama> {
    const { modelPath, sha256: pinned, threads = 1, worker = true } = options;
    if (typeof modelPath !== "string" || modelPath === "")
      throw argumentError("modelPath", "a file path", modelPath);
    if (!Number.isInteger(threads) || threads < 1 || threads > MOST_THREADS)
      throw argumentError("threads", `an integer in 1..${MOST_THREADS}`, threads);
    const file = await openPocketFile(resolve(modelPath), pinned);
    const { path, sha256, header, shape } = file;
    const { contextSize: limit = Math.min(shape.context, DEFAULT_CONTEXT) } = options;
    if (!Number.isInteger(limit) || limit < 16 || limit > shape.context)
      throw argumentError(
        "contextSize",
        `an integer in 16..${shape.context}, which the model was trained on`,
        limit,
      );
    const { chat: asked = "auto" } = options;
    const chat = asked === "auto" ? chatFormatOf(header) : asked === "none" ? NO_CHAT : asked;
    const settings = [EVALUATION_PATH, sha256, limit, chat, cpuInfo().level];
    const id = createHash("sha256").update(JSON.stringify(settings)).digest("hex");
    const runner = worker
      ? await PassWorker.start({ path, sha256, threads })
      : await InlineRunner.start(path, sha256);
    return new PocketLlama(id, file, chat, limit, runner);
  }

  countTokens(text: string): number {
    this.#calls.ensureOpen();
    return this.#tokens.count(text);
  }

  labels(count: number): LabelSet | null {
    this.#calls.ensureOpen();
    return this.#tokens.labels(count);
  }

  async rank(request: RankRequest, options: CallOptions = {}): Promise<RankAnswer | NoAnswer> {
    checkRankRequest(request);
    return this.#calls.call(options, (signal) => this.#rank(request, signal));
  }

  async compare(request: CompareRequest, options: CallOptions = {}): Promise<CompareAnswer | NoAnswer> {
    checkCompareRequest(request);
    return this.#calls.call(options, (signal) => this.#compare(request, signal));
  }

  async rate(request: RateRequest, options: CallOptions = {}): Promise<RateAnswer | NoAnswer> {
    checkRateRequest(request);
    return this.#calls.call(options, (signal) => this.#rate(request, signal));
  }

  async choose(request: RankRequest, options: CallOptions = {}): Promise<ChooseAnswer | NoAnswer> {
    checkRankRequest(request);
    return this.#calls.call(options, async (signal) => {
      const ranked = await this.#rank(request, signal);
      if (!ranked.answered) return ranked;
      return { answered: true, index: ranked.order[0], probabilities: softmax(ranked.scores) };
    });
  }

  async complete(request: CompleteRequest, options: CallOptions = {}): Promise<CompleteAnswer | NoAnswer> {
    checkCompleteRequest(request);
    return this.#calls.call(options, (signal) => this.#complete(request, signal));
  }

  stats(): ModelStats {
    return this.#calls.counter.snapshot();
  }

  dispose(): Promise<void> {
    return this.#calls.dispose(() => this.#runner.dispose());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  async #rank(request: RankRequest, signal: AbortSignal): Promise<RankAnswer | NoAnswer> {
    const { prefix, candidates, mode, normalization = "sum" } = request;
    const prompt = this.#tokens.turn(prefix);
    if (mode === "listing") return this.#list(prompt, candidates, signal);
    if (mode === "labels") {
      const labels = this.#tokens.labelTokens("candidates", candidates);
      const logits = await this.#labelLogits(prompt, [], labels, signal);
      return logits instanceof Float64Array
        ? { answered: true, scores: logits, order: orderOf(logits) }
        : logits;
    }
    const tails = candidates.map((candidate) => this.#tokens.continuation(candidate));
    const scores = await this.#logProbabilities(prompt, tails, signal);
    if (!(scores instanceof Float64Array)) return scores;
    if (normalization === "mean") for (const [i, tail] of tails.entries()) scores[i] /= tail.length;
    return { answered: true, scores, order: orderOf(scores) };
  }

  async #list(
    prompt: readonly number[],
    candidates: readonly string[],
    signal: AbortSignal,
  ): Promise<RankAnswer | NoAnswer> {
    const tails = candidates.map((candidate) => this.#tokens.continuation(candidate));
    const tooLong = this.#tooLong(prompt, tails.flat().length);
    if (tooLong) return tooLong;
    const tokens = [...prompt];
    const order = await writeList(tokenTree(tails, candidates), async (written, allowed) => {
      tokens.push(...written);
      return allowed[highest(await this.#next(tokens, Int32Array.from(allowed), signal))];
    });
    const scores = new Float64Array(candidates.length);
    for (const [place, candidate] of order.entries()) scores[candidate] = 0 - place;
    return { answered: true, scores, order };
  }

  async #compare(request: CompareRequest, signal: AbortSignal): Promise<CompareAnswer | NoAnswer> {
    const labels = this.#tokens.labelTokens("labels", request.labels);
    const { answer } = this.#tokens;
    const tails = request.questions.map((question) => [...this.#tokens.continuation(question), ...answer]);
    const logits = await this.#labelLogits(this.#tokens.prefix(request.prefix), tails, labels, signal);
    if (!(logits instanceof Float64Array)) return logits;
    // Log-odds that the item shown first is preferred, per order.
    const [there, back] = [logits[0] - logits[1], logits[2] - logits[3]];
    const margin = (there - back) / 2;
    return {
      answered: true,
      preferred: margin >= 0 ? 0 : 1,
      margin: Math.abs(margin),
      consistent: there * back < 0,
    };
  }

  async #rate({ prefix, scale }: RateRequest, signal: AbortSignal): Promise<RateAnswer | NoAnswer> {
    const prompt = this.#tokens.turn(prefix);
    const tails = scale.map((value) => this.#tokens.continuation(ratingText(value)));
    const single = new Set(tails.filter((tail) => tail.length === 1).flat()).size === tails.length;
    // Ratings of several tokens ("10", "4.5") need their end marked, lest "1" win by being the start of "10".
    const scores = single
      ? await this.#labelLogits(prompt, [], tails.flat(), signal)
      : await this.#logProbabilities(
          prompt,
          scale.map((value) => this.#tokens.continuation(`${ratingText(value)}\n`)),
          signal,
        );
    if (!(scores instanceof Float64Array)) return scores;
    const probabilities = softmax(scores);
    const rating = probabilities.reduce((sum, p, i) => sum + p * scale[i], 0);
    return { answered: true, rating, probabilities };
  }

  async #complete(request: CompleteRequest, signal: AbortSignal): Promise<CompleteAnswer | NoAnswer> {
    const { maxTokens, stop = [], grammar } = request;
    if (grammar !== undefined)
      throw argumentError("grammar", "none: a pocket model knows no grammars", grammar);
    const prompt = this.#tokens.turn(request.prompt);
    const tooLong = this.#tooLong(prompt, maxTokens);
    if (tooLong) return tooLong;
    const { vocabulary } = this.#tokenizer;
    const before = this.#tokenizer.decode(prompt).length;
    const tokens = [...prompt];
    for (let text = ""; ; ) {
      const token = highest(await this.#next(tokens, null, signal));
      if (token === vocabulary.eos) return { answered: true, text, ended: "end" };
      tokens.push(token);
      text = this.#tokenizer.decode(tokens).slice(before);
      const end = Math.min(...stop.map((s) => text.indexOf(s)).filter((at) => at >= 0));
      if (Number.isFinite(end)) return { answered: true, text: text.slice(0, end), ended: "stop" };
      if (tokens.length === prompt.length + maxTokens) return { answered: true, text, ended: "length" };
    }
  }

  /** Log-probability of each tail after the prefix, in nats. `[tails]` */
  async #logProbabilities(
    prefix: readonly number[],
    tails: readonly (readonly number[])[],
    signal: AbortSignal,
  ): Promise<Float64Array | NoAnswer> {
    const tooLong = this.#tooLong(prefix, longest(tails));
    if (tooLong) return tooLong;
    const scores = new Float64Array(tails.length);
    for (const { pass, owners } of likelihoodPasses({ prefix, tails })) {
      const read = await this.#run(pass, signal);
      for (const [i, owner] of owners.entries()) scores[owner] += read[i];
    }
    return scores;
  }

  /** Raw logits of the labels after each tail, or after the prefix if there is none. `[tails x labels]` */
  async #labelLogits(
    prefix: readonly number[],
    tails: readonly (readonly number[])[],
    labels: readonly number[],
    signal: AbortSignal,
  ): Promise<Float64Array | NoAnswer> {
    const tooLong = this.#tooLong(prefix, longest(tails));
    if (tooLong) return tooLong;
    const batch = batchOf([{ prefix, tails }]);
    const rows = batch.segments.subarray(tails.length === 0 ? 1 : 2).map((end) => end - 1);
    return Float64Array.from(
      await this.#run({ batch, rows, read: { kind: "logits", tokens: Int32Array.from(labels) } }, signal),
    );
  }

  /** Raw logits after a text, of some tokens or of all. */
  #next(text: readonly number[], tokens: Int32Array | null, signal: AbortSignal): Promise<Float32Array> {
    const batch = batchOf([{ prefix: text, tails: [] }]);
    return this.#run(
      { batch, rows: Int32Array.of(text.length - 1), read: { kind: "logits", tokens } },
      signal,
    );
  }

  async #run(pass: Pass, signal: AbortSignal): Promise<Float32Array> {
    const read = await this.#runner.run(pass, signal);
    this.#calls.counter.evaluatedTokens += pass.batch.tokens.length;
    return read;
  }

  #tooLong(prefix: readonly number[], tailLength: number): NoAnswer | null {
    if (prefix.length + tailLength <= this.#limit) return null;
    return noAnswer(
      "too-long",
      `${prefix.length} + ${tailLength} tokens do not fit the context of ${this.#limit}`,
    );
  }
}

const longest = (tails: readonly (readonly number[])[]): number =>
  tails.reduce((most, { length }) => Math.max(most, length), 0);

/** Place of the highest logit, the first of several. */
function highest(logits: Float32Array): number {
  const place = logits.indexOf(logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY));
  if (place < 0) throw new Error("the network gave no finite logits");
  return place;
}
