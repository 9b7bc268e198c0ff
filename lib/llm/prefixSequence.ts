import type {
  ControlledEvaluateInputItem,
  LlamaContextSequence,
  LlamaGrammarEvaluationState,
  Token,
} from "node-llama-cpp";

/** Logits after one position. */
export interface NextLogits {
  /** The asked tokens and the most probable one. */
  readonly logits: ReadonlyMap<Token, number>;
  /** Log of the sum of exp(logit) over the whole vocabulary. */
  readonly logSum: number;
}

/** Told how many tokens went through the network, and how many did not because they were kept. */
export interface TokenCounter {
  evaluatedTokens: number;
  reusedTokens: number;
}

/**
 * One llama.cpp sequence that holds a prefix and evaluates tails after it.
 *
 * There is one evaluation path: a prefix is always evaluated from an empty sequence in the same chunks, all but its
 * last token, which starts every tail; a tail is always evaluated after exactly that state and then erased. So a
 * request has the same bits whatever ran before. Of another prefix only whole chunks are kept, for in them every token
 * was evaluated in the company it would have from an empty sequence.
 */
export class PrefixSequence {
  readonly #sequence: LlamaContextSequence;
  readonly #chunk: number;
  readonly #counter: TokenCounter;
  /** What the KV cache holds of a prefix for sure, in whole chunks but for its end; null after an interrupted change. */
  #held: readonly Token[] | null = null;
  #last: Token | null = null;
  /** Whether a tail was read since the prefix was evaluated: the next one is spared it. */
  #used = false;

  /** @param chunk tokens of a prefix that are evaluated in one call, between two checkpoints */
  constructor(sequence: LlamaContextSequence, chunk: number, counter: TokenCounter) {
    this.#sequence = sequence;
    this.#chunk = chunk;
    this.#counter = counter;
  }

  /** Makes `prefix` (at least one token) the state that tails follow. `checkpoint` throws to stop between chunks. */
  async hold(prefix: readonly Token[], checkpoint: () => void): Promise<void> {
    const body = prefix.slice(0, -1);
    this.#last = prefix[prefix.length - 1];
    this.#used = false;
    const kept = this.#keepable(body);
    checkpoint();
    await this.#change(body.slice(0, kept), () => this.#eraseFrom(kept));
    this.#counter.reusedTokens += kept;
    for (let start = kept; start < body.length; start += this.#chunk) {
      checkpoint();
      const chunk = body.slice(start, start + this.#chunk);
      await this.#change(body.slice(0, start + chunk.length), () =>
        this.#sequence.evaluateWithoutGeneratingNewTokens(chunk),
      );
      this.#counter.evaluatedTokens += chunk.length;
    }
  }

  /**
   * Evaluates `tail` after the prefix and reads, after the prefix and after each token of the tail, the logits of the
   * tokens asked for there: `wanted[0]` belongs to the prefix, `wanted[i]` to `tail[i - 1]`. Nothing asked: nothing
   * read. The prefix is held again afterwards.
   */
  async read(
    tail: readonly Token[],
    wanted: readonly (readonly Token[] | undefined)[],
  ): Promise<(NextLogits | undefined)[]> {
    const { held, last } = this.#state();
    const inputs = [last, ...tail].map((token, i) => input(token, wanted[i]));
    const outputs = await this.#change(held, async () => {
      const outputs = await this.#sequence.controlledEvaluate(inputs);
      await this.#eraseFrom(held.length);
      return outputs;
    });
    this.#counter.evaluatedTokens += inputs.length;
    if (this.#used) this.#counter.reusedTokens += held.length;
    this.#used = true;
    return inputs.map((_, i) => (wanted[i] ? nextLogits(outputs[i]?.next) : undefined));
  }

  /** Evaluates `tokens` after the prefix and what was appended before, and reads the logits after the last of them. */
  async append(tokens: readonly Token[], wanted: readonly Token[]): Promise<NextLogits> {
    const { held, last } = this.#state();
    const all = this.#sequence.nextTokenIndex === held.length ? [last, ...tokens] : tokens;
    const inputs = all.map((token, i) => input(token, i === all.length - 1 ? wanted : undefined));
    const outputs = await this.#change(held, () => this.#sequence.controlledEvaluate(inputs));
    this.#counter.evaluatedTokens += inputs.length;
    return nextLogits(outputs.at(-1)?.next);
  }

  /**
   * Greedy continuation of the prefix: the most probable token that the grammar allows, one after another, until the
   * caller stops or the model ends.
   */
  async *generate(grammar?: LlamaGrammarEvaluationState): AsyncGenerator<Token, void, void> {
    const { held, last } = this.#state();
    this.#held = null;
    const options = { temperature: 0, grammarEvaluationState: grammar };
    for await (const token of this.#sequence.evaluate([last], options)) {
      this.#held = held;
      this.#counter.evaluatedTokens++;
      yield token;
      this.#held = null;
    }
    this.#held = held;
  }

  /** Tokens of `body` that need not be evaluated again. */
  #keepable(body: readonly Token[]): number {
    const held = this.#held ?? [];
    const different = body.findIndex((token, i) => token !== held[i]);
    const common = different < 0 ? body.length : different;
    return common === body.length && common === held.length ? common : common - (common % this.#chunk);
  }

  #state(): { held: readonly Token[]; last: Token } {
    if (this.#held === null || this.#last === null) throw new Error("no prefix is held");
    return { held: this.#held, last: this.#last };
  }

  /** Makes a change after which `held` is held; nothing is, if it fails. */
  async #change<T>(held: readonly Token[], change: () => Promise<T>): Promise<T> {
    this.#held = null;
    const result = await change();
    this.#held = held;
    return result;
  }

  async #eraseFrom(start: number): Promise<void> {
    if (start === 0) await this.#sequence.clearHistory();
    else await this.#sequence.eraseContextTokenRanges([{ start, end: this.#sequence.nextTokenIndex }]);
  }
}

function input(token: Token, wanted: readonly Token[] | undefined): ControlledEvaluateInputItem {
  if (!wanted) return token;
  // The greedily selected token is the most probable one. The filter's own includeMax leaves the maximum out unless it
  // is among the wanted tokens anyway (3.22.1).
  const logits = { filter: { tokens: wanted, includeSelected: true } };
  return [token, { generateNext: { logits, totalLogitWeight: true, options: { temperature: 0 } } }];
}

function nextLogits(
  next: { logits?: Map<Token, number>; totalLogitWeight?: number } | undefined,
): NextLogits {
  if (!next?.logits?.size || next.totalLogitWeight === undefined)
    throw new Error("llama.cpp returned no logits");
  // totalLogitWeight is the sum of exp(logit - max).
  return { logits: next.logits, logSum: Math.max(...next.logits.values()) + Math.log(next.totalLogitWeight) };
}
