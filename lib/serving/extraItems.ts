import type { ExternalId } from "../data/idMap.js";
import type { Found, Search } from "./batcher.js";
import type { Snapshot } from "./snapshot.js";

/** An item that came after the training. */
export interface ExtraItem {
  readonly id: ExternalId;
  readonly title: string;
  /** What it is by its title; null where it is like no other: it has no score then. */
  readonly known: {
    /** Of the items that it is like, as all of this is. */
    readonly vector: Float32Array;
    readonly bias: number;
    /** The one that it is most like. */
    readonly nearest: number;
  } | null;
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

  /** Adds an item; one that is there is replaced. */
  add(item: ExtraItem): void {
    const there = this.#indices.get(item.id);
    if (there === undefined) this.#indices.set(item.id, this.#begin + this.#items.push(item) - 1);
    else this.#items[there - this.#begin] = item;
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

/** Which of them may be in a list. */
export function extrasFor(
  { extra }: Snapshot,
  left: Int32Array,
  allowed: Int32Array | null,
  seen: readonly number[],
): readonly number[] {
  if (extra.size === 0) return [];
  const out = new Set([...left, ...seen]);
  const only = allowed === null ? null : new Set(allowed);
  return [...extra.indices()].filter((item) => !out.has(item) && (only === null || only.has(item)));
}

/** A list with those of the search's extra items that belong in it. */
export function withExtraItems(found: Found, { snapshot, query, extras, depth }: Search): Found {
  if (extras.length === 0) return found;
  const vector = snapshot.engine.vector(query);
  const least = found.items.length < depth ? Number.NEGATIVE_INFINITY : found.scores[found.items.length - 1];
  const better: { item: number; score: number }[] = [];
  for (const item of extras) {
    const score = snapshot.scoreOf(vector, item);
    if (score > least) better.push({ item, score });
  }
  if (better.length === 0) return found;
  const best = Array.from(found.items, (item, at) => ({ item, score: found.scores[at] }))
    .concat(better)
    .sort((a, b) => b.score - a.score || a.item - b.item)
    .slice(0, depth);
  return {
    items: Int32Array.from(best, ({ item }) => item),
    scores: Float64Array.from(best, ({ score }) => score),
  };
}
