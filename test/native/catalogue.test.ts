import test from "ava";
import { Random } from "../../lib/data/random.js";
import { Catalogue, selectTopK, type TopK, type TopKFilter, topKRow } from "../../lib/native/catalogue.js";
import { Llama4RecError } from "../../lib/native/errors.js";
import { gram, sparseScores, spdInverse } from "../../lib/native/linalg.js";
import { detached, loosely, raises } from "./raises.js";

interface Ranked {
  readonly ids: number[];
  readonly scores: number[];
}

/** The rule itself: float64 scores, filters first, best first, ties by lower index, never padded. */
function bruteForce(scores: Float64Array, items: number, k: number, filter: TopKFilter): Ranked[] {
  const allowed = filter.allowed ? new Set(filter.allowed) : null;
  return Array.from({ length: scores.length / items }, (_, row) => {
    const excluded = new Set(
      filter.excluded?.items.subarray(filter.excluded.offsets[row], filter.excluded.offsets[row + 1]) ?? [],
    );
    const ids = Array.from({ length: items }, (_, id) => id)
      .filter((id) => !excluded.has(id) && !filter.denied?.includes(id) && (allowed?.has(id) ?? true))
      .sort((a, b) => scores[row * items + b] - scores[row * items + a] || a - b)
      .slice(0, k);
    return { ids, scores: ids.map((id) => scores[row * items + id]) };
  });
}

const ranked = (top: TopK): Ranked[] =>
  Array.from(top.counts, (count, row) => ({
    ids: [...topKRow(top, row)],
    scores: [...top.scores.subarray(row * top.k, row * top.k + count)],
  }));

/** Some of `0 .. n - 1` in random order. */
const some = (random: Random, n: number, count: number): Int32Array =>
  random.shuffle(Int32Array.from({ length: n }, (_, id) => id)).subarray(0, count);

for (const [size, dimension] of [
  [1, 1],
  [7, 3],
  [100, 8],
  [300, 17],
])
  test(`top-k of ${size} items of ${dimension} numbers is the brute force, ties and filters included`, (t) => {
    const random = new Random(size, dimension);
    const batch = 5;
    // Small whole numbers: float64 is exact and many scores are equal.
    const whole = (count: number): Float32Array =>
      Float32Array.from({ length: count }, () => random.below(5) - 2);
    const [items, biases, queries] = [whole(size * dimension), whole(size), whole(batch * dimension)];
    const scores = Float64Array.from({ length: batch * size }, (_, at) => {
      const [row, id] = [Math.floor(at / size), at % size];
      let sum = biases[id];
      for (let d = 0; d < dimension; d++) sum += queries[row * dimension + d] * items[id * dimension + d];
      return sum;
    });
    using catalogue = new Catalogue(items, { dimension, biases });
    const excludedRows = Array.from({ length: batch }, () => some(random, size, random.below(size + 1)));
    const offsets = new Int32Array(batch + 1);
    for (const [row, list] of excludedRows.entries()) offsets[row + 1] = offsets[row] + list.length;
    const excluded = { offsets, items: Int32Array.from(excludedRows.flatMap((list) => [...list])) };
    const denied = some(random, size, size >> 2);
    const allowed = some(random, size, Math.ceil(size / 2));
    const filters: TopKFilter[] = [
      {},
      { excluded },
      { denied },
      { allowed },
      { excluded, denied },
      { excluded, denied, allowed },
      { allowed: Int32Array.of(size - 1, size - 1, 0) },
      { allowed: new Int32Array(0) },
      { excluded: null, denied: null, allowed: null },
    ];
    for (const filter of filters)
      for (const k of new Set([1, Math.min(10, size), size])) {
        const expected = bruteForce(scores, size, k, filter);
        t.deepEqual(ranked(catalogue.topK(queries, { ...filter, k })), expected);
        t.deepEqual(ranked(selectTopK(scores, size, { ...filter, k })), expected);
      }
  });

