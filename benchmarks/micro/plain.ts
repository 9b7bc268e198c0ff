/** The rival that needs no package: the same jobs as plain loops over typed arrays. */

/** Ids of the k best items by `query . item`, best first, ties by lower id. `items [n x d]`. */
export function plainTopK(items: Float32Array, query: Float32Array, k: number): Int32Array {
  const d = query.length;
  const n = items.length / d;
  const ids = new Int32Array(k);
  const scores = new Float64Array(k).fill(-Infinity);
  for (let item = 0, at = 0; item < n; item++) {
    let score = 0;
    for (let j = 0; j < d; j++) score += query[j] * items[at++];
    if (score <= scores[k - 1]) continue;
    let place = k - 1;
    for (; place > 0 && scores[place - 1] < score; place--) {
      scores[place] = scores[place - 1];
      ids[place] = ids[place - 1];
    }
    scores[place] = score;
    ids[place] = item;
  }
  return ids;
}

/** Rows of a table `[n x d]` copied one after the other into `out`. */
export function plainGather(table: Float32Array, d: number, rows: Int32Array, out: Float32Array): void {
  for (let r = 0; r < rows.length; r++) {
    const from = rows[r] * d;
    const to = r * d;
    for (let j = 0; j < d; j++) out[to + j] = table[from + j];
  }
}
