import type { LlamaModel, Token } from "node-llama-cpp";
import type { Evaluator } from "./answers.js";
import { beginGrammar } from "./grammar.js";
import type { NextToken } from "./listing.js";
import type { LlamaRuntime } from "./llamaRuntime.js";
import type { NextLogits, PrefixSequence } from "./prefixSequence.js";

/** Evaluates for one call on a sequence of llama.cpp, whose signal ends it between two evaluations. */
export class SequenceEvaluator implements Evaluator<Token> {
  readonly #runtime: LlamaRuntime;
  readonly #model: LlamaModel;
  readonly #sequence: PrefixSequence;
  readonly #checkpoint: () => void;

  constructor(runtime: LlamaRuntime, model: LlamaModel, sequence: PrefixSequence, signal: AbortSignal) {
    this.#runtime = runtime;
    this.#model = model;
    this.#sequence = sequence;
    this.#checkpoint = () => signal.throwIfAborted();
  }

  async logProbabilities(
    prefix: readonly Token[],
    tails: readonly (readonly Token[])[],
  ): Promise<Float64Array> {
    await this.#sequence.hold(prefix, this.#checkpoint);
    const scores = new Float64Array(tails.length);
    for (const [i, tail] of tails.entries()) {
      this.#checkpoint();
      const reads = await this.#sequence.read(
        tail.slice(0, -1),
        tail.map((token) => [token]),
      );
      for (const [at, token] of tail.entries()) scores[i] += logitOf(reads[at], token) - logSumOf(reads[at]);
    }
    return scores;
  }

  async labelLogits(
    prefix: readonly Token[],
    tails: readonly (readonly Token[])[],
    labels: readonly Token[],
  ): Promise<Float64Array> {
    await this.#sequence.hold(prefix, this.#checkpoint);
    const logits: number[] = [];
    for (const tail of tails) {
      this.#checkpoint();
      const reads = await this.#sequence.read(tail, [...tail.map(() => undefined), labels]);
      for (const label of labels) logits.push(logitOf(reads[tail.length], label));
    }
    return Float64Array.from(logits);
  }

  async writer(prefix: readonly Token[]): Promise<NextToken<Token>> {
    await this.#sequence.hold(prefix, this.#checkpoint);
    return async (written, allowed) => {
      this.#checkpoint();
      const next = await this.#sequence.append(written, allowed);
      return allowed.reduce((best, token) => (logitOf(next, token) > logitOf(next, best) ? token : best));
    };
  }

  async *generate(prefix: readonly Token[], grammar?: string): AsyncGenerator<Token, void, void> {
    const state = grammar === undefined ? undefined : await beginGrammar(this.#runtime, this.#model, grammar);
    await this.#sequence.hold(prefix, this.#checkpoint);
    for await (const token of this.#sequence.generate(state)) {
      this.#checkpoint();
      yield token;
    }
  }

  textOf(tokens: readonly Token[], prefix: readonly Token[]): string {
    return this.#model.detokenize(tokens, false, prefix);
  }
}

function logitOf(read: NextLogits | undefined, token: Token): number {
  const logit = read?.logits.get(token);
  if (logit === undefined) throw new Error("llama.cpp returned no logit for an asked token");
  return logit;
}

function logSumOf(read: NextLogits | undefined): number {
  if (!read) throw new Error("llama.cpp returned no logits for an asked position");
  return read.logSum;
}
