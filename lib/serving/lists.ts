import { aggregate } from "../aggregation/aggregate.js";
import { positionUtilities, rankUtilities } from "../aggregation/utility.js";
import type { ExternalId } from "../data/idMap.js";
import type { Found } from "./batcher.js";
import type { Person } from "./person.js";
import type { CheckedRequest } from "./request.js";
import type { Snapshot } from "./snapshot.js";
import type { Recommendation } from "./types.js";

/** The first ones in the order of the mixed utilities (Llama4Rec, Eq. 6), the others behind them. */
export function mixedList({ items, scores }: Found, languageModel: Float64Array, alpha: number): Found {
  const count = languageModel.length;
  const first = items.slice(0, count);
  const order = aggregate({
    candidates: first.map((_, place) => place),
    recommender: positionUtilities(first.map((_, place) => place)),
    languageModel: rankUtilities(languageModel),
    alpha,
  });
  const mixed = { items: items.slice(), scores: scores.slice() };
  for (const [place, from] of order.entries()) {
    mixed.items[place] = items[from];
    mixed.scores[place] = scores[from];
  }
  return mixed;
}

/** The most popular items, for somebody of whom nothing is known; scores are their places, 0 the best. */
export function popular(
  { k: longest, mode, candidates, allow, exclude }: CheckedRequest,
  { skipped }: Person,
  snapshot: Snapshot,
): Found {
  const k = mode === "conventional" ? longest : Math.max(longest, candidates);
  const items: number[] = [];
  const left = new Set(snapshot.indicesOf(exclude));
  const only = allow === undefined ? null : new Set(snapshot.indicesOf(allow));
  if (!skipped)
    for (const item of chained(snapshot.popular, snapshot.extra.indices())) {
      if (items.length === k) break;
      if (!left.has(item) && (only === null || only.has(item))) items.push(item);
    }
  return { items: Int32Array.from(items), scores: Float64Array.from(items, (_, place) => 0 - place) };
}

/** The first k with their ids. */
export function listOf(
  { items, scores }: Found,
  k: number,
  snapshot: Snapshot,
): Pick<Recommendation, "ids" | "scores"> {
  const count = Math.min(k, items.length);
  const ids = new Array<ExternalId>(count);
  const listed = new Array<number>(count);
  for (let at = 0; at < count; at++) {
    ids[at] = snapshot.idAt(items[at]);
    listed[at] = scores[at];
  }
  return { ids, scores: listed };
}

/** One list of indices behind the other. */
export function joined(a: Int32Array, b: Int32Array): Int32Array {
  if (b.length === 0) return a;
  const both = new Int32Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

function* chained(...lists: readonly Iterable<number>[]): Generator<number> {
  for (const list of lists) yield* list;
}
