import { noAnswer } from "./attempt.js";
import type { Calls } from "./calls.js";
import type {
  CallOptions,
  ChooseAnswer,
  CompareAnswer,
  CompareRequest,
  CompleteAnswer,
  CompleteRequest,
  NoAnswer,
  RankAnswer,
  RankRequest,
  RateAnswer,
  RateRequest,
} from "./languageModel.js";
import { type NextToken, tokenTree, writeList } from "./listing.js";
import { ratingText } from "./prompts/render.js";
import { orderOf, softmax } from "./ranking.js";
import { checkCompareRequest, checkCompleteRequest, checkRankRequest, checkRateRequest } from "./requests.js";
import type { Tokens } from "./tokens.js";

/**
 * What a runner reads off its model for one call, between whose evaluations it looks at the call's signal. What it is
 * asked fits the context.
 */
export interface Evaluator<Token> {
  /** Log-probability of each tail after the prefix, in nats. `[tails]` */
  logProbabilities(prefix: readonly Token[], tails: readonly (readonly Token[])[]): Promise<Float64Array>;
  /** Raw logits of the labels after each tail, which may be empty. `[tails x labels]` */
  labelLogits(
    prefix: readonly Token[],
    tails: readonly (readonly Token[])[],
    labels: readonly Token[],
  ): Promise<Float64Array>;
  /** Begins a text with the prefix; what it gives then goes on writing with the likeliest of the tokens allowed. */
  writer(prefix: readonly Token[]): Promise<NextToken<Token>>;
  /** Greedy continuation of the prefix under a GBNF grammar or none, until the caller stops or the model ends. */
  generate(prefix: readonly Token[], grammar?: string): AsyncIterable<Token>;
  /** The text of `tokens` after the prefix. */
  textOf(tokens: readonly Token[], prefix: readonly Token[]): string;
}

/** What {@link Answers} asks. */
export interface AnswersOptions<Token extends number, Lane> {
  readonly tokens: Tokens<Token>;
  /** Tokens of a context, those that are no text included. */
  readonly limit: number;
  readonly calls: Calls<Lane>;
  /** The evaluator of one call, which has the lane to itself. */
  readonly evaluatorOf: (signal: AbortSignal, lane: Lane) => Evaluator<Token>;
}

/** The answers of a language model from what its runner evaluates: the same questions to every runner. */
export class Answers<Token extends number, Lane> {
  readonly #tokens: Tokens<Token>;
  readonly #limit: number;
  readonly #calls: Calls<Lane>;
  readonly #evaluatorOf: AnswersOptions<Token, Lane>["evaluatorOf"];

  constructor({ tokens, limit, calls, evaluatorOf }: AnswersOptions<Token, Lane>) {
    this.#tokens = tokens;
    this.#limit = limit;
    this.#calls = calls;
    this.#evaluatorOf = evaluatorOf;
  }

  /** See {@link LanguageModel.rank}. */
  async rank(request: RankRequest, options: CallOptions): Promise<RankAnswer | NoAnswer> {
    checkRankRequest(request);
    return this.#call(options, (evaluator) => this.#rank(request, evaluator));
  }

