/** What a piece of a vocabulary is, by GGUF's numbers. */
export const PieceType = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** How SPM vocabularies write a space. */
export const SPACE = "\u2581";

/** The piece of a byte, `<0x0A>` for a line break. */
export const bytePiece = (byte: number): string => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;

/** The 256 byte pieces, which every SPM vocabulary has. */
export const bytePieces: readonly string[] = Array.from({ length: 256 }, (_, byte) => bytePiece(byte));

/** A text as the vocabulary sees it: spaces marked, halves of surrogate pairs replaced, as UTF-8 does. */
export function escaped(text: string): string {
  return text.replaceAll(" ", SPACE).replace(/\p{Surrogate}/gu, "\ufffd");
}

/** A vocabulary with what is to know of its use: plain data, as a GGUF holds it. */
export interface Vocabulary {
  /** Pieces by token id, all different but for empty ones; spaces are U+2581. */
  readonly pieces: readonly string[];
  /** Of several possible merges the one with the highest score comes first. `[pieces]` */
  readonly scores: Float32Array;
  /** What each piece is: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 a byte. `[pieces]` */
  readonly types: Int32Array;
  /** Token at the beginning of every context. */
  readonly bos: number;
  /** Token that ends a text. */
  readonly eos: number;
  /** Token of what has no piece; with byte pieces it never occurs. */
  readonly unknown: number;
  /** Whether a text at the very beginning, or after a special token, gets a space before it. */
  readonly addSpacePrefix: boolean;
  /** Whether contexts begin with `bos`. */
  readonly addBos: boolean;
}

/** Why these data are no vocabulary of the SPM kind, or null. */
export function vocabularyFault({ pieces, scores, types, bos, eos, unknown }: Vocabulary): string | null {
  for (const [name, { length }] of Object.entries({ scores, types }))
    if (length !== pieces.length) return `${name} for ${pieces.length} pieces, got ${length}`;
  for (const [name, id] of Object.entries({ bos, eos, unknown }))
    if (!(Number.isSafeInteger(id) && id >= 0 && id < pieces.length))
      return `${name} below ${pieces.length}, got ${id}`;
  if (scores.some(Number.isNaN)) return "scores that are numbers, got NaN";
  const known = new Set<string>();
  for (const piece of pieces) {
    if (piece !== "" && known.has(piece)) return `pieces that occur once, got ${JSON.stringify(piece)} twice`;
    known.add(piece);
  }
  const missing = bytePieces.find((piece) => !known.has(piece));
  return missing === undefined ? null : `a piece for every byte, got none for ${missing}`;
}
