import test from "ava";
import { escaped, PieceType } from "../../../lib/llm/tokenizer/pieces.js";
import type { Tokenizer } from "../../../lib/llm/tokenizer/tokenizer.js";
import { trainTokenizer } from "../../../lib/llm/tokenizer/trainer.js";
import { strangeTexts, titles } from "./texts.js";

/** Special pieces, bytes, the line break and the space. */
const FIXED = 3 + 256 + 2;
const weighted = (texts: readonly string[]) => texts.map((text, i) => ({ text, weight: 1 + ((i * 7) % 5) }));
/** What is left of a text: halves of surrogate pairs have no UTF-8, and U+2581 is how a vocabulary writes a space. */
const wellFormed = (text: string): string => Buffer.from(text).toString().replaceAll("\u2581", " ");
const learnt = ({ vocabulary }: Tokenizer): string[] =>
  vocabulary.pieces.filter((_, id) => vocabulary.scores[id] < 0);

/** The pieces that merging the heaviest pair again and again gives, everything counted anew each time. */
function plainMerges(texts: readonly { text: string; weight: number }[], count: number): string[] {
  let units = texts.map(({ text, weight }) => ({ symbols: [...escaped(text)], weight }));
  const pieces: string[] = [];
  while (pieces.length < count) {
    const weights = new Map<string, number>();
    for (const { symbols, weight } of units)
      for (const [i, right] of symbols.slice(1).entries()) {
        const piece = symbols[i] + right;
        if (piece.length <= 64) weights.set(piece, (weights.get(piece) ?? 0) + weight);
      }
    const [best] = [...weights].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
    if (best === undefined) break;
    pieces.push(best[0]);
    const whole = new Set(pieces);
    units = units.map(({ symbols, weight }) => ({ symbols: mergedWith(symbols, whole, pieces), weight }));
  }
  return pieces;
}

/** Merges neighbours that are a piece, the earliest learnt first. */
function mergedWith(
  symbols: readonly string[],
  whole: ReadonlySet<string>,
  pieces: readonly string[],
): string[] {
  const merged = [...symbols];
  for (;;) {
    const possible = merged.slice(1).map((right, i) => ({ i, piece: merged[i] + right }));
    const [first] = possible
      .filter(({ piece }) => whole.has(piece))
      .sort((a, b) => pieces.indexOf(a.piece) - pieces.indexOf(b.piece) || a.i - b.i);
    if (first === undefined) return merged;
    merged.splice(first.i, 2, first.piece);
  }
}

test("learns the merges that counting everything anew gives", (t) => {
  for (const seed of [1, 2, 3]) {
    const texts = weighted(titles(40, seed));
    const tokenizer = trainTokenizer({ texts, size: 420 });
    const merges = learnt(tokenizer);
    t.true(merges.length > 80);
    t.deepEqual(merges, plainMerges(texts, merges.length));
  }
});

test("the vocabulary is special pieces, markers, bytes, line break, space, characters, merges", (t) => {
  const tokenizer = trainTokenizer({
    texts: [{ text: "aab aab", weight: 1 }],
    control: ["[INST]"],
    size: 300,
  });
  const { pieces, types, scores } = tokenizer.vocabulary;
  t.deepEqual(pieces.slice(0, 4), ["<unk>", "<s>", "</s>", "[INST]"]);
  t.is(pieces[4], "<0x00>");
  t.is(pieces[4 + 256], "\n");
  t.deepEqual(pieces.slice(261, 264), ["▁", "a", "b"]);
  t.deepEqual(pieces.slice(264, 266), ["aa", "aab"]);
  t.deepEqual([...types.slice(0, 5)], [2, 3, 3, 3, 6]);
  t.deepEqual([...types.slice(260, 265)], [1, 1, 1, 1, 1]);
  t.deepEqual([...scores.slice(260, 266)], [0, 0, 0, 0, -1, -2]);
});

test("pieces cross spaces, never line breaks or texts", (t) => {
  const tokenizer = trainTokenizer({
    texts: [
      { text: "New York\nBoston", weight: 5 },
      { text: "New York", weight: 1 },
    ],
  });
  t.true(learnt(tokenizer).includes("New▁York"));
  t.is(tokenizer.count("New York\nBoston"), 3);
  t.false(tokenizer.vocabulary.pieces.some((piece) => piece.length > 1 && piece.includes("\n")));
  t.deepEqual(
    learnt(trainTokenizer({ texts: ["ab", "cd", "ab", "cd"].map((text) => ({ text, weight: 1 })) })),
    ["ab", "cd"],
  );
});

test("required texts are one token each, also those that need each other's parts", (t) => {
  const letters = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"].map((letter) => ` ${letter}`);
  const ratings = Array.from({ length: 10 }, (_, i) => ` ${i + 1}`);
  const required = [...letters, ...ratings, " =", "abab", "Yes", "🎬"];
  const tokenizer = trainTokenizer({ texts: weighted(titles(50, 4)), size: 600, required });
  for (const text of required) t.is(tokenizer.count(text), 1, text);
  t.deepEqual(
    [...tokenizer.encode("x = 5\ny = 10")].filter((token) => token === tokenizer.encode(" =")[0]).length,
    2,
    "and stay so in a line",
  );
});

