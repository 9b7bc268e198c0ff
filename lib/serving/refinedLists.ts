/** Users whose list is kept at most; the one not asked for longest goes first. */
const mostLists = 100_000;

interface Kept {
  /** Of the snapshot and of what happened since. */
  readonly version: string;
  readonly items: Int32Array;
  readonly scores: Float64Array;
}

/** What the language model said of each user's last list. */
export class RefinedLists {
  readonly #lists = new Map<string, Kept>();

  keep(user: string, version: string, items: Int32Array, scores: Float64Array): void {
    this.#lists.delete(user);
    this.#lists.set(user, { version, items, scores });
    if (this.#lists.size <= mostLists) return;
    for (const oldest of this.#lists.keys()) {
      this.#lists.delete(oldest);
      return;
    }
  }

  /** Scores of these items, in their order; null where one of them was not asked about or the user is no longer the same. */
  scores(user: string, version: string, items: Int32Array): Float64Array | null {
    const list = this.#lists.get(user);
    if (list === undefined || list.version !== version) return null;
    const scores = new Float64Array(items.length);
    for (let at = 0; at < items.length; at++) {
      const place = list.items.indexOf(items[at]);
      if (place < 0) return null;
      scores[at] = list.scores[place];
    }
    this.#lists.delete(user);
    this.#lists.set(user, list);
    return scores;
  }
}
