import type { Random } from "../../data/random.js";
import { batchOf, type PrefixAndTails, type TokenBatch } from "../pocket/batch.js";
import { listText, type PromptItem, titleText } from "../prompts/render.js";
import { HEADINGS } from "../prompts/template.js";
import type { Tokenizer } from "../tokenizer/tokenizer.js";
import type { Tokens } from "../tokens.js";
import type { Instruction, InstructionRow } from "./instructions.js";
import type { TuningStage } from "./mix.js";

/** A row as tokens with the weight of each in the loss; a token of weight 0 is read and not learnt. */
export interface PackedRow extends PrefixAndTails {
  readonly prefixWeights: Float32Array;
  readonly tailWeights: readonly Float32Array[];
}

/** What a training step takes. */
export interface PackedBatch extends TokenBatch {
  /** `[targets]`: the tokens whose states predict the targets. */
  readonly sources: Int32Array;
  /** `[targets]`: tokens to come. */
  readonly targets: Int32Array;
  /** `[targets]` */
  readonly weights: Float32Array;
}

/** Weights that a stage gives to tokens. */
export type LossWeights = Pick<TuningStage, "historyWeight" | "ratingWeight" | "answerWeight">;

interface Weighted {
  readonly tokens: Int32Array;
  readonly weights: Float32Array;
}

/** Turns rows into the tokens that inference gives the same prompts: nothing is merged across lines. */
export class Packer {
  readonly #tokens: Tokens<number>;
  readonly #tokenizer: Tokenizer;
  readonly #pieceDropout: number;

  /** @param pieceDropout Rate at which merges inside titles are left out, so that a model meets a title in many forms. */
  constructor(tokens: Tokens<number>, tokenizer: Tokenizer, pieceDropout = 0) {
    this.#tokens = tokens;
    this.#tokenizer = tokenizer;
    this.#pieceDropout = pieceDropout;
  }

  /**
   * A row with at most `context` tokens to each tail: the oldest items of its lists go first, and questions that would take
   * more than half of the context are left out.
   */
  pack(row: InstructionRow, weights: LossWeights, context: number, random: Random): PackedRow {
    const tails = row.instructions
      .map((instruction) => this.#tail(instruction, weights))
      .filter(({ tokens }) => tokens.length <= context / 2);
    const longest = tails.reduce((most, { tokens }) => Math.max(most, tokens.length), 0);
    const prefix = this.#prefix(row, weights, context - longest, random);
    return {
      prefix: prefix.tokens,
      prefixWeights: prefix.weights,
      tails: tails.map(({ tokens }) => tokens),
      tailWeights: tails.map((tail) => tail.weights),
    };
  }

  #prefix(
    { history, similar }: InstructionRow,
    weights: LossWeights,
    room: number,
    random: Random,
  ): Weighted {
    const tokens = this.#tokens;
    const own = history.map((item) => this.#line(item, weights, random));
    const others = similar.map((item) => plain(tokens.continuation(lineText(item))));
    for (;;) {
      const begin = plain(tokens.prefix(own.length > 0 ? `${HEADINGS.history}\n` : ""));
      const heading = others.length > 0 ? [plain(tokens.continuation(`${HEADINGS.similarUser}\n`))] : [];
      const parts = [begin, ...own, ...heading, ...others];
      const length = parts.reduce((sum, part) => sum + part.tokens.length, 0);
      if (length <= room || own.length + others.length === 0) return joined(parts);
      (others.length > 0 ? others : own).shift();
    }
  }

  /** A line of the history: its title and the mark after it, its rating, the line break. */
  #line(item: PromptItem, { historyWeight, ratingWeight }: LossWeights, random: Random): Weighted {
    const whole = lineText(item);
    if (item.rating === undefined) {
      const tokens = this.#title(whole, random);
      return { tokens, weights: new Float32Array(tokens.length).fill(historyWeight) };
    }
    const bare = titleText(item.title).slice(0, -1);
    const title = this.#title(bare, random);
    const rest = this.#tokens
      .continuation(`${bare}${whole.slice(bare.length)}`)
      .slice(this.#tokens.continuation(bare).length);
    const tokens = Int32Array.from([...title, ...rest]);
    const weights = new Float32Array(tokens.length).fill(ratingWeight);
    weights.fill(historyWeight, 0, title.length + 1);
    weights[tokens.length - 1] = 0;
    return { tokens, weights };
  }

  #title(text: string, random: Random): Int32Array {
    if (this.#pieceDropout === 0) return Int32Array.from(this.#tokens.continuation(text));
    // After a line break, as continuations are.
    const tokens = this.#tokenizer.encodeDropout(`\n${text}`, this.#pieceDropout, random);
    return tokens.slice(this.#tokenizer.count("\n"));
  }

  #tail({ question, answer, kind }: Instruction, { answerWeight }: LossWeights): Weighted {
    const said = this.#tokens.answerText(answer);
    const tokens = Int32Array.from([...this.#tokens.restOfTurn(question), ...said]);
    const weights = new Float32Array(tokens.length);
    weights.fill(kind === "title" ? 1 : answerWeight, tokens.length - said.length);
    return { tokens, weights };
  }
}

const lineText = (item: PromptItem): string => listText("", [item]).slice(1);

/** Tokens that are read and not learnt. */
const plain = (tokens: readonly number[]): Weighted => ({
  tokens: Int32Array.from(tokens),
  weights: new Float32Array(tokens.length),
});

/** Lays rows side by side and lists what is to be predicted. */
export function batchRows(rows: readonly PackedRow[]): PackedBatch {
  const batch = batchOf(rows);
  const weights = rows.flatMap((row) => [row.prefixWeights, ...row.tailWeights]);
  const sources: number[] = [];
  const targets: number[] = [];
  const kept: number[] = [];
  for (const [segment, of] of weights.entries()) {
    const start = batch.segments[segment];
    for (let i = 1; i < of.length; i++)
      if (of[i] > 0) {
        sources.push(start + i - 1);
        targets.push(batch.tokens[start + i]);
        kept.push(of[i]);
      }
  }
  return {
    ...batch,
    sources: Int32Array.from(sources),
    targets: Int32Array.from(targets),
    weights: Float32Array.from(kept),
  };
}

function joined(parts: readonly Weighted[]): Weighted {
  const length = parts.reduce((sum, { tokens }) => sum + tokens.length, 0);
  const tokens = new Int32Array(length);
  const weights = new Float32Array(length);
  let at = 0;
  for (const part of parts) {
    tokens.set(part.tokens, at);
    weights.set(part.weights, at);
    at += part.tokens.length;
  }
  return { tokens, weights };
}
