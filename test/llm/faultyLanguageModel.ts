import { setTimeout } from "node:timers/promises";
import type {
  CallOptions,
  ChooseAnswer,
  CompareAnswer,
  CompleteAnswer,
  LabelSet,
  LanguageModel,
  ModelStats,
  RankAnswer,
  RankRequest,
  RateAnswer,
  RateRequest,
} from "../../lib/llm/languageModel.js";

/** What a {@link FaultyLanguageModel} does wrong. */
export type Fault =
  | "none"
  | "throw"
  | "hang"
  | "late"
  | "nan"
  | "short"
  | "long"
  | "no permutation"
  | "wrong order"
  | "invented"
  | "off scale";

/** Milliseconds that a late answer takes. */
export const LATE_MS = 60;

/** A model that answers at once and wrongly, as asked; it counts how often it was asked. */
export class FaultyLanguageModel implements LanguageModel {
  readonly contextSize = 1000;
  asked = 0;
  fault: Fault;
  id: string;
  /** The signal of the last call. */
  signal: AbortSignal | undefined;

  constructor(fault: Fault = "none", id = "faulty") {
    this.fault = fault;
    this.id = id;
  }

  countTokens(text: string): number {
    return text.length;
  }

  labels(count: number): LabelSet | null {
    return count > 26 ? null : { lead: " ", names: [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"].slice(0, count) };
  }

  async rank(request: RankRequest, options: CallOptions = {}): Promise<RankAnswer> {
    await this.#misbehave(options);
    const n = this.#length(request.candidates.length);
    const scores = Float64Array.from({ length: n }, (_, i) =>
      this.fault === "nan" && i === 1 ? Number.NaN : -i / 3,
    );
    const order = Int32Array.from(scores.keys());
    if (this.fault === "no permutation") order[1] = order[0];
    if (this.fault === "wrong order") order.reverse();
    if (this.fault === "invented") order[0] = n;
    return { answered: true, scores, order };
  }

  async compare(_request: unknown, options: CallOptions = {}): Promise<CompareAnswer> {
    await this.#misbehave(options);
    const margin = this.fault === "nan" ? Number.NaN : this.fault === "off scale" ? -1 : 0.1;
    const preferred = (this.fault === "invented" ? 2 : 1) as 1;
    return { answered: true, preferred, margin, consistent: true };
  }

  async rate({ scale }: RateRequest, options: CallOptions = {}): Promise<RateAnswer> {
    await this.#misbehave(options);
    const rating =
      this.fault === "nan"
        ? Number.NaN
        : this.fault === "off scale" || this.fault === "invented"
          ? 99
          : scale[0] + 1 / 3;
    return { answered: true, rating, probabilities: this.#distribution(scale.length) };
  }

  async choose({ candidates }: RankRequest, options: CallOptions = {}): Promise<ChooseAnswer> {
    await this.#misbehave(options);
    const index = this.fault === "off scale" || this.fault === "invented" ? candidates.length : 0;
    return { answered: true, index, probabilities: this.#distribution(candidates.length) };
  }

  async complete(_request: unknown, options: CallOptions = {}): Promise<CompleteAnswer> {
    await this.#misbehave(options);
    return { answered: true, text: this.fault === "off scale" ? "runs on\nand on" : "fine", ended: "stop" };
  }

  stats(): ModelStats {
    const noAnswers = { fault: 0, timeout: 0, invalid: 0, "too-long": 0, aborted: 0 };
    return { calls: this.asked, answers: 0, noAnswers, evaluatedTokens: 5, reusedTokens: 3, cacheHits: 0 };
  }

  async dispose(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}

  async #misbehave({ signal }: CallOptions): Promise<void> {
    this.asked++;
    this.signal = signal;
    if (this.fault === "throw") throw new Error("the model broke");
    if (this.fault === "late") await setTimeout(LATE_MS);
    if (this.fault === "hang") await new Promise(() => {});
  }

  #length(n: number): number {
    return this.fault === "short" ? n - 1 : this.fault === "long" ? n + 1 : n;
  }

  #distribution(length: number): Float64Array {
    const n = this.#length(length);
    return new Float64Array(n).fill(this.fault === "nan" ? Number.NaN : 1 / n);
  }
}
