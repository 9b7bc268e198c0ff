import { uniform } from "../random.js";

/** Titles of a made-up catalogue: words in several scripts, years, accents, spaces. */
export function titles(count: number, seed: number): string[] {
  const next = uniform(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)];
  const syllables = [
    "la",
    "mor",
    "tin",
    "É",
    "ver",
    "ka",
    "zo",
    "the ",
    "of ",
    "Ren",
    "ñu",
    "ost",
    "Дом",
    "夜",
    "!",
    "'s ",
  ];
  return Array.from({ length: count }, () => {
    const words = Array.from({ length: 2 + Math.floor(next() * 5) }, () => pick(syllables));
    return `${words.join("")} (${1950 + Math.floor(next() * 75)})`;
  });
}

/** Texts that no vocabulary expects: other scripts, emoji, control characters, markers, pieces' own spellings. */
export function strangeTexts(count: number, seed: number): string[] {
  const next = uniform(seed);
  const parts = [
    " ",
    "  ",
    "\n",
    "\n\n",
    "\t",
    "\r\n",
    "a",
    "The",
    "Once upon",
    "1995",
    "(",
    "é",
    "e\u0301",
    "ß",
    "夜",
    "🎬",
  ];
  parts.push(
    "👩‍👧",
    "\u2581",
    "\u0000",
    "\ufffd",
    "\ud800",
    "[INST]",
    "[/INST]",
    "<s>",
    "</s>",
    "<unk>",
    "<0x0A>",
    "<0x41",
  );
  parts.push(">", "INST]", "<", "lily", " said", "mor", "tin (19", "=", " = 5", "\u0627\u0644");
  const point = () => String.fromCodePoint(Math.floor(next() ** 4 * 0x10ffff));
  return Array.from({ length: count }, () =>
    Array.from({ length: Math.floor(next() * 30) }, () =>
      next() < 0.1 ? point() : parts[Math.floor(next() * parts.length)],
    ).join(""),
  );
}
