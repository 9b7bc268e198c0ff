import type { Token } from "node-llama-cpp";
import { Answers } from "./answers.js";
import { CallCounter } from "./attempt.js";
import { Calls } from "./calls.js";
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
import type { LlamaMemory, LlamaOptions } from "./load.js";
import { type OpenLlama, openLlama } from "./openLlama.js";
import { PrefixSequence } from "./prefixSequence.js";
import { SequenceEvaluator } from "./sequenceEvaluator.js";
import { Tokens } from "./tokens.js";

// llama.cpp's binding shifts the context when its last cell is taken.
const RESERVED_TOKENS = 1;

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
  readonly #tokens: Tokens<Token>;
  readonly #calls: Calls<PrefixSequence>;
  readonly #answers: Answers<Token, PrefixSequence>;
  readonly #free: () => Promise<void>;

  private constructor({ id, runtime, model, context, chat, chunk, memory }: OpenLlama, sequences: number) {
    this.id = id;
    this.memory = memory;
    this.#tokens = new Tokens(model, chat);
    const limit = context.contextSize - RESERVED_TOKENS;
    this.contextSize = limit - this.#tokens.overhead;
    const counter = new CallCounter();
    const lanes = Array.from(
      { length: sequences },
      () => new PrefixSequence(context.getSequence(), chunk, counter),
    );
    this.#calls = new Calls(lanes, counter);
    this.#answers = new Answers({
      tokens: this.#tokens,
      limit,
      calls: this.#calls,
      evaluatorOf: (signal, sequence) => new SequenceEvaluator(runtime, model, sequence, signal),
    });
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

  rank(request: RankRequest, options: CallOptions = {}): Promise<RankAnswer | NoAnswer> {
    return this.#answers.rank(request, options);
  }

  compare(request: CompareRequest, options: CallOptions = {}): Promise<CompareAnswer | NoAnswer> {
    return this.#answers.compare(request, options);
  }

  rate(request: RateRequest, options: CallOptions = {}): Promise<RateAnswer | NoAnswer> {
    return this.#answers.rate(request, options);
  }

  choose(request: RankRequest, options: CallOptions = {}): Promise<ChooseAnswer | NoAnswer> {
    return this.#answers.choose(request, options);
  }

  complete(request: CompleteRequest, options: CallOptions = {}): Promise<CompleteAnswer | NoAnswer> {
    return this.#answers.complete(request, options);
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
}
