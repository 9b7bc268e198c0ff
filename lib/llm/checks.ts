import { attempt, CallCounter, noAnswer } from "./attempt.js";
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
  NoAnswerReason,
  RankAnswer,
  RankRequest,
  RateAnswer,
  RateRequest,
} from "./languageModel.js";
import { checkCompareRequest, checkCompleteRequest, checkRankRequest, checkRateRequest } from "./requests.js";

/** What is wrong with an answer to a rank request, or null. */
export function rankAnswerFault(answer: RankAnswer, request: RankRequest): string | null {
  const n = request.candidates.length;
  const { scores, order } = answer;
  if (!(scores instanceof Float64Array) || scores.length !== n) return `expected ${n} scores`;
  if (!scores.every(Number.isFinite)) return "a score is not finite";
  if (!(order instanceof Int32Array) || order.length !== n) return `expected an order of ${n} positions`;
  const seen = new Set(order.filter((position) => position >= 0 && position < n));
  if (seen.size !== n) return "the order is not a permutation of the candidates";
  for (let i = 1; i < n; i++) {
    const fall = scores[order[i - 1]] - scores[order[i]];
    if (fall < 0 || (fall === 0 && order[i - 1] > order[i])) return "the order contradicts the scores";
  }
  return null;
}

/** What is wrong with an answer to a compare request, or null. */
export function compareAnswerFault({ preferred, margin, consistent }: CompareAnswer): string | null {
  if (preferred !== 0 && preferred !== 1) return "expected item 0 or 1 to be preferred";
  if (!Number.isFinite(margin) || margin < 0) return "expected a margin of at least 0";
  return typeof consistent === "boolean" ? null : "expected consistent to be true or false";
}

/** What is wrong with an answer to a rate request, or null. */
export function rateAnswerFault(
  { rating, probabilities }: RateAnswer,
  { scale }: RateRequest,
): string | null {
  // The expected value may leave the scale by rounding.
  const slack = 1e-9 * Math.max(Math.abs(scale[0]), Math.abs(scale[scale.length - 1]));
  if (!(rating >= scale[0] - slack && rating <= scale[scale.length - 1] + slack))
    return "the rating is off the scale";
  return distributionFault(probabilities, scale.length);
}

/** What is wrong with an answer to a choose request, or null. */
export function chooseAnswerFault(
  { index, probabilities }: ChooseAnswer,
  request: RankRequest,
): string | null {
  const n = request.candidates.length;
  if (!Number.isInteger(index) || index < 0 || index >= n) return `expected one of ${n} candidates`;
  return distributionFault(probabilities, n);
}

/** What is wrong with an answer to a complete request, or null. */
export function completeAnswerFault(
  { text, ended }: CompleteAnswer,
  request: CompleteRequest,
): string | null {
  if (typeof text !== "string") return "expected a text";
  if (!["end", "stop", "length"].includes(ended)) return "expected to know what ended the text";
  const stop = (request.stop ?? []).find((s) => text.includes(s));
  return stop === undefined ? null : "the text runs past a stop text";
}

function distributionFault(probabilities: Float64Array, n: number): string | null {
  if (!(probabilities instanceof Float64Array) || probabilities.length !== n)
    return `expected ${n} probabilities`;
  if (!probabilities.every((p) => p >= 0 && p <= 1)) return "a probability is outside [0, 1]";
  const total = probabilities.reduce((a, b) => a + b);
  return Math.abs(total - 1) < 1e-6 ? null : "the probabilities do not sum to one";
}

const REASONS: readonly NoAnswerReason[] = ["fault", "timeout", "invalid", "too-long", "aborted"];

/**
 * Wraps any model so that nothing malformed gets past it: every answer is verified before use, deadline and signal hold
 * even when the model hangs, and whatever the model throws becomes "no answer". A model wrapped already is returned as it is, unless a deadline is given.
 *
 * @param options `deadlineMs`: deadline of calls that name none, default none.
 * @example
 * ```ts
 * const model = checked(new MyLanguageModel());
 * const answer = await model.rank(request, { deadlineMs: 100 }); // never throws for a fault
 * ```
 */
