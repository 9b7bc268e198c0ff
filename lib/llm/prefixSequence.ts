import type { ControlledEvaluateInputItem, LlamaContextSequence, Token } from "node-llama-cpp";

/** Logits after one position. */
export interface NextLogits {
  /** The asked tokens and the most probable one. */
  readonly logits: ReadonlyMap<Token, number>;
  /** Log of the sum of exp(logit) over the whole vocabulary. */
  readonly logSum: number;
}

/**
 * One llama.cpp sequence that holds a prefix and evaluates tails after it.
 *
 * There is one evaluation path: a prefix is always evaluated from an empty sequence in the same batches, all but its
 * last token, which starts every tail; a tail is always evaluated after exactly that state and then erased. So a
 * request has the same bits whatever ran before. Holding the prefix that is already held costs nothing and changes
 * nothing.
 */
export class PrefixSequence {
  readonly #sequence: LlamaContextSequence;
  readonly #batchSize: number;
  readonly #onTokens: (count: number) => void;
  /** What the KV cache holds for sure; null after an interrupted change. */
  #held: readonly Token[] | null = null;
  #last: Token | null = null;

  constructor(sequence: LlamaContextSequence, batchSize: number, onTokens: (count: number) => void) {
    this.#sequence = sequence;
    this.#batchSize = batchSize;
    this.#onTokens = onTokens;
  }

  /** Makes `prefix` (at least one token) the state that tails follow. `checkpoint` throws to stop between batches. */
  async hold(prefix: readonly Token[], checkpoint: () => void): Promise<void> {
    const body = prefix.slice(0, -1);
    this.#last = prefix[prefix.length - 1];
    if (this.#held && this.#sequence.nextTokenIndex === body.length && sameTokens(this.#held, body)) return;
    this.#held = null;
    checkpoint();
    await this.#sequence.clearHistory();
    for (let start = 0; start < body.length; start += this.#batchSize) {
      checkpoint();
      const batch = body.slice(start, start + this.#batchSize);
      await this.#sequence.evaluateWithoutGeneratingNewTokens(batch);
      this.#onTokens(batch.length);
    }
    this.#held = body;
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
    if (this.#held === null || this.#last === null) throw new Error("no prefix is held");
    const kept = this.#held;
    this.#held = null;
    const inputs = [this.#last, ...tail].map((token, i) => input(token, wanted[i]));
    const outputs = await this.#sequence.controlledEvaluate(inputs);
    this.#onTokens(inputs.length);
    await this.#sequence.eraseContextTokenRanges([
      { start: kept.length, end: this.#sequence.nextTokenIndex },
    ]);
    this.#held = kept;
    return inputs.map((_, i) => (wanted[i] ? nextLogits(outputs[i]?.next) : undefined));
  }

  /**
   * Greedy continuation of the prefix: yields the most probable token until the caller stops. The prefix is not held
   * afterwards.
   */
  async *generate(): AsyncGenerator<Token, void, void> {
    if (this.#held === null || this.#last === null) throw new Error("no prefix is held");
    this.#held = null;
    for (let token = this.#last; ; ) {
      const [output] = await this.#sequence.controlledEvaluate([input(token, [])]);
      this.#onTokens(1);
      token = mostProbable(nextLogits(output?.next).logits);
      yield token;
    }
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

function mostProbable(logits: ReadonlyMap<Token, number>): Token {
  let best: readonly [Token, number] | undefined;
  for (const entry of logits) if (!best || entry[1] > best[1]) best = entry;
  if (!best) throw new Error("llama.cpp returned no logits");
  return best[0];
}

function sameTokens(a: readonly Token[], b: readonly Token[]): boolean {
  return a.length === b.length && a.every((token, i) => token === b[i]);
}