  /** See {@link LanguageModel.choose}. */
  async choose(request: RankRequest, options: CallOptions): Promise<ChooseAnswer | NoAnswer> {
    checkRankRequest(request);
    return this.#call(options, async (evaluator) => {
      const ranked = await this.#rank(request, evaluator);
      if (!ranked.answered) return ranked;
      return { answered: true, index: ranked.order[0], probabilities: softmax(ranked.scores) };
    });
  }

  /** See {@link LanguageModel.compare}. */
  async compare(request: CompareRequest, options: CallOptions): Promise<CompareAnswer | NoAnswer> {
    checkCompareRequest(request);
    return this.#call(options, (evaluator) => this.#compare(request, evaluator));
  }

  /** See {@link LanguageModel.rate}. */
  async rate(request: RateRequest, options: CallOptions): Promise<RateAnswer | NoAnswer> {
    checkRateRequest(request);
    return this.#call(options, (evaluator) => this.#rate(request, evaluator));
  }

  /** See {@link LanguageModel.complete}. */
  async complete(request: CompleteRequest, options: CallOptions): Promise<CompleteAnswer | NoAnswer> {
    checkCompleteRequest(request);
    return this.#call(options, (evaluator) => this.#complete(request, evaluator));
  }

  #call<A extends { readonly answered: true }>(
    options: CallOptions,
    work: (evaluator: Evaluator<Token>) => Promise<A | NoAnswer>,
  ): Promise<A | NoAnswer> {
    return this.#calls.call(options, (signal, lane) => work(this.#evaluatorOf(signal, lane)));
  }

  async #rank(request: RankRequest, evaluator: Evaluator<Token>): Promise<RankAnswer | NoAnswer> {
    const { candidates, mode, normalization = "sum" } = request;
    const prefix = this.#tokens.turn(request.prefix);
    if (mode === "labels") {
      const labels = this.#tokens.labelTokens("candidates", candidates);
      return this.#tooLong(prefix, 0) ?? ranked(await evaluator.labelLogits(prefix, [[]], labels));
    }
    const tails = candidates.map((candidate) => this.#tokens.answerText(candidate));
    if (mode === "listing") return this.#list(prefix, tails, candidates, evaluator);
    const tooLong = this.#tooLong(prefix, longest(tails));
    if (tooLong) return tooLong;
    const scores = await evaluator.logProbabilities(prefix, tails);
    if (normalization === "mean") for (const [i, tail] of tails.entries()) scores[i] /= tail.length;
    return ranked(scores);
  }

  async #list(
    prefix: readonly Token[],
    tails: readonly (readonly Token[])[],
    texts: readonly string[],
    evaluator: Evaluator<Token>,
  ): Promise<RankAnswer | NoAnswer> {
    const tree = tokenTree(tails, texts);
    const length = tails.reduce((sum, tail) => sum + tail.length, 0);
    const tooLong = this.#tooLong(prefix, length);
    if (tooLong) return tooLong;
    const order = await writeList(tree, await evaluator.writer(prefix));
    const scores = new Float64Array(order.length);
    for (const [place, position] of order.entries()) scores[position] = 0 - place;
    return { answered: true, scores, order };
  }

  async #compare(request: CompareRequest, evaluator: Evaluator<Token>): Promise<CompareAnswer | NoAnswer> {
    const prefix = this.#tokens.prefix(request.prefix);
    const labels = this.#tokens.labelTokens("labels", request.labels);
    const tails = request.questions.map((question) => this.#tokens.restOfTurn(question));
    const tooLong = this.#tooLong(prefix, longest(tails));
    if (tooLong) return tooLong;
    const logits = await evaluator.labelLogits(prefix, tails, labels);
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

  async #rate({ prefix, scale }: RateRequest, evaluator: Evaluator<Token>): Promise<RateAnswer | NoAnswer> {
    const turn = this.#tokens.turn(prefix);
    const texts = scale.map(ratingText);
    const tails = texts.map((text) => this.#tokens.answerText(text));
    const single = new Set(tails.filter((tail) => tail.length === 1).flat()).size === tails.length;
    // Ratings of several tokens ("10", "4.5") need their end marked, lest "1" win by being the start of "10".
    const marked = single ? [] : texts.map((text) => this.#tokens.answerText(`${text}\n`));
    const tooLong = this.#tooLong(turn, longest(marked));
    if (tooLong) return tooLong;
    const scores = single
      ? await evaluator.labelLogits(turn, [[]], tails.flat())
      : await evaluator.logProbabilities(turn, marked);
    const probabilities = softmax(scores);
    const rating = probabilities.reduce((sum, p, i) => sum + p * scale[i], 0);
    return { answered: true, rating, probabilities };
  }

  async #complete(request: CompleteRequest, evaluator: Evaluator<Token>): Promise<CompleteAnswer | NoAnswer> {
    const { maxTokens, stop = [], grammar } = request;
    const prefix = this.#tokens.turn(request.prompt);
    const tooLong = this.#tooLong(prefix, maxTokens);
    if (tooLong) return tooLong;
    const { close } = this.#tokens;
    const tokens: Token[] = [];
    let text = "";
    for await (const token of evaluator.generate(prefix, grammar)) {
      tokens.push(token);
      if (close.length > 0 && close.every((mark, i) => mark === tokens.at(i - close.length)))
        return {
          answered: true,
          text: evaluator.textOf(tokens.slice(0, -close.length), prefix),
          ended: "end",
        };
      text = evaluator.textOf(tokens, prefix);
      const end = Math.min(...stop.map((s) => text.indexOf(s)).filter((at) => at >= 0));
      if (Number.isFinite(end)) return { answered: true, text: text.slice(0, end), ended: "stop" };
      if (tokens.length === maxTokens) return { answered: true, text, ended: "length" };
    }
    return { answered: true, text, ended: "end" };
  }

  #tooLong(prefix: readonly Token[], tailLength: number): NoAnswer | null {
    if (prefix.length + tailLength <= this.#limit) return null;
    return noAnswer(
      "too-long",
      `${prefix.length} + ${tailLength} tokens do not fit the context of ${this.#limit}`,
    );
  }
}

function ranked(scores: Float64Array): RankAnswer {
  return { answered: true, scores, order: orderOf(scores) };
}

function longest(tails: readonly (readonly unknown[])[]): number {
  return tails.reduce((most, { length }) => Math.max(most, length), 0);
}
