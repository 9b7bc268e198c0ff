import { argumentError } from "../../native/errors.js";
import { Merger } from "./merger.js";
import { Pairs } from "./pairs.js";
import { bytePieces, escaped, PieceType, SPACE, type Vocabulary } from "./pieces.js";
import { Tokenizer } from "./tokenizer.js";

/** What a tokenizer is trained on, and how large it may become. */
export interface TokenizerTraining {
  /**
   * Texts with their weights, at least 0: how often, or how much, each counts. Pieces may cross spaces in a text, never
   * a line break or the end of a text.
   */
  readonly texts: Iterable<{ readonly text: string; readonly weight: number }>;
  /** Most pieces, special and byte pieces included. Default 4096; few texts give fewer. */
  readonly size?: number;
  /** Control markers, such as `[INST]`, of at least three characters without spaces. No text can spell one. */
  readonly control?: readonly string[];
  /** Texts that must be one token wherever they stand alone, the most important first, such as ` A` or ` 10`. */
  readonly required?: readonly string[];
  /** Longest piece in UTF-16 units. Default 64. */
  readonly longestPiece?: number;
  /** Whether digits stay single, but in `required` pieces. Default false: years become pieces. */
  readonly splitDigits?: boolean;
}

/** `<unk>`, `<s>`, `</s>` under the ids that llama.cpp expects of a vocabulary that does not say. */
const SPECIAL = ["<unk>", "<s>", "</s>"] as const;

/**
 * Trains an SPM-type BPE with byte fallback. The vocabulary is `<unk>`, `<s>`, `</s>`, the control markers, 256 byte
 * pieces, the line break, the space, characters (the heaviest first, at most half of what is left: others are spelt in
 * bytes), then the required pieces and the merges of the heaviest pairs, each with minus its rank as score. The same
 * texts give the same vocabulary.
 *
 * Source: Sennrich, Haddow, Birch, "Neural Machine Translation of Rare Words with Subword Units" (ACL 2016), merging by
 * pieces as Kudo, Richardson, "SentencePiece" (EMNLP 2018) do.
 *
 * @throws Llama4RecError `E_ARGUMENT` for a negative weight, for a marker or required piece that cannot be, and for a
 *   size without room for them.
 *
 * @example
 * ```ts
 * const tokenizer = trainTokenizer({
 *   texts: [{ text: "Alien (1979)", weight: 3 }, { text: "Dune (1984)", weight: 1 }],
 *   control: ["[INST]", "[/INST]"],
 *   required: [" A", " B"],
 * });
 * ```
 */
export function trainTokenizer(training: TokenizerTraining): Tokenizer {
  const { size = 4096, control = [], longestPiece = 64, splitDigits = false } = training;
  if (!(Number.isSafeInteger(size) && size <= 2 ** 20))
    throw argumentError("size", "an integer up to 2^20", size);
  if (!(Number.isSafeInteger(longestPiece) && longestPiece >= 1))
    throw argumentError("longestPiece", "a positive integer", longestPiece);
  const required = (training.required ?? []).map(escaped);
  const vocabulary = new GrowingVocabulary(control, size);
  const units = unitsOf(training.texts);
  vocabulary.addCharacters(units, required);
  const characters = new Set(vocabulary.pieces.slice(vocabulary.fixed));
  const allowed = (piece: string): boolean =>
    !vocabulary.spellsMarker(piece) && [...piece].every((character) => characters.has(character));
  const pairs = new Pairs(
    units,
    splitDigits ? (piece) => !/\d/.test(piece) && allowed(piece) : allowed,
    longestPiece,
  );
  const known = (piece: string): boolean => vocabulary.has(piece);
  for (const [i, text] of required.entries()) {
    const isPossible = text !== "" && text.length <= longestPiece && (text === "\n" || allowed(text));
    if (!isPossible)
      throw argumentError(`required[${i}]`, `1..${longestPiece} characters in one line, no marker's`, text);
    for (let parts = vocabulary.encode(text); parts.length > 1; parts = vocabulary.encode(text)) {
      const piece = parts[0] + parts[1];
      if (vocabulary.spellsMarker(piece))
        throw argumentError(`required[${i}]`, "no beginning of a marker", text);
      if (!vocabulary.learn(piece)) throw argumentError("size", "room for all required pieces", size);
      pairs.merge(piece, known);
    }
  }
  for (let piece = pairs.heaviest(); piece !== null; piece = pairs.heaviest()) {
    if (!vocabulary.learn(piece)) break;
    pairs.merge(piece, known);
  }
  return new Tokenizer(vocabulary.finished());
}

