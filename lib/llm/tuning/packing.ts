import type { Random } from "../../data/random.js";
import { batchOf, type PrefixAndTails, type TokenBatch } from "../pocket/batch.js";
import { listText, type PromptItem } from "../prompts/render.js";
import { HEADINGS } from "../prompts/template.js";
import type { Tokenizer } from "../tokenizer/tokenizer.js";
import type { Instruction, InstructionRow } from "./instructions.js";
import type { TuningStage } from "./mix.js";

/** Tokens around a user's turn: `open` after the beginning of the text, `answer` before what the model says. */
export interface TurnTokens {
  readonly open: Int32Array;
  readonly answer: Int32Array;
}

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

/** Turns rows into tokens. The parts of a prompt have the tokens that the whole text has: nothing is merged across lines. */
export class Packer {
  readonly #tokenizer: Tokenizer;
  readonly #turn: TurnTokens;
  readonly #begin: Int32Array;
  readonly #pieceDropout: number;

  /** @param pieceDropout Rate at which merges inside titles are left out, so that a model meets a title in many forms. */
  constructor(tokenizer: Tokenizer, turn: TurnTokens, pieceDropout = 0) {
    this.#tokenizer = tokenizer;
    this.#turn = turn;
    const { addBos, bos } = tokenizer.vocabulary;
    this.#begin = Int32Array.from(addBos ? [bos] : []);
    this.#pieceDropout = pieceDropout;
  }

  /** A row with at most `context` tokens to each tail: the oldest items of its lists go first. */
  pack(row: InstructionRow, weights: LossWeights, context: number, random: Random): PackedRow {
    const tails = row.instructions.map((instruction) => this.#tail(instruction, weights));
    const longest = tails.reduce((most, { tokens }) => Math.max(most, tokens.length), 0);
    const prefix = this.#prefix(row, weights, context - longest, random);
    return {
      prefix: prefix.tokens,
      prefixWeights: prefix.weights,
      tails: tails.map(({ tokens }) => tokens),
      tailWeights: tails.map((tail) => tail.weights),
    };
  }

  #prefix({ history, similar }: InstructionRow, weights: LossWeights, room: number, random: Random): Weighted {
    const plain = (tokens: Int32Array): Weighted => ({ tokens, weights: new Float32Array(tokens.length) });
    const heading = (text: string, items: readonly Weighted[]): Weighted[] =>
      items.length === 0 ? [] : [plain(this.#tokenizer.encode(`${text}\n`)), ...items];
    const own = history.map((item) => this.#line(item, weights, random));
    const others = similar.map((item) => plain(this.#tokenizer.encode(listText("", [item]).slice(1))));
    for (;;) {
      const parts = [
        plain(this.#begin),
        plain(this.#turn.open),
        ...heading(HEADINGS.history, own),
        ...heading(HEADINGS.similarUser, others),
      ];
      const length = parts.reduce((sum, { tokens }) => sum + tokens.length, 0);
      if (length <= room || own.length + others.length === 0) return joined(parts);
      (others.length > 0 ? others : own).shift();
    }
  }

  /** A line of the history: its title and the mark after it, its rating, the line break. */
  #line({ title, rating }: PromptItem, { historyWeight, ratingWeight }: LossWeights, random: Random): Weighted {
    const tokenizer = this.#tokenizer;
    const whole = listText("", [{ title, rating }]).slice(1);
    if (rating === undefined) {
      const tokens = this.#title(whole, random);
      return { tokens, weights: new Float32Array(tokens.length).fill(historyWeight) };
    }
    const bare = listText("", [title]).slice(1, -1);
    const titleTokens = this.#title(bare, random);
    const rest = tokenizer.encode(whole.slice(bare.length));
    const tokens = Int32Array.from([...titleTokens, ...rest]);
    const weights = new Float32Array(tokens.length).fill(ratingWeight);
    weights.fill(historyWeight, 0, titleTokens.length + 1);
    weights[tokens.length - 1] = 0;
    return { tokens, weights };
  }

  #title(text: string, random: Random): Int32Array {
    return this.#pieceDropout === 0
      ? this.#tokenizer.encode(text)
      : this.#tokenizer.encodeDropout(text, this.#pieceDropout, random);
  }

  #tail({ question, answer, kind }: Instruction, { answerWeight }: LossWeights): Weighted {
    const asked = this.#tokenizer.encode(question);
    const said = this.#tokenizer.encode(answer);
    const tokens = Int32Array.from([...asked, ...this.#turn.answer, ...said]);
    const weights = new Float32Array(tokens.length);
    weights.fill(kind === "title" ? 1 : answerWeight, tokens.length - said.length);
    return { tokens, weights };
  }
}

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