test("a result's memory can be used again for the next one of its shape", (t) => {
  const items = Float32Array.of(1, 0, 0, 1, 1, 1);
  using catalogue = new Catalogue(items, { dimension: 2 });
  const first = catalogue.topK(Float32Array.of(1, 0), { k: 2 });
  t.deepEqual([...topKRow(first, 0)], [0, 2]);
  const again = catalogue.topK(Float32Array.of(0, 1), { k: 2, into: first });
  t.is(again, first);
  t.deepEqual([...topKRow(again, 0)], [1, 2]);
  const few = catalogue.topK(Float32Array.of(0, 1), { k: 2, into: first, allowed: Int32Array.of(0) });
  t.deepEqual([...topKRow(few, 0)], [0]);
  t.deepEqual(
    [[...few.ids], [...few.scores]],
    [
      [0, -1],
      [0, 0],
    ],
    "nothing of the one before is left",
  );
  raises(
    t,
    () => catalogue.topK(Float32Array.of(0, 1), { k: 1, into: first }),
    "E_ARGUMENT",
    /^into: .*1 x 1.*1 x 2/,
  );
  raises(
    t,
    () => catalogue.topK(new Float32Array(4), { k: 2, into: first }),
    "E_ARGUMENT",
    /^into: .*2 x 2.*1 x 2/,
  );
  const short = { ...first, ids: new Int32Array(1) };
  raises(t, () => catalogue.topK(Float32Array.of(0, 1), { k: 2, into: short }), "E_ARGUMENT", /^ids: /);
});

test("real numbers give the ids of a float64 brute force", (t) => {
  const random = new Random(3);
  const [size, dimension, batch] = [500, 24, 8];
  const real = (count: number): Float32Array =>
    Float32Array.from({ length: count }, () => random.next() - 0.5);
  const [items, queries] = [real(size * dimension), real(batch * dimension)];
  const scores = Float64Array.from({ length: batch * size }, (_, at) => {
    const [row, id] = [Math.floor(at / size), at % size];
    let sum = 0;
    for (let d = 0; d < dimension; d++) sum += queries[row * dimension + d] * items[id * dimension + d];
    return sum;
  });
  using catalogue = new Catalogue(items, { dimension });
  const found = ranked(catalogue.topK(queries, { k: 20 }));
  const expected = bruteForce(scores, size, 20, {});
  t.deepEqual(
    found.map(({ ids }) => ids),
    expected.map(({ ids }) => ids),
  );
  for (const [row, { scores: list }] of found.entries())
    for (const [place, score] of list.entries())
      t.true(Math.abs(score - expected[row].scores[place]) < 1e-12);
});

const small = (): Catalogue => new Catalogue(Float32Array.of(1, 0, 0, 1, 1, 1), { dimension: 2 });
const query = Float32Array.of(1, 2);

test("k is a whole number from 1 to the size of the catalogue", (t) => {
  using catalogue = small();
  for (const k of [0, -1, 4, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
    const message = new RegExp(`^k: expected an integer from 1 to the 3 items there are, got ${k}$`);
    raises(t, () => catalogue.topK(query, { k }), "E_ARGUMENT", message);
    raises(t, () => selectTopK(new Float64Array(3), 3, { k }), "E_ARGUMENT", message);
  }
  raises(t, () => loosely(selectTopK, new Float64Array(3), 3, { k: "2" }), "E_ARGUMENT", /^k: .*got "2"/);
});

test("vectors, queries and scores must be numbers of the right count", (t) => {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    raises(t, () => new Catalogue(Float32Array.of(1, bad), { dimension: 2 }), "E_ARGUMENT");
    raises(
      t,
      () => new Catalogue(Float32Array.of(1, 1), { dimension: 2, biases: Float32Array.of(bad) }),
      "E_ARGUMENT",
    );
    using catalogue = small();
    raises(t, () => catalogue.topK(Float32Array.of(1, bad), { k: 1 }), "E_ARGUMENT");
  }
  raises(t, () => selectTopK(Float64Array.of(1, Number.NaN), 2, { k: 1 }), "E_ARGUMENT", /not a number/);
  using catalogue = small();
  raises(t, () => catalogue.topK(Float32Array.of(1, 2, 3), { k: 1 }), "E_ARGUMENT", /multiple of 2 .*got 3/);
  raises(t, () => selectTopK(new Float64Array(4), 3, { k: 1 }), "E_ARGUMENT", /multiple of 3 .*got 4/);
  raises(t, () => new Catalogue(new Float32Array(3), { dimension: 2 }), "E_ARGUMENT", /multiple of 2/);
  for (const dimension of [0, -1, 1.5, Number.NaN, 2 ** 40])
    raises(t, () => new Catalogue(new Float32Array(0), { dimension }), "E_ARGUMENT", /dimension/);
  raises(
    t,
    () => new Catalogue(new Float32Array(4), { dimension: 2, biases: new Float32Array(3) }),
    "E_ARGUMENT",
    /expected 2/,
  );
});

