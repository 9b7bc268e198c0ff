import type { ExternalId } from "../data/idMap.js";
import type { Found, Search } from "./batcher.js";

/** An item that came after the training. */
export interface ExtraItem {
  readonly id: ExternalId;
  readonly title: string;
  /** By its title; null where it is like no other: it has no score then. */
  readonly vector: Float32Array | null;
}

/**
 * Items that came after the training, beside a snapshot's own: their indices follow those. What is there stays as it is, so
 * that requests which run need not know of later ones.
 */
export class ExtraItems {
  readonly #begin: number;
  readonly #items: ExtraItem[] = [];
  readonly #indices = new Map<ExternalId, number>();

  /** @param begin How many items the snapshot has. */
  constructor(begin: number) {
    this.#begin = begin;
  }

  get size(): number {
    return this.#items.length;
  }

  /** Adds an item, unless it is there. */
  add(item: ExtraItem): void {
    if (this.#indices.has(item.id)) return;
    this.#indices.set(item.id, this.#begin + this.#items.length);
    this.#items.push(item);
  }

  /** -1 where it is not among them. */
  indexOf(id: ExternalId): number {
    return this.#indices.get(id) ?? -1;
  }

  at(index: number): ExtraItem | undefined {
    return this.#items[index - this.#begin];
  }

  /** Their indices. */
  *indices(): Generator<number> {
    for (let n = 0; n < this.#items.length; n++) yield this.#begin + n;
  }
}

/** A list with those of the search's extra items that belong in it. */
export function withExtraItems(found: Found, { snapshot, query, extras, k }: Search): Found {
  if (extras.length === 0) return found;
  const vector = snapshot.engine.vector(query);
  const scored = Array.from(found.items, (item, at) => ({ item, score: found.scores[at] }));
  for (const item of extras) {
    const score = snapshot.scoreOf(vector, item);
    if (!Number.isNaN(score)) scored.push({ item, score });
  }
  scored.sort((a, b) => b.score - a.score || a.item - b.item);
  const best = scored.slice(0, k);
  return {
    items: Int32Array.from(best, ({ item }) => item),
    scores: Float64Array.from(best, ({ score }) => score),
  };
}
