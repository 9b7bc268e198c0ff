import { sha256Of } from "../storage/blocks.js";
import type { AnswerCache } from "./answerCache.js";
import { decodeAnswer, encodeAnswer } from "./answerCodec.js";
import { CallCounter } from "./attempt.js";
import {
  chooseAnswerFault,
  compareAnswerFault,
  completeAnswerFault,
  rankAnswerFault,
  rateAnswerFault,
} from "./checks.js";
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
import { checkCompareRequest, checkCompleteRequest, checkRankRequest, checkRateRequest } from "./requests.js";

/** Changes when the same key could mean another answer. */
const CACHE_VERSION = 1;

/**
 * A model that asks another one only what the cache does not know. The key is the SHA-256 of the model's id, the kind of
 * call and the whole request with its template version; only answers are kept, never "no answer"; a cached answer
 * equals the fresh one bit for bit. A damaged entry counts as absent and a failing cache never fails a call.
 *
 * @example
 * ```ts
 * const model = new CachedLanguageModel(checked(llama), openAnswerCache("./answers"));
 * ```
 */
export class CachedLanguageModel implements LanguageModel {
  readonly #model: LanguageModel;
  readonly #cache: AnswerCache;
  readonly #counter = new CallCounter();
  #disposal: Promise<void> | null = null;

  /** Owns both: disposing it disposes the model and closes the cache. */
  constructor(model: LanguageModel, cache: AnswerCache) {
    this.#model = model;
    this.#cache = cache;
  }

  get id(): string {
    return this.#model.id;
  }

  get contextSize(): number {
    return this.#model.contextSize;
  }

  countTokens(text: string): number {
    return this.#model.countTokens(text);
  }

  labels(count: number): LabelSet | null {
    return this.#model.labels(count);
  }

  async rank(request: RankRequest, options: CallOptions = {}): Promise<RankAnswer | NoAnswer> {
    checkRankRequest(request);
    const fault = (answer: RankAnswer) => rankAnswerFault(answer, request);
    return this.#cached(rankKey("rank", request), () => this.#model.rank(request, options), fault);
  }

  async compare(request: CompareRequest, options: CallOptions = {}): Promise<CompareAnswer | NoAnswer> {
    checkCompareRequest(request);
    const { prefix, questions, labels, template } = request;
    const key = ["compare", prefix, questions, labels, template];
    return this.#cached(key, () => this.#model.compare(request, options), compareAnswerFault);
  }

  async rate(request: RateRequest, options: CallOptions = {}): Promise<RateAnswer | NoAnswer> {
    checkRateRequest(request);
    const { prefix, scale, template } = request;
    const fault = (answer: RateAnswer) => rateAnswerFault(answer, request);
    return this.#cached(["rate", prefix, scale, template], () => this.#model.rate(request, options), fault);
  }

  async choose(request: RankRequest, options: CallOptions = {}): Promise<ChooseAnswer | NoAnswer> {
    checkRankRequest(request);
    const fault = (answer: ChooseAnswer) => chooseAnswerFault(answer, request);
    return this.#cached(rankKey("choose", request), () => this.#model.choose(request, options), fault);
  }

  async complete(request: CompleteRequest, options: CallOptions = {}): Promise<CompleteAnswer | NoAnswer> {
    checkCompleteRequest(request);
    const { prompt, maxTokens, stop = [], grammar, template } = request;
    const fault = (answer: CompleteAnswer) => completeAnswerFault(answer, request);
    const key = ["complete", prompt, maxTokens, stop, grammar, template];
    return this.#cached(key, () => this.#model.complete(request, options), fault);
  }

  stats(): ModelStats {
    const { evaluatedTokens, reusedTokens } = this.#model.stats();
    return { ...this.#counter.snapshot(), evaluatedTokens, reusedTokens };
  }

  dispose(): Promise<void> {
    this.#disposal ??= this.#model.dispose().finally(() => this.#cache.close());
    return this.#disposal;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  async #cached<A extends { readonly answered: true }>(
    request: readonly unknown[],
    ask: () => Promise<A | NoAnswer>,
    fault: (answer: A) => string | null,
  ): Promise<A | NoAnswer> {
    const key = hash([CACHE_VERSION, this.#model.id, ...request]);
    const known = this.#disposal ? undefined : this.#lookUp(key, fault);
    if (known) {
      this.#counter.cacheHits++;
      return this.#counter.count(known);
    }
    const result = await ask();
    if (result.answered && !this.#disposal)
      await this.#cache.put(key, encodeAnswer(result)).catch(() => undefined);
    return this.#counter.count(result);
  }

  #lookUp<A extends { readonly answered: true }>(
    key: string,
    fault: (answer: A) => string | null,
  ): A | undefined {
    const text = readQuietly(this.#cache, key);
    const answer = text === undefined ? null : decodeAnswer(text);
    return isAnswer<A>(answer, fault) ? answer : undefined;
  }
}

function readQuietly(cache: AnswerCache, key: string): string | undefined {
  try {
    return cache.get(key);
  } catch {
    return undefined;
  }
}

function isAnswer<A extends { readonly answered: true }>(
  value: object | null,
  fault: (answer: A) => string | null,
): value is A {
  if (value === null || !("answered" in value) || value.answered !== true) return false;
  return fault(value as A) === null;
}

function rankKey(kind: "rank" | "choose", request: RankRequest): unknown[] {
  const { prefix, candidates, mode, normalization = "sum", template } = request;
  return [kind, prefix, candidates, mode, normalization, template];
}

function hash(parts: readonly unknown[]): string {
  return sha256Of([JSON.stringify(parts)]);
}
