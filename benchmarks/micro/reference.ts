/** Answers in float64, written in the plainest way: what every result is held against before it is timed. */

/** A row of the best items. */
export interface Best {
  /** Best first, ties by lower id. */
  readonly ids: Int32Array;
  readonly scores: Float64Array;
}

/** Scores of all items `[n x d]` for one query. */
export function scoresOf(items: Float32Array, query: ArrayLike<number>): Float64Array {
  const d = query.length;
  const scores = new Float64Array(items.length / d);
  for (let item = 0, at = 0; item < scores.length; item++) {
    let score = 0;
    for (let j = 0; j < d; j++) score += query[j] * items[at++];
    scores[item] = score;
  }
  return scores;
}

/** The k best of these scores. */
export function bestOf(scores: Float64Array, k: number): Best {
  const ids = new Int32Array(k);
  const best = new Float64Array(k).fill(-Infinity);
  for (let item = 0; item < scores.length; item++) {
    const score = scores[item];
    if (score <= best[k - 1]) continue;
    let place = k - 1;
    for (; place > 0 && best[place - 1] < score; place--) {
      best[place] = best[place - 1];
      ids[place] = ids[place - 1];
    }
    best[place] = score;
    ids[place] = item;
  }
  return { ids, scores: best };
}

/** @throws Error unless the ids are those of the reference, in its order. */
export function checkSame(what: string, found: ArrayLike<number>, { ids }: Best): void {
  if (found.length !== ids.length)
    throw new Error(`${what}: expected ${ids.length} ids, got ${found.length}`);
  for (let place = 0; place < ids.length; place++)
    if (found[place] !== ids[place])
      throw new Error(`${what}: expected item ${ids[place]} at place ${place}, got ${found[place]}`);
}

/**
 * For results in float32, which may swap what is nearly equal.
 * @param scores Of all items, float64.
 * @param tolerance By how much of the best score an id may fall short of the last one of the reference.
 * @throws Error unless all ids differ and each is as good as the last one of the reference.
 */
export function checkClose(
  what: string,
  found: ArrayLike<number | bigint>,
  { best, scores, tolerance }: { best: Best; scores: Float64Array; tolerance: number },
): void {
  const ids = Array.from(found, Number);
  if (ids.length !== best.ids.length || new Set(ids).size !== ids.length)
    throw new Error(`${what}: expected ${best.ids.length} different ids, got ${ids.join(" ")}`);
  const least = best.scores[best.scores.length - 1] - tolerance * Math.abs(best.scores[0]);
  for (const id of ids)
    if (!(scores[id] >= least))
      throw new Error(`${what}: expected scores of at least ${least}, got ${scores[id]} of item ${id}`);
}
