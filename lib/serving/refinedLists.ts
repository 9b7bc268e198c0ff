/** Lists that are kept at most; the one not asked for longest goes first. */
const mostLists = 100_000;

/** What the language model said of lists, by whom and what they were for. */
export class RefinedLists {
  readonly #lists = new Map<string, ReadonlyMap<number, number>>();

  keep(key: string, items: Int32Array, scores: Float64Array): void {
    this.#lists.delete(key);
    this.#lists.set(key, new Map(Array.from(items, (item, at) => [item, scores[at]])));
    if (this.#lists.size <= mostLists) return;
    for (const oldest of this.#lists.keys()) {
      this.#lists.delete(oldest);
      return;
    }
  }

  /** Scores of these items, in their order; null where one of them was not asked about. */
  scores(key: string | null, items: Int32Array): Float64Array | null {
    const list = key === null ? undefined : this.#lists.get(key);
    if (key === null || list === undefined) return null;
    const scores = Float64Array.from(items, (item) => list.get(item) ?? Number.NaN);
    if (scores.some(Number.isNaN)) return null;
    this.#lists.delete(key);
    this.#lists.set(key, list);
    return scores;
  }
}
