import type { LlamaModel, Token } from "node-llama-cpp";
import { CallCounter, noAnswer } from "./attempt.js";
import { Calls } from "./calls.js";
import { beginGrammar } from "./grammar.js";
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
import { tokenTree, writeList } from "./listing.js";
import type { LlamaRuntime } from "./llamaRuntime.js";
import type { LlamaMemory, LlamaOptions } from "./load.js";
import { type OpenLlama, openLlama } from "./openLlama.js";
import { PrefixSequence } from "./prefixSequence.js";
import { ratingText } from "./prompts/render.js";
import { orderOf, softmax } from "./ranking.js";
import { checkCompareRequest, checkCompleteRequest, checkRankRequest, checkRateRequest } from "./requests.js";
import { Tokens } from "./tokens.js";

// llama.cpp's binding shifts the context when its last cell is taken.
const RESERVED_TOKENS = 1;

/** What works on one request: a sequence, and the signal that ends it between two evaluations. */
interface Desk {
  readonly sequence: PrefixSequence;
  readonly checkpoint: () => void;
}

/**
 * A Llama GGUF run by llama.cpp in this process, through the optional package node-llama-cpp. Calls queue up and run
 * one at a time, or as many as there are sequences; on one sequence the same request always gets the same bits, whatever
 * ran before. Texts are plain text: special tokens spelt in them stay text, only the marks of the chat format are more.
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
  /** Estimated when it was loaded. */
  readonly memory: LlamaMemory;
  readonly #runtime: LlamaRuntime;
  readonly #model: LlamaModel;
  readonly #tokens: Tokens<Token>;
  /** Tokens of one sequence, those that are no text of the request included. */
  readonly #limit: number;
  readonly #calls: Calls<PrefixSequence>;
  readonly #free: () => Promise<void>;

  private constructor({ id, runtime, model, context, chat, chunk, memory }: OpenLlama, sequences: number) {
    this.id = id;
    this.memory = memory;
    this.#runtime = runtime;
    this.#model = model;
    this.#tokens = new Tokens(model, chat);
    this.#limit = context.contextSize - RESERVED_TOKENS;
    this.contextSize = this.#limit - this.#tokens.overhead;
    const counter = new CallCounter();
    const lanes = Array.from(
      { length: sequences },
      () => new PrefixSequence(context.getSequence(), chunk, counter),
    );
    this.#calls = new Calls(lanes, counter);
    this.#free = async () => {
      await context.dispose();
      await model.dispose();
    };
  }

  /**
   * Checks the file's header, then loads it.
   *
   * @throws Llama4RecError `E_ARGUMENT`; `E_FILE` if a file is missing; `E_GGUF` if one is no GGUF, is truncated, is
   * not the pinned one or llama.cpp refuses it; `E_MISMATCH` if an adapter was made for another model; `E_DEPENDENCY` if
   * node-llama-cpp is not installed. The signal's reason when aborted.
   */
  static async load(options: LlamaOptions): Promise<LlamaCpp> {
    return new LlamaCpp(await openLlama(options), options.sequences ?? 1);
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
    return this.#call(options, (desk) => this.#rank(request, desk));
  }

  async compare(request: CompareRequest, options: CallOptions = {}): Promise<CompareAnswer | NoAnswer> {
    checkCompareRequest(request);
    return this.#call(options, (desk) => this.#compare(request, desk));
  }

  async rate(request: RateRequest, options: CallOptions = {}): Promise<RateAnswer | NoAnswer> {
    checkRateRequest(request);
    return this.#call(options, (desk) => this.#rate(request, desk));
  }

  async choose(request: RankRequest, options: CallOptions = {}): Promise<ChooseAnswer | NoAnswer> {
    checkRankRequest(request);
    return this.#call(options, async (desk) => {
      const ranked = await this.#rank(request, desk);
      if (!ranked.answered) return ranked;
      return { answered: true, index: ranked.order[0], probabilities: softmax(ranked.scores) };
    });
  }

  async complete(request: CompleteRequest, options: CallOptions = {}): Promise<CompleteAnswer | NoAnswer> {
    checkCompleteRequest(request);
    return this.#call(options, (desk) => this.#complete(request, desk));
  }

  stats(): ModelStats {
    return this.#calls.counter.snapshot();
  }

  dispose(): Promise<void> {
    return this.#calls.dispose(this.#free);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  #call<A extends { readonly answered: true }>(
    options: CallOptions,
    work: (desk: Desk) => Promise<A | NoAnswer>,
  ): Promise<A | NoAnswer> {
    return this.#calls.call(options, (signal, sequence) =>
      work({ sequence, checkpoint: () => signal.throwIfAborted() }),
    );
  }

  async #rank(request: RankRequest, desk: Desk): Promise<RankAnswer | NoAnswer> {
    const { candidates, mode, normalization = "sum" } = request;
    const prefix = this.#tokens.turn(request.prefix);
    if (mode === "labels") {
      const labels = this.#tokens.labelTokens("candidates", candidates);
      const logits = await this.#labelLogits(prefix, [], labels, desk);
      return logits instanceof Float64Array
        ? { answered: true, scores: logits, order: orderOf(logits) }
        : logits;
    }
    const tails = candidates.map((candidate) => this.#tokens.continuation(candidate));
    if (mode === "listing") return this.#list(prefix, tails, candidates, desk);
    const scores = await this.#logProbabilities(prefix, tails, desk);
    if (!(scores instanceof Float64Array)) return scores;
    if (normalization === "mean") for (const [i, tail] of tails.entries()) scores[i] /= tail.length;
    return { answered: true, scores, order: orderOf(scores) };
  }

  async #list(
    prefix: readonly Token[],
    tails: readonly (readonly Token[])[],
    texts: readonly string[],
    { sequence, checkpoint }: Desk,
  ): Promise<RankAnswer | NoAnswer> {
    const tree = tokenTree(tails, texts);
    const length = tails.reduce((sum, tail) => sum + tail.length, 0);
    const tooLong = this.#tooLong(prefix, length);
    if (tooLong) return tooLong;
    await sequence.hold(prefix, checkpoint);
    const order = await writeList(tree, async (written, allowed) => {
      checkpoint();
      const next = await sequence.append(written, allowed);
      return allowed.reduce((best, token) => (logitOf(next, token) > logitOf(next, best) ? token : best));
    });
    const scores = new Float64Array(order.length);
    for (const [place, position] of order.entries()) scores[position] = 0 - place;
    return { answered: true, scores, order };
  }

  async #compare(request: CompareRequest, desk: Desk): Promise<CompareAnswer | NoAnswer> {
    const prefix = this.#tokens.prefix(request.prefix);
    const labels = this.#tokens.labelTokens("labels", request.labels);
    /** Log-odds that the item shown first is preferred, per order. */
    const odds: number[] = [];
    for (const question of request.questions) {
      const tail = [...this.#tokens.continuation(question), ...this.#tokens.answer];
      const logits = await this.#labelLogits(prefix, tail, labels, desk);
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

  async #rate(request: RateRequest, desk: Desk): Promise<RateAnswer | NoAnswer> {
    const prefix = this.#tokens.turn(request.prefix);
    const texts = request.scale.map(ratingText);
    const tails = texts.map((text) => this.#tokens.continuation(text));
    const single =
      new Set(tails.filter((tail) => tail.length === 1).map((tail) => tail[0])).size === tails.length;
    // Ratings of several tokens ("10", "4.5") need their end marked, lest "1" win by being the start of "10".
    const marked = texts.map((text) => this.#tokens.continuation(`${text}\n`));
    const scores = single
      ? await this.#labelLogits(prefix, [], tails.flat(), desk)
      : await this.#logProbabilities(prefix, marked, desk);
    if (!(scores instanceof Float64Array)) return scores;
    const probabilities = softmax(scores);
    const rating = probabilities.reduce((sum, p, i) => sum + p * request.scale[i], 0);
    return { answered: true, rating, probabilities };
  }

  async #complete(
    request: CompleteRequest,
    { sequence, checkpoint }: Desk,
  ): Promise<CompleteAnswer | NoAnswer> {
    const { maxTokens, stop = [], grammar } = request;
    const prompt = this.#tokens.turn(request.prompt);
    const tooLong = this.#tooLong(prompt, maxTokens);
    if (tooLong) return tooLong;
    const state = grammar === undefined ? undefined : await beginGrammar(this.#runtime, this.#model, grammar);
    await sequence.hold(prompt, checkpoint);
    const answer: Token[] = [];
    const textOf = (tokens: readonly Token[]): string => this.#model.detokenize(tokens, false, prompt);
    for await (const token of sequence.generate(state)) {
      checkpoint();
      answer.push(token);
      const { close } = this.#tokens;
      if (close.length > 0 && close.every((token, i) => token === answer.at(i - close.length)))
        return { answered: true, text: textOf(answer.slice(0, -close.length)), ended: "end" };
      const text = textOf(answer);
      const end = Math.min(...stop.map((s) => text.indexOf(s)).filter((at) => at >= 0));
      if (Number.isFinite(end)) return { answered: true, text: text.slice(0, end), ended: "stop" };
      if (answer.length === maxTokens) return { answered: true, text, ended: "length" };
    }
    return { answered: true, text: textOf(answer), ended: "end" };
  }

  /** Log-probability of each tail after the prefix, in nats. `[tails]` */
  async #logProbabilities(
    prefix: readonly Token[],
    tails: readonly (readonly Token[])[],
    { sequence, checkpoint }: Desk,
  ): Promise<Float64Array | NoAnswer> {
    const tooLong = this.#tooLong(prefix, longest(tails));
    if (tooLong) return tooLong;
    await sequence.hold(prefix, checkpoint);
    const scores = new Float64Array(tails.length);
    for (const [i, tail] of tails.entries()) {
      checkpoint();
      const reads = await sequence.read(
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
    { sequence, checkpoint }: Desk,
  ): Promise<Float64Array | NoAnswer> {
    const tooLong = this.#tooLong(prefix, tail.length);
    if (tooLong) return tooLong;
    await sequence.hold(prefix, checkpoint);
    checkpoint();
    const reads = await sequence.read(tail, [...tail.map(() => undefined), labels]);
    return Float64Array.from(labels, (label) => logitOf(reads[tail.length], label));
  }

  #tooLong(prefix: readonly Token[], tailLength: number): NoAnswer | null {
    if (prefix.length + tailLength <= this.#limit) return null;
    return noAnswer(
      "too-long",
      `${prefix.length} + ${tailLength} tokens do not fit the context of ${this.#limit}`,
    );
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

function longest(tails: readonly (readonly Token[])[]): number {
  return Math.max(...tails.map((tail) => tail.length));
}
