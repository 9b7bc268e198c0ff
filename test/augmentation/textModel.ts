import { CallCounter } from "../../lib/llm/attempt.js";
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
} from "../../lib/llm/languageModel.js";
import { type Blocks, blocksOf } from "./promptBlocks.js";

/** How much a reader of the text likes a title, given what the prompt says. */
export type Taste = (title: string, prompt: Blocks) => number;

/** What is written after a prompt; null: nothing, for a fault. */
export type Writer = (prompt: string) => string | null;

/** A language model of a few lines that reads its prompts and answers from a taste; it keeps what it was asked. */
export class TextModel implements LanguageModel {
  readonly id: string;
  readonly contextSize = 100_000;
  /** Every ranking, every choice, every comparison and every text, in the order asked. */
  readonly ranked: RankRequest[] = [];
  readonly chosen: RankRequest[] = [];
  readonly compared: CompareRequest[] = [];
  readonly completed: CompleteRequest[] = [];
  readonly #taste: Taste;
  readonly #writes: Writer;
  readonly #counter = new CallCounter();

  constructor(taste: Taste, writes: Writer = () => "", id = "text model") {
    this.id = id;
    this.#taste = taste;
    this.#writes = writes;
  }

  countTokens(text: string): number {
    return text.length;
  }

  labels(count: number): LabelSet {
    return { lead: " ", names: [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"].slice(0, count) };
  }

  async rank(request: RankRequest, _options?: CallOptions): Promise<RankAnswer | NoAnswer> {
    this.ranked.push(request);
    const scores = this.#scores(request);
    const order = Int32Array.from(Array.from(scores.keys()).sort((a, b) => scores[b] - scores[a] || a - b));
    return this.#counter.count<RankAnswer>({ answered: true, scores, order });
  }

  /** Prefers the title with the higher score; equal scores: the one shown first, which both orders then contradict. */
  async compare(request: CompareRequest, _options?: CallOptions): Promise<CompareAnswer | NoAnswer> {
    this.compared.push(request);
    const prompt = blocksOf(request.prefix + request.questions[0]);
    const [first, second] = prompt.candidates.map((title) => this.#taste(title, prompt));
    const answer: CompareAnswer = {
      answered: true,
      preferred: second > first ? 1 : 0,
      margin: Math.abs(first - second),
      consistent: first !== second,
    };
    return this.#counter.count<CompareAnswer>(answer);
  }

  async rate({ scale }: RateRequest): Promise<RateAnswer | NoAnswer> {
    const probabilities = new Float64Array(scale.length).fill(1 / scale.length);
    return {
      answered: true,
      rating: scale.reduce((sum, value) => sum + value / scale.length, 0),
      probabilities,
    };
  }

  async choose(request: RankRequest, _options?: CallOptions): Promise<ChooseAnswer | NoAnswer> {
    this.chosen.push(request);
    const scores = this.#scores(request);
    const index = scores.indexOf(Math.max(...scores));
    const probabilities = scores.map((_, position) => (position === index ? 1 : 0));
    return this.#counter.count<ChooseAnswer>({ answered: true, index, probabilities });
  }

  async complete(request: CompleteRequest, _options?: CallOptions): Promise<CompleteAnswer | NoAnswer> {
    this.completed.push(request);
    const text = this.#writes(request.prompt);
    if (text === null) return { answered: false, reason: "fault", detail: "it broke" };
    return { answered: true, text, ended: "end" };
  }

  stats(): ModelStats {
    return this.#counter.snapshot();
  }

  async dispose(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}

  #scores(request: RankRequest): Float64Array {
    const prompt = blocksOf(request.prefix);
    const titles =
      request.mode === "labels" ? prompt.candidates : request.candidates.map((text) => text.trim());
    return Float64Array.from(titles, (title) => this.#taste(title, prompt));
  }
}