export function checked(
  model: LanguageModel,
  { deadlineMs }: Pick<CallOptions, "deadlineMs"> = {},
): LanguageModel {
  const same = model instanceof CheckedLanguageModel && deadlineMs === undefined;
  return same ? model : new CheckedLanguageModel(model, deadlineMs);
}

/** What a call gives, or another value when it throws. */
function orElse<T>(call: () => T, other: T): T {
  try {
    return call();
  } catch {
    return other;
  }
}

/** Whether there are as many names as asked for, all different. */
function isLabelSet({ lead, names }: LabelSet, count: number): boolean {
  const texts = [lead, ...names].every((text) => typeof text === "string");
  return texts && names.length === count && new Set(names).size === count;
}

class CheckedLanguageModel implements LanguageModel {
  readonly #model: LanguageModel;
  readonly #counter = new CallCounter();
  readonly #deadlineMs: number | undefined;

  constructor(model: LanguageModel, deadlineMs?: number) {
    this.#model = model;
    this.#deadlineMs = deadlineMs;
  }

  get id(): string {
    return this.#model.id;
  }

  get contextSize(): number {
    return this.#model.contextSize;
  }

  /** Without an honest count: a token a byte, than which no text has more. */
  countTokens(text: string): number {
    const most = Buffer.byteLength(text);
    const count = orElse(() => this.#model.countTokens(text), most);
    return Number.isInteger(count) && count >= 0 ? count : most;
  }

  labels(count: number): LabelSet | null {
    const labels = orElse(() => this.#model.labels(count), null);
    return labels !== null && isLabelSet(labels, count) ? labels : null;
  }

  async rank(request: RankRequest, options: CallOptions = {}): Promise<RankAnswer | NoAnswer> {
    checkRankRequest(request);
    const verify = (answer: RankAnswer) => rankAnswerFault(answer, request);
    return this.#verified(options, (signal) => this.#model.rank(request, { signal }), verify);
  }

  async compare(request: CompareRequest, options: CallOptions = {}): Promise<CompareAnswer | NoAnswer> {
    checkCompareRequest(request);
    return this.#verified(options, (signal) => this.#model.compare(request, { signal }), compareAnswerFault);
  }

  async rate(request: RateRequest, options: CallOptions = {}): Promise<RateAnswer | NoAnswer> {
    checkRateRequest(request);
    const verify = (answer: RateAnswer) => rateAnswerFault(answer, request);
    return this.#verified(options, (signal) => this.#model.rate(request, { signal }), verify);
  }

  async choose(request: RankRequest, options: CallOptions = {}): Promise<ChooseAnswer | NoAnswer> {
    checkRankRequest(request);
    const verify = (answer: ChooseAnswer) => chooseAnswerFault(answer, request);
    return this.#verified(options, (signal) => this.#model.choose(request, { signal }), verify);
  }

  async complete(request: CompleteRequest, options: CallOptions = {}): Promise<CompleteAnswer | NoAnswer> {
    checkCompleteRequest(request);
    const verify = (answer: CompleteAnswer) => completeAnswerFault(answer, request);
    return this.#verified(options, (signal) => this.#model.complete(request, { signal }), verify);
  }

  stats(): ModelStats {
    const { evaluatedTokens, reusedTokens, cacheHits } = this.#model.stats();
    return { ...this.#counter.snapshot(), evaluatedTokens, reusedTokens, cacheHits };
  }

  dispose(): Promise<void> {
    return this.#model.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  async #verified<A extends { readonly answered: true }>(
    options: CallOptions,
    call: (signal: AbortSignal) => Promise<A | NoAnswer>,
    fault: (answer: A) => string | null,
  ): Promise<A | NoAnswer> {
    const { deadlineMs = this.#deadlineMs, signal } = options;
    const result = await attempt({ deadlineMs, signal }, async (signal) => {
      const answer = await call(signal);
      if (!answer.answered)
        return REASONS.includes(answer.reason)
          ? answer
          : noAnswer("invalid", "no answer, and no known reason");
      const problem = fault(answer);
      return problem === null ? answer : noAnswer("invalid", problem);
    });
    return this.#counter.count(result);
  }
}
