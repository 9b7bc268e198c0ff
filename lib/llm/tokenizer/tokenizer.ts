import type { Random } from "../../data/random.js";
import { argumentError, Llama4RecError } from "../../native/errors.js";
import type { GgufHeader } from "../gguf/header.js";
import type { GgufMetadata } from "../gguf/writer.js";
import { Merger } from "./merger.js";
import { escaped, PieceType, SPACE, type Vocabulary, vocabularyFault } from "./pieces.js";

/** Characters of lines whose tokens are kept; then they are forgotten and collected anew. */
const CACHED_CHARACTERS = 2 ** 22;
/** Longer lines are rare and not kept. In characters. */
const LONGEST_CACHED = 2 ** 12;

/**
 * A tokenizer of the SPM kind, token for token that of llama.cpp for the same vocabulary.
 *
 * @example
 * ```ts
 * const tokenizer = trainTokenizer({ texts: titles.map((text) => ({ text, weight: 1 })), control: ["[INST]", "[/INST]"] });
 * const tokens = tokenizer.encode("Alien (1979)");
 * console.log(tokenizer.decode(tokens));
 * ```
 */
export class Tokenizer {
  /** What it knows; do not change it. */
  readonly vocabulary: Vocabulary;
  readonly #merger: Merger;
  /** Pieces that are tokens wherever they stand in a text, longest first; and those with control pieces. */
  readonly #userDefined: readonly number[];
  readonly #special: readonly number[];
  /** Bytes of each token's text, empty for control tokens. */
  readonly #texts: readonly Buffer[];
  /** Token of a line break, when no piece joins one with anything else: then lines stand for themselves. */
  readonly #lineBreak: number | null;
  readonly #lines = new Map<string, Tokens>();
  #cachedCharacters = 0;

  /** @throws Llama4RecError `E_ARGUMENT` when the vocabulary contradicts itself or lacks a byte. */
  constructor(vocabulary: Vocabulary) {
    const fault = vocabularyFault(vocabulary);
    if (fault !== null) throw argumentError("vocabulary", fault, vocabulary);
    const { pieces, types } = vocabulary;
    this.vocabulary = vocabulary;
    this.#merger = new Merger(vocabulary);
    const ofTypes = (...wanted: number[]): number[] =>
      pieces
        .flatMap((piece, id) => (piece !== "" && wanted.includes(types[id]) ? [id] : []))
        .sort((a, b) => Buffer.byteLength(pieces[b]) - Buffer.byteLength(pieces[a]) || a - b);
    this.#userDefined = ofTypes(PieceType.userDefined);
    this.#special = ofTypes(PieceType.userDefined, PieceType.control, PieceType.unknown);
    this.#texts = pieces.map((piece, id) => textOf(piece, types[id]));
    const joinsLines = pieces.some((piece) => piece.length > 1 && piece.includes("\n"));
    this.#lineBreak = joinsLines ? null : this.#merger.merge("\n")[0];
  }

  /**
   * The tokenizer of a GGUF.
   * @throws Llama4RecError `E_GGUF` when the file has none, another kind (only SPM, `llama`) or a contradictory one.
   */
  static fromGguf(header: GgufHeader): Tokenizer {
    const refuse = (expected: string): Llama4RecError =>
      new Llama4RecError("E_GGUF", `${header.path}: expected a tokenizer with ${expected}`);
    const value = (key: string) => header.metadata.get(`tokenizer.ggml.${key}`);
    const model = value("model");
    if (model !== "llama") throw refuse(`tokenizer.ggml.model "llama" (SPM), got ${JSON.stringify(model)}`);
    const pieces = value("tokens");
    if (!Array.isArray(pieces) || !pieces.every((piece) => typeof piece === "string"))
      throw refuse(`tokenizer.ggml.tokens, an array of strings, got ${typeof pieces}`);
    const scores = value("scores") ?? new Float32Array(pieces.length);
    if (!(scores instanceof Float32Array))
      throw refuse(`tokenizer.ggml.scores, an array of float32, got ${typeof scores}`);
    const types = value("token_type") ?? new Int32Array(pieces.length).fill(PieceType.normal);
    if (!(types instanceof Int32Array || types instanceof Uint32Array))
      throw refuse(`tokenizer.ggml.token_type, an array of int32, got ${typeof types}`);
    // The defaults are llama.cpp's.
    const id = (key: string, fallback: number): number => Number(value(key) ?? fallback);
    const vocabulary: Vocabulary = {
      pieces,
      scores,
      types: Int32Array.from(types),
      bos: id("bos_token_id", 1),
      eos: id("eos_token_id", 2),
      unknown: id("unknown_token_id", 0),
      addSpacePrefix: value("add_space_prefix") !== false,
      addBos: value("add_bos_token") !== false,
    };
    const fault = vocabularyFault(vocabulary);
    if (fault !== null) throw refuse(fault);
    return new Tokenizer(vocabulary);
  }