/** Lines of the texts as units of their own, escaped, with their weights summed. */
function unitsOf(texts: TokenizerTraining["texts"]): Map<string, number> {
  const units = new Map<string, number>();
  let index = 0;
  for (const { text, weight } of texts) {
    if (!(weight >= 0 && weight < Number.POSITIVE_INFINITY))
      throw argumentError(`texts[${index}].weight`, "a finite number of at least 0", weight);
    index++;
    if (weight === 0) continue;
    for (const line of escaped(text).split("\n"))
      if (line !== "") units.set(line, (units.get(line) ?? 0) + weight);
  }
  return units;
}

/** A vocabulary that grows to a size. */
class GrowingVocabulary {
  readonly pieces: string[];
  /** Pieces that are there before any text: special ones, bytes, the line break. */
  readonly fixed: number;
  readonly #size: number;
  readonly #control: number;
  readonly #known: Set<string>;
  /** What no piece may be, lest two pieces of a text make a marker. */
  readonly #spelling = new Set<string>();
  #merges = 0;

  constructor(control: readonly string[], size: number) {
    for (const [i, marker] of control.entries())
      if (!/^\S{3,}$/.test(marker) || escaped(marker) !== marker)
        throw argumentError(`control[${i}]`, "at least three characters without spaces", marker);
    this.#control = SPECIAL.length + control.length;
    this.pieces = [...SPECIAL, ...control, ...bytePieces, "\n"];
    this.fixed = this.pieces.length;
    this.#size = size;
    if (size < this.fixed)
      throw argumentError("size", `room for ${this.fixed} special and byte pieces`, size);
    this.#known = new Set(this.pieces);
    if (this.#known.size < this.fixed)
      throw argumentError("control", "markers that differ from all pieces", control);
    // A text's "[" and "INST]" would be merged to the marker, as would "[INST" and "]".
    for (const marker of this.pieces.slice(0, -1)) {
      this.#spelling.add(marker).add(marker.slice(1));
      for (let length = 2; length < marker.length; length++) this.#spelling.add(marker.slice(0, length));
    }
  }

  has(piece: string): boolean {
    return this.#known.has(piece);
  }

  /** Whether a piece is a marker or could become one with its neighbour. */
  spellsMarker(piece: string): boolean {
    return this.#spelling.has(piece);
  }

  /** Adds the space, the characters of the required pieces, then those of the texts, the heaviest first. */
  addCharacters(units: ReadonlyMap<string, number>, required: readonly string[]): void {
    const weights = new Map<string, number>();
    for (const [unit, weight] of units)
      for (const character of unit) weights.set(character, (weights.get(character) ?? 0) + weight);
    const byWeight = [...weights].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
    const room = Math.floor((this.#size - this.fixed) / 2);
    const wanted = [SPACE, ...required.join(""), ...byWeight.slice(0, room).map(([character]) => character)];
    for (const character of wanted) if (!this.has(character)) this.#add(character);
    if (this.pieces.length > this.#size)
      throw argumentError("size", `room for ${this.pieces.length} pieces and characters`, this.#size);
  }

  /** Adds a merged piece, below all before it; false when there is no room. */
  learn(piece: string): boolean {
    if (this.pieces.length === this.#size) return false;
    this.#merges++;
    // A copy: a slice would keep all texts in memory.
    this.#add(Buffer.from(piece).toString());
    return true;
  }

  /** The pieces of a text in the vocabulary as it is. */
  encode(text: string): string[] {
    return new Merger(this.finished()).merge(text).map((token) => this.pieces[token]);
  }

  finished(): Vocabulary {
    const { pieces } = this;
    const firstMerge = pieces.length - this.#merges;
    const types = new Int32Array(pieces.length).fill(PieceType.normal);
    types.fill(PieceType.byte, this.#control, this.fixed - 1);
    types.fill(PieceType.control, 0, this.#control);
    types[0] = PieceType.unknown;
    return {
      pieces: [...pieces],
      scores: Float32Array.from(pieces, (_, id) => Math.min(0, firstMerge - 1 - id)),
      types,
      bos: 1,
      eos: 2,
      unknown: 0,
      addSpacePrefix: false,
      addBos: true,
    };
  }

  #add(piece: string): void {
    this.#known.add(piece);
    this.pieces.push(piece);
  }
}
