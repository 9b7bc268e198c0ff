import type { TopK } from "../native/catalogue.js";
import type { Query } from "./engine.js";
import type { Snapshot } from "./snapshot.js";

/** One list to find. */
export interface Search {
  readonly snapshot: Snapshot;
  readonly query: Query;
  /** Longest list that the engine is asked for. */
  readonly k: number;
  /** Longest list with items that came after the training. */
  readonly depth: number;
  /** Item indices that stay out. */
  readonly excluded: Int32Array;
  /** If not null, only these item indices. */
  readonly allowed: Int32Array | null;
  /** Items that came after the training and may be in the list. */
  readonly extras: readonly number[];
}

/** Item indices and scores of one list, best first. */
export interface Found {
  readonly items: Int32Array;
  readonly scores: Float64Array;
}

interface Waiting {
  readonly search: Search;
  readonly resolve: (found: Found) => void;
  readonly reject: (error: unknown) => void;
}

/** Lists of one call into the engine. */
const mostOfBatch = 64;
/** Calls into the engine at a time: one that runs, and one whose results are handed out meanwhile. */
const mostInFlight = 2;

/**
 * Puts searches that arrive while others run into one call: what a batch costs is far less than what its lists cost one by
 * one, and the event loop stays free. Nobody waits for a batch to fill.
 */
export class Batcher {
  #waiting: Waiting[] = [];
  #inFlight = 0;
  #scheduled = false;

  find(search: Search): Promise<Found> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ search, resolve, reject });
      this.#schedule();
    });
  }

  /** After what is to be read from sockets now: those requests come along. */
  #schedule(): void {
    if (this.#scheduled || this.#inFlight === mostInFlight || this.#waiting.length === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      while (this.#inFlight < mostInFlight && this.#waiting.length > 0) void this.#run(this.#take());
    });
  }

  /** The first one waiting, and those after it that can be found with it. */
  #take(): Waiting[] {
    const [first] = this.#waiting;
    const fits = ({ search }: Waiting): boolean =>
      search.snapshot === first.search.snapshot && search.k === first.search.k && search.allowed === null;
    if (first.search.allowed !== null) return this.#waiting.splice(0, 1);
    const batch: Waiting[] = [];
    const others: Waiting[] = [];
    for (const each of this.#waiting) (batch.length < mostOfBatch && fits(each) ? batch : others).push(each);
    this.#waiting = others;
    return batch;
  }

  async #run(batch: readonly Waiting[]): Promise<void> {
    this.#inFlight++;
    const [{ search }] = batch;
    try {
      const { engine } = search.snapshot;
      const top = await engine.topKAsync(
        batch.map(({ search }) => search.query),
        filtersOf(batch.map(({ search }) => search)),
      );
      for (const [row, { resolve }] of batch.entries()) resolve(rowOf(top, row));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      this.#inFlight--;
      this.#schedule();
    }
  }
}

/** The same, at once, on the calling thread. */
export function findNow(search: Search): Found {
  return rowOf(search.snapshot.engine.topK([search.query], filtersOf([search])), 0);
}

function filtersOf(searches: readonly Search[]) {
  const [{ k, allowed }] = searches;
  const offsets = new Int32Array(searches.length + 1);
  for (const [row, { excluded }] of searches.entries()) offsets[row + 1] = offsets[row] + excluded.length;
  const items = new Int32Array(offsets[searches.length]);
  for (const [row, { excluded }] of searches.entries()) items.set(excluded, offsets[row]);
  return { k, allowed, excluded: { offsets, items } };
}

function rowOf({ k, ids, scores, counts }: TopK, row: number): Found {
  const begin = row * k;
  const end = begin + counts[row];
  return { items: ids.subarray(begin, end), scores: scores.subarray(begin, end) };
}
