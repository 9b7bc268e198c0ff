import { resolve } from "node:path";
import { cpuInfo } from "../../native/addon.js";
import { argumentError } from "../../native/errors.js";
import { sha256Of } from "../../storage/blocks.js";
import { Answers } from "../answers.js";
import { Calls } from "../calls.js";
import { type ChatFormat, type ChatOption, chatOf, checkChat } from "../chat.js";
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
import { promptTokens, type Tokens } from "../tokens.js";
import { PassEvaluator } from "./passEvaluator.js";
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
  readonly chat?: ChatOption;
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
  readonly #tokens: Tokens<number>;
  readonly #calls: Calls<PassRunner>;
  readonly #answers: Answers<number, PassRunner>;
  readonly #runner: PassRunner;

  private constructor(id: string, file: PocketFile, chat: ChatFormat, limit: number, runner: PassRunner) {
    const { tokenizer } = file;
    this.id = id;
    this.#tokens = promptTokens(tokenizer, chat);
    this.contextSize = limit - this.#tokens.overhead;
    this.#calls = new Calls([runner]);
    const { counter } = this.#calls;
    this.#answers = new Answers({
      tokens: this.#tokens,
      limit,
      calls: this.#calls,
      evaluatorOf: (signal) => new PassEvaluator(tokenizer, runner, counter, signal),
    });
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
    checkChat(options.chat);
    const file = await openPocketFile(resolve(modelPath), pinned);
    const { path, sha256, header, shape } = file;
    const { contextSize: limit = Math.min(shape.context, DEFAULT_CONTEXT) } = options;
    if (!Number.isInteger(limit) || limit < 16 || limit > shape.context)
      throw argumentError(
        "contextSize",
        `an integer in 16..${shape.context}, which the model was trained on`,
        limit,
      );
    const chat = chatOf(header, options.chat);
    const settings = [EVALUATION_PATH, sha256, limit, chat, cpuInfo().level];
    const id = sha256Of([JSON.stringify(settings)]);
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

  async complete(request: CompleteRequest, options: CallOptions = {}): Promise<CompleteAnswer | NoAnswer> {
    const { grammar } = request;
    if (grammar !== undefined)
      throw argumentError("grammar", "none: a pocket model knows no grammars", grammar);
    return this.#answers.complete(request, options);
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
}