  /** The entries of a GGUF's metadata that describe it. */
  toGguf(): GgufMetadata {
    const { pieces, scores, types, bos, eos, unknown, addSpacePrefix, addBos } = this.vocabulary;
    return {
      "tokenizer.ggml.model": "llama",
      "tokenizer.ggml.pre": "default",
      "tokenizer.ggml.tokens": pieces,
      "tokenizer.ggml.scores": scores,
      "tokenizer.ggml.token_type": types,
      "tokenizer.ggml.bos_token_id": { uint32: bos },
      "tokenizer.ggml.eos_token_id": { uint32: eos },
      "tokenizer.ggml.unknown_token_id": { uint32: unknown },
      "tokenizer.ggml.add_bos_token": addBos,
      "tokenizer.ggml.add_eos_token": false,
      "tokenizer.ggml.add_space_prefix": addSpacePrefix,
    };
  }

  /** Pieces of the vocabulary. */
  get size(): number {
    return this.vocabulary.pieces.length;
  }

  /** The id of a piece as the vocabulary writes it (spaces are U+2581), if there is one. */
  idOf(piece: string): number | undefined {
    return this.#merger.idOf(piece);
  }

  /** Tokens of a text that is data: control markers in it stay text. Without a beginning-of-text token. */
  encode(text: string): Int32Array {
    return joined(this.#parts(text, this.#userDefined));
  }

  /** How many tokens {@link Tokenizer.encode} gives. */
  count(text: string): number {
    const { pieces, addSpacePrefix } = this.vocabulary;
    const lineBreak = this.#lineBreak;
    if (
      text === "" ||
      lineBreak === null ||
      this.#userDefined.some((marker) => text.includes(pieces[marker]))
    )
      return lengthOf(this.#parts(text, this.#userDefined));
    // Prompts are counted again and again while they are cut to what fits: nothing is joined.
    let count = 0;
    let begin = 0;
    for (let end = text.indexOf("\n"); ; end = text.indexOf("\n", begin)) {
      const line = end < 0 ? text.slice(begin) : text.slice(begin, end);
      count += this.#line(begin === 0 && addSpacePrefix ? ` ${line}` : line).length;
      if (end < 0) return count;
      count++;
      begin = end + 1;
    }
  }

  /** Tokens of a text whose control markers, such as `<s>` and `[INST]`, are control tokens: never with titles in it. */
  encodeSpecial(text: string): Int32Array {
    return joined(this.#parts(text, this.#special));
  }

  /**
   * As {@link Tokenizer.encode}, with merges left out at random, so that a model meets a text in many forms: for
   * training.
   *
   * Source: Provilkov, Emelianenko, Voita, "BPE-Dropout: Simple and Effective Subword Regularization" (ACL 2020). There
   * every step draws anew for all merges, which on long lines leaves out next to none; here each merge has one draw,
   * when its turn comes, so that lines of any length are treated alike.
   * @param rate Probability in [0, 1] with which each merge is left out: 0 leaves out none, 1 all.
   * @throws Llama4RecError `E_ARGUMENT` when `rate` is anything else.
   */
  encodeDropout(text: string, rate: number, random: Random): Int32Array {
    if (!(rate >= 0 && rate <= 1)) throw argumentError("rate", "a probability in [0, 1]", rate);
    return joined(this.#parts(text, this.#userDefined, { rate, random }));
  }

  /**
   * The text of tokens: the inverse of {@link Tokenizer.encode}. Control tokens have none, broken UTF-8 becomes U+FFFD.
   * @throws Llama4RecError `E_ARGUMENT` when a token is not in the vocabulary.
   */
  decode(tokens: Iterable<number>): string {
    const parts: Buffer[] = [];
    for (const token of tokens) {
      if (this.#texts[token] === undefined)
        throw argumentError("tokens", `token ids below ${this.size}`, token);
      parts.push(this.#texts[token]);
    }
    const text = Buffer.concat(parts).toString("utf8");
    return this.vocabulary.addSpacePrefix && text.startsWith(" ") ? text.slice(1) : text;
  }

  /** The tokens of a text in parts: each line, each line break, each of the `markers`, which are taken whole. */
  #parts(text: string, markers: readonly number[], dropout?: Dropout): Tokens[] {
    const { pieces, addSpacePrefix } = this.vocabulary;
    let fragments: (string | number)[] = text === "" ? [] : [text];
    for (const marker of markers)
      if (text.includes(pieces[marker]))
        fragments = fragments.flatMap((fragment) =>
          typeof fragment === "number" ? fragment : cutAt(pieces[marker], marker, fragment),
        );
    return fragments.flatMap((fragment) => {
      if (typeof fragment === "number") return [[fragment]];
      // Each stands at the beginning or after a marker.
      return this.#lineParts(addSpacePrefix ? ` ${fragment}` : fragment, dropout);
    });
  }

  #lineParts(text: string, dropout?: Dropout): Tokens[] {
    const lineBreak = this.#lineBreak;
    const lines = lineBreak === null ? [text] : text.split("\n");
    return lines.flatMap((line, at) => {
      const tokens = dropout === undefined ? this.#line(line) : this.#merger.merge(escaped(line), dropout);
      return at === 0 || lineBreak === null ? [tokens] : [[lineBreak], tokens];
    });
  }

  #line(line: string): Tokens {
    const known = this.#lines.get(line);
    if (known !== undefined) return known;
    const tokens = this.#merger.merge(escaped(line));
    if (line.length > LONGEST_CACHED) return tokens;
    this.#cachedCharacters += line.length;
    if (this.#cachedCharacters > CACHED_CHARACTERS) {
      this.#lines.clear();
      this.#cachedCharacters = line.length;
    }
    this.#lines.set(line, tokens);
    return tokens;
  }
}

type Tokens = readonly number[];
type Dropout = { readonly rate: number; readonly random: Random };

/** A text's parts between the places where a marker stands, and its token at those places. */
function cutAt(piece: string, token: number, text: string): (string | number)[] {
  const [first, ...others] = text.split(piece);
  return [first, ...others.flatMap((part) => [token, part])].filter((part) => part !== "");
}

const lengthOf = (parts: readonly Tokens[]): number => parts.reduce((sum, { length }) => sum + length, 0);

function joined(parts: readonly Tokens[]): Int32Array {
  const tokens = new Int32Array(lengthOf(parts));
  let at = 0;
  for (const part of parts) {
    tokens.set(part, at);
    at += part.length;
  }
  return tokens;
}

/** What a piece writes. */
function textOf(piece: string, type: number): Buffer {
  if (type === PieceType.byte) return Buffer.from([Number.parseInt(piece.slice(3, 5), 16)]);
  if (type === PieceType.normal) return Buffer.from(piece.replaceAll(SPACE, " "));
  return type === PieceType.userDefined ? Buffer.from(piece) : Buffer.alloc(0);
}
