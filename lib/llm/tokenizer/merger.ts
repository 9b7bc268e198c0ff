import type { Random } from "../../data/random.js";
import { Heap } from "./heap.js";
import { bytePieces, type Vocabulary } from "./pieces.js";

/** Room for symbols in a queue entry `order * 2^31 + left`, which stays a safe integer for 2^22 orders. */
const SYMBOLS = 2 ** 31;

/**
 * The merging of SPM vocabularies as llama.cpp does it: a line begins as characters, the neighbours whose concatenation
 * is the piece with the highest score are merged first, the leftmost on ties, until none is left; characters without a
 * piece become bytes.
 */
export class Merger {
  readonly #ids = new Map<string, number>();
  /** Place of each piece by falling score; equal scores share it. `[pieces]` */
  readonly #order: Int32Array;
  readonly #bytes: readonly number[];
  readonly #longest: number;
  // One line's symbols, kept between lines: where a symbol begins, its neighbours, its piece (-1: none), and the piece
  // that it makes with the next one (-1: none).
  #start = new Int32Array(0);
  #previous = new Int32Array(0);
  #next = new Int32Array(0);
  #piece = new Int32Array(0);
  #joint = new Int32Array(0);

  constructor({ pieces, scores }: Vocabulary) {
    for (const [id, piece] of pieces.entries()) if (piece !== "") this.#ids.set(piece, id);
    this.#order = places(scores);
    this.#bytes = bytePieces.map((piece) => this.#ids.get(piece) ?? -1);
    this.#longest = pieces.reduce((longest, { length }) => Math.max(longest, length), 0);
  }

  /** The id of a piece, if it is one. */
  idOf(piece: string): number | undefined {
    return this.#ids.get(piece);
  }

  /**
   * Tokens of one line, an escaped text.
   * @param dropout Each merge is left out with probability `rate` when its turn comes.
   */
  merge(line: string, dropout?: { readonly rate: number; readonly random: Random }): number[] {
    const queue = new Heap<number>((a, b) => a < b);
    const count = this.#begin(line);
    for (let left = 0; left < count; left++) this.#offer(line, left, queue);
    for (let entry = queue.pop(); entry !== undefined; entry = queue.pop()) {
      const left = entry % SYMBOLS;
      const joint = this.#joint[left];
      if (joint < 0 || this.#order[joint] !== Math.floor(entry / SYMBOLS)) continue; // one of the two has merged
      if (dropout !== undefined && dropout.random.next() < dropout.rate) {
        this.#joint[left] = -1;
        continue;
      }
      const right = this.#next[left];
      this.#piece[left] = joint;
      this.#joint[right] = -1;
      this.#next[left] = this.#next[right];
      this.#previous[this.#next[right]] = left;
      this.#offer(line, left, queue);
      if (this.#previous[left] >= 0) this.#offer(line, this.#previous[left], queue);
    }
    return this.#tokens(line, count);
  }

  /** Cuts a line into characters, as many as returned. */
  #begin(line: string): number {
    if (this.#start.length <= line.length) this.#grow(2 * line.length + 1);
    let count = 0;
    for (let at = 0; at < line.length; count++) {
      const end = at + (isLeadingSurrogate(line.charCodeAt(at)) ? 2 : 1);
      this.#start[count] = at;
      this.#previous[count] = count - 1;
      this.#next[count] = count + 1;
      this.#piece[count] = this.#ids.get(line.slice(at, end)) ?? -1;
      at = end;
    }
    this.#start[count] = line.length;
    return count;
  }

  /** Queues the merge of symbol `left` with the next one, if both are one piece. */
  #offer(line: string, left: number, queue: Heap<number>): void {
    const from = this.#start[left];
    const right = this.#next[left];
    this.#joint[left] = -1;
    if (this.#start[right] === line.length) return;
    const to = this.#start[this.#next[right]];
    if (to - from > this.#longest) return;
    const joint = this.#ids.get(line.slice(from, to));
    if (joint === undefined) return;
    this.#joint[left] = joint;
    queue.push(this.#order[joint] * SYMBOLS + left);
  }

  #tokens(line: string, count: number): number[] {
    const tokens: number[] = [];
    for (let symbol = 0; symbol < count; symbol = this.#next[symbol]) {
      if (this.#piece[symbol] >= 0) tokens.push(this.#piece[symbol]);
      else {
        const character = line.slice(this.#start[symbol], this.#start[this.#next[symbol]]);
        for (const byte of Buffer.from(character)) tokens.push(this.#bytes[byte]);
      }
    }
    return tokens;
  }

  #grow(length: number): void {
    this.#start = new Int32Array(length);
    this.#previous = new Int32Array(length);
    this.#next = new Int32Array(length);
    this.#piece = new Int32Array(length);
    this.#joint = new Int32Array(length);
  }
}

const isLeadingSurrogate = (code: number): boolean => code >= 0xd800 && code < 0xdc00;

/** Place of each score in falling order, the same for equal ones. `[n] -> [n]` */
function places(scores: Float32Array): Int32Array {
  const falling = [...new Set(scores)].sort((a, b) => b - a);
  const place = new Map(falling.map((score, at) => [score, at]));
  return Int32Array.from(scores, (score) => place.get(score) ?? 0);
}