test("no text spells a marker or a special piece", (t) => {
  const control = ["[INST]", "[/INST]"];
  const spellings = ["[INST]", "[/INST]", "<s>", "</s>", "<unk>", "<0x0A>", "<0x41>", "[[INST]]"];
  const texts = [
    ...spellings,
    ...spellings.map((text) => text.slice(1)),
    ...spellings.map((text) => text.slice(0, -1)),
  ];
  const tokenizer = trainTokenizer({ texts: texts.map((text) => ({ text, weight: 9 })), control });
  const { types } = tokenizer.vocabulary;
  for (const text of [...texts, ...strangeTexts(200, 5)].map(wellFormed)) {
    const tokens = tokenizer.encode(text);
    for (const token of tokens)
      t.true(types[token] === PieceType.normal || types[token] === PieceType.byte, text);
    t.is(tokenizer.decode(tokens), text);
  }
});

test("digits stay single when asked to, except in required pieces", (t) => {
  const tokenizer = trainTokenizer({
    texts: [{ text: "Up (2009) (2009)", weight: 9 }],
    splitDigits: true,
    required: [" 10"],
  });
  t.deepEqual(
    learnt(tokenizer).filter((piece) => /\d/.test(piece)),
    ["▁1", "▁10"],
  );
});

test("pieces end at the longest allowed", (t) => {
  const tokenizer = trainTokenizer({ texts: [{ text: titles(20, 10).join(), weight: 1 }], longestPiece: 12 });
  t.is(Math.max(...learnt(tokenizer).map(({ length }) => length)), 12);
});

test("a size holds, and rare characters are spelt in bytes", (t) => {
  const alphabet = Array.from({ length: 500 }, (_, i) => String.fromCodePoint(0x4e00 + i));
  const texts = alphabet.map((character, i) => ({ text: character + character, weight: 500 - i }));
  const tokenizer = trainTokenizer({ texts, size: FIXED + 100 });
  t.is(tokenizer.size, FIXED + 100);
  t.is(tokenizer.count(alphabet[0]), 1);
  t.is(tokenizer.count(alphabet[499]), 3);
  t.is(tokenizer.decode(tokenizer.encode(alphabet.join(""))), alphabet.join(""));
});

test("few texts, one text or none give a small vocabulary that still spells everything", (t) => {
  for (const texts of [
    [],
    [{ text: "", weight: 1 }],
    [{ text: "\n\n", weight: 1 }],
    [{ text: "x", weight: 0 }],
  ])
    t.is(trainTokenizer({ texts }).size, FIXED);
  const one = trainTokenizer({ texts: [{ text: "Alien (1979)", weight: 1 }] });
  t.is(one.count("Alien (1979)"), 1);
  for (const text of strangeTexts(50, 6).map(wellFormed)) t.is(one.decode(one.encode(text)), text);
});

test("the same texts give the same vocabulary, in any order where weights are integers", (t) => {
  const texts = weighted(titles(200, 7));
  const there = trainTokenizer({ texts, size: 500 });
  t.deepEqual(trainTokenizer({ texts, size: 500 }).vocabulary, there.vocabulary);
  t.deepEqual(trainTokenizer({ texts: texts.toReversed(), size: 500 }).vocabulary, there.vocabulary);
});

test("titles of 10 kB and of one repeated character train", (t) => {
  const long = titles(400, 8).join(" ").slice(0, 10_000);
  const tokenizer = trainTokenizer({
    texts: [
      { text: long, weight: 1 },
      { text: " ".repeat(10_000), weight: 1 },
    ],
    size: 600,
  });
  t.is(tokenizer.decode(tokenizer.encode(long)), long);
  t.true(tokenizer.count(" ".repeat(640)) <= 10);
});

test("a catalogue of 100,000 titles trains", (t) => {
  const tokenizer = trainTokenizer({ texts: weighted(titles(100_000, 9)), size: 1024 });
  t.is(tokenizer.size, 1024);
});

test("what cannot be is refused by name", (t) => {
  const refused = (options: Partial<Parameters<typeof trainTokenizer>[0]>, message: RegExp) =>
    t.throws(() => trainTokenizer({ texts: [], ...options }), { code: "E_ARGUMENT", message });
  refused({ texts: [{ text: "x", weight: -1 }] }, /texts\[0\]\.weight/);
  refused({ texts: [{ text: "x", weight: Number.NaN }] }, /texts\[0\]\.weight/);
  refused({ size: 100 }, /size: expected room for 260/);
  refused({ size: FIXED + 1, required: [" A"] }, /size/);
  refused({ size: 2.5 }, /size/);
  refused({ longestPiece: 0 }, /longestPiece/);
  refused({ control: ["<>"] }, /control\[0\]/);
  refused({ control: ["[IN ST]"] }, /control\[0\]/);
  refused({ control: ["<s>"] }, /control/);
  refused({ required: ["ok", "a\nb"] }, /required\[1\]/);
  refused({ required: [""] }, /required\[0\]/);
  refused({ control: ["[INST]"], required: ["[INST"] }, /required\[0\]/);
  refused({ control: ["[INST]"], required: ["[INST] x"] }, /required\[0\]/);
});