test("a filter that cannot be read is refused, never ignored", (t) => {
  using catalogue = small();
  const top = (filter: object): unknown =>
    loosely(catalogue.topK.bind(catalogue), query, { k: 1, ...filter });
  const one = Int32Array.of(1);
  const wrong = [
    { denied: Int32Array.of(3) },
    { denied: Int32Array.of(-1) },
    { denied: [1] },
    { denied: Float64Array.of(1.5) },
    { denied: detached(Int32Array.of(1)) },
    { allowed: Int32Array.of(3) },
    { allowed: Int32Array.of(-1) },
    { allowed: new Set([1]) },
    { allowed: detached(Int32Array.of(1)) },
    { excluded: {} },
    { excluded: { offsets: Int32Array.of(0), items: one } },
    { excluded: { offsets: Int32Array.of(0, 2), items: one } },
    { excluded: { offsets: Int32Array.of(1, 0), items: one } },
    { excluded: { offsets: Int32Array.of(0, 1), items: Int32Array.of(3) } },
    { excluded: { offsets: Int32Array.of(0, 1), items: [1] } },
    { excluded: { offsets: detached(Int32Array.of(0, 1)), items: one } },
  ];
  for (const filter of wrong) raises(t, () => top(filter), "E_ARGUMENT");
});

test("an empty batch gives an empty answer, an empty catalogue none", (t) => {
  using catalogue = small();
  t.is(catalogue.topK(new Float32Array(0), { k: 2 }).counts.length, 0);
  using empty = new Catalogue(new Float32Array(0), { dimension: 2 });
  raises(t, () => empty.topK(query, { k: 1 }), "E_ARGUMENT", /the 0 items/);
});

test("a catalogue keeps its own copy and is gone once disposed, twice if you like", (t) => {
  const items = Float32Array.of(1, 0, 0, 1);
  const catalogue = new Catalogue(items, { dimension: 2 });
  items.fill(0);
  t.deepEqual([...topKRow(catalogue.topK(query, { k: 2 }), 0)], [1, 0]);
  catalogue.dispose();
  catalogue.dispose();
  raises(t, () => catalogue.topK(query, { k: 1 }), "E_DISPOSED");
});

test("linear algebra: faults come as the package's errors, also from the promise", async (t) => {
  t.deepEqual([...(await spdInverse(Float64Array.of(2, 0, 0, 4), 2))], [0.5, 0, 0, 0.25]);
  const faults = [
    () => spdInverse(Float64Array.of(1, 2, 2, 1), 2),
    () => spdInverse(Float64Array.of(Number.NaN), 1),
    () => spdInverse(new Float64Array(3), 2),
  ];
  for (const fault of faults) await t.throwsAsync(fault, { instanceOf: Llama4RecError, code: "E_ARGUMENT" });
  const rows = { offsets: Int32Array.of(0, 2), items: Int32Array.of(0, 2) };
  t.deepEqual([...gram(rows, 3)], [1, 0, 1, 0, 0, 0, 1, 0, 1]);
  t.deepEqual([...sparseScores(rows, Float64Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9), 3)], [8, 10, 12]);
  raises(t, () => gram({ offsets: Int32Array.of(0, 3), items: rows.items }, 3), "E_ARGUMENT");
  raises(t, () => gram({ ...rows, items: Int32Array.of(0, 3) }, 3), "E_ARGUMENT");
  raises(t, () => sparseScores(rows, new Float64Array(8), 3), "E_ARGUMENT");
});
