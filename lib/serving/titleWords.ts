/** Titles by their words: how an item that no training knows finds the items that it is like. */

import { TextTable } from "../storage/textTable.js";

/** Which items have each word in their title, in compressed rows. */
export interface WordIndex {
  /** Ascending. */
  readonly words: TextTable;
  /** `[words + 1]` */
  readonly offsets: Int32Array;
  /** Ascending within a word. */
  readonly items: Int32Array;
}

/** A word that more than this share of the titles has says nothing. */
const mostOfTitles = 1 / 3;
/** Items that a new one is like, at most. */
const mostNeighbours = 20;

/** Items of words that are looked at for a title, at most: some milliseconds on the event loop would be too many. */
const mostLooked = 5000;

/** The words of a text, each once, in lower case. */
export const wordsOf = (text: string): Set<string> =>
  new Set(
    text
      .normalize("NFC")
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? [],
  );

/** The index of a catalogue's titles. */
export function indexTitles(titles: readonly string[]): WordIndex {
  const rows = new Map<string, number[]>();
  for (const [item, title] of titles.entries())
    for (const word of wordsOf(title)) {
      const row = rows.get(word);
      if (row === undefined) rows.set(word, [item]);
      else row.push(item);
    }
  const most = Math.max(2, mostOfTitles * titles.length);
  const kept = [...rows].filter(([, items]) => items.length <= most).sort(([a], [b]) => (a < b ? -1 : 1));
  const offsets = new Int32Array(kept.length + 1);
  for (const [row, [, items]] of kept.entries()) offsets[row + 1] = offsets[row] + items.length;
  return {
    words: TextTable.of(
      "words",
      kept.map(([word]) => word),
    ),
    offsets,
    items: Int32Array.from(kept.flatMap(([, items]) => items)),
  };
}

/** Items, the most alike first, and what each weighs; together 1. */
export interface Alike {
  readonly items: readonly number[];
  readonly weights: readonly number[];
}

/**
 * The items whose titles are most like one: weighed by the squared sum of the squared inverse document frequencies
 * `log(titles / titles with the word)` of the words shared.
 * @param count Titles that there are.
 * @returns Null where no title shares a word that says something.
 */
export function alikeByTitle(
  title: string,
  { words, offsets, items }: WordIndex,
  count: number,
): Alike | null {
  const rows = [...wordsOf(title)]
    .map((word) => placeOf(word, words))
    .filter((row) => row >= 0)
    .sort((a, b) => offsets[a + 1] - offsets[a] - (offsets[b + 1] - offsets[b]) || a - b);
  const shared = new Map<number, number>();
  let looked = 0;
  for (const row of rows) {
    const [begin, end] = [offsets[row], offsets[row + 1]];
    looked += end - begin;
    if (looked > mostLooked && shared.size > 0) break; // the rarest words say most
    const weight = Math.log(count / (end - begin)) ** 2;
    for (let at = begin; at < Math.min(end, begin + mostLooked); at++)
      shared.set(items[at], (shared.get(items[at]) ?? 0) + weight);
  }
  const nearest = [...shared].sort(([a, x], [b, y]) => y - x || a - b).slice(0, mostNeighbours);
  const total = nearest.reduce((sum, [, weight]) => sum + weight ** 2, 0);
  if (!(total > 0)) return null;
  return {
    items: nearest.map(([item]) => item),
    weights: nearest.map(([, weight]) => weight ** 2 / total),
  };
}

/**
 * The weighed mean of rows.
 * @param table `[items x dimension]`
 * @returns `[dimension]`
 */
export function meanOf({ items, weights }: Alike, table: Float32Array, dimension: number): Float32Array {
  const mean = new Float32Array(dimension);
  for (const [at, item] of items.entries())
    for (let d = 0; d < dimension; d++) mean[d] += weights[at] * table[item * dimension + d];
  return mean;
}

/** Place of a word among ascending ones, -1 where it is not there. */
function placeOf(word: string, words: TextTable): number {
  let low = 0;
  let high = words.size;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (words.at(middle) < word) low = middle + 1;
    else high = middle;
  }
  return low < words.size && words.at(low) === word ? low : -1;
}
