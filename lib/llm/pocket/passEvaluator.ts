import type { Evaluator } from "../answers.js";
import type { CallCounter } from "../attempt.js";
import type { NextToken } from "../listing.js";
import type { Tokenizer } from "../tokenizer/tokenizer.js";
import { batchOf } from "./batch.js";
import { likelihoodPasses } from "./likelihood.js";
import type { Pass } from "./pass.js";
import type { PassRunner } from "./passRunner.js";

/** Evaluates for one call by passes through the own network, which its signal ends. */
export class PassEvaluator implements Evaluator<number> {
  readonly #tokenizer: Tokenizer;
  readonly #runner: PassRunner;
  readonly #counter: CallCounter;
  readonly #signal: AbortSignal;

  constructor(tokenizer: Tokenizer, runner: PassRunner, counter: CallCounter, signal: AbortSignal) {
    this.#tokenizer = tokenizer;
    this.#runner = runner;
    this.#counter = counter;
    this.#signal = signal;
  }

  async logProbabilities(
    prefix: readonly number[],
    tails: readonly (readonly number[])[],
  ): Promise<Float64Array> {
    const scores = new Float64Array(tails.length);
    for (const { pass, owners } of likelihoodPasses({ prefix, tails })) {
      const read = await this.#run(pass);
      for (const [i, owner] of owners.entries()) scores[owner] += read[i];
    }
    return scores;
  }

  async labelLogits(
    prefix: readonly number[],
    tails: readonly (readonly number[])[],
    labels: readonly number[],
  ): Promise<Float64Array> {
    const batch = batchOf([{ prefix, tails }]);
    const rows = Int32Array.from(
      tails,
      ({ length }, i) => (length > 0 ? batch.segments[i + 2] : prefix.length) - 1,
    );
    return Float64Array.from(
      await this.#run({ batch, rows, read: { kind: "logits", tokens: Int32Array.from(labels) } }),
    );
  }

  async writer(prefix: readonly number[]): Promise<NextToken<number>> {
    const text = [...prefix];
    return async (written, allowed) => {
      text.push(...written);
      return allowed[highest(await this.#next(text, Int32Array.from(allowed)))];
    };
  }

  async *generate(prefix: readonly number[]): AsyncGenerator<number, void, void> {
    const text = [...prefix];
    for (;;) {
      const token = highest(await this.#next(text, null));
      if (token === this.#tokenizer.vocabulary.eos) return;
      text.push(token);
      yield token;
    }
  }

  textOf(tokens: readonly number[], prefix: readonly number[]): string {
    return this.#tokenizer.decode([...prefix, ...tokens]).slice(this.#tokenizer.decode(prefix).length);
  }

  /** Raw logits after a text, of some tokens or of all. */
  #next(text: readonly number[], tokens: Int32Array | null): Promise<Float32Array> {
    const batch = batchOf([{ prefix: text, tails: [] }]);
    return this.#run({ batch, rows: Int32Array.of(text.length - 1), read: { kind: "logits", tokens } });
  }

  async #run(pass: Pass): Promise<Float32Array> {
    const read = await this.#runner.run(pass, this.#signal);
    this.#counter.evaluatedTokens += pass.batch.tokens.length;
    return read;
  }
}

/** Place of the highest logit, the first of several. */
function highest(logits: Float32Array): number {
  const place = logits.indexOf(logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY));
  if (place < 0) throw new Error("the network gave no finite logits");
  return place;
}
