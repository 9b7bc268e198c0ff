/** `llama4rec/kernels`: the engine over the caller's typed arrays. */
import test from "ava";
import { Random } from "../../lib/data/random.js";
import {
  Catalogue,
  cudaInfo,
  type EmbeddingStorage,
  EmbeddingTable,
  embeddingBag,
  embeddingLookup,
  selectTopK,
  sequenceAttention,
  topK,
} from "../../lib/kernels/index.js";
import { detached, loosely, raises } from "../native/raises.js";

const random = new Random(1, 0);
const numbers = (count: number): Float32Array =>
  Float32Array.from({ length: count }, () => 2 * random.next() - 1);
const storages: readonly EmbeddingStorage[] = ["float32", "bf16", "int8"];

test("rows of a typed array and of a table are the same rows", (t) => {
  const values = numbers(50 * 24);
  const ids = Int32Array.from({ length: 90 }, () => random.below(50));
  const expected = Float32Array.from(
    { length: 90 * 24 },
    (_, i) => values[ids[Math.floor(i / 24)] * 24 + (i % 24)],
  );
  t.deepEqual(embeddingLookup({ values, dimension: 24 }, ids), expected);
  using table = new EmbeddingTable(values, { dimension: 24 });
  t.deepEqual(embeddingLookup(table, ids), expected);
});

test("a table in 16 or 8 bits is smaller and near", (t) => {
  const values = numbers(40 * 64);
  const ids = Int32Array.from({ length: 40 }, (_, i) => i);
  const bytes = storages.map((storage) => {
    using table = new EmbeddingTable(values, { dimension: 64, storage });
    const rows = embeddingLookup(table, ids, { into: new Float32Array(values.length).fill(Number.NaN) });
    t.true(rows.every((value, i) => Math.abs(value - values[i]) <= 1 / 254 + 1e-6));
    return table.bytes;
  });
  t.deepEqual(bytes, [40 * 64 * 4, 40 * 64 * 2, 40 * 64 + 40 * 4]);
});

test("bags are sums, means and weighted sums; an empty one is zeros", (t) => {
  const table = { values: Float32Array.of(1, 2, 3, 4, 5, 6), dimension: 2 };
  const ids = Int32Array.of(0, 1, 2);
  const offsets = Int32Array.of(0, 2, 2, 3);
  t.deepEqual([...embeddingBag(table, ids, { offsets })], [4, 6, 0, 0, 5, 6]);
  t.deepEqual([...embeddingBag(table, ids, { offsets, mode: "mean" })], [2, 3, 0, 0, 5, 6]);
  const weights = Float32Array.of(2, 1, -1);
  t.deepEqual([...embeddingBag(table, ids, { offsets, weights })], [5, 8, 0, 0, -5, -6]);
  t.deepEqual([...embeddingBag(table, ids, { offsets, weights, mode: "mean" })], [2.5, 4, 0, 0, -5, -6]);
});

test("a result goes to the caller's memory", (t) => {
  const table = { values: Float32Array.of(1, 2, 3, 4), dimension: 2 };
  const into = new Float32Array(2).fill(Number.NaN);
  t.is(embeddingLookup(table, Int32Array.of(1), { into }), into);
  t.deepEqual([...into], [3, 4]);
  t.is(embeddingBag(table, Int32Array.of(0), { offsets: Int32Array.of(0, 1), into }), into);
  t.deepEqual([...into], [1, 2]);
});

test("attention of one token is its value, and a causal first token sees itself alone", (t) => {
  const tokens = numbers(5 * 6);
  const options = { offsets: Int32Array.of(0, 1, 5), dimension: 6, heads: 2 };
  const out = sequenceAttention(tokens, tokens, tokens, options);
  for (const at of [0, 1]) t.deepEqual(out.subarray(at * 6, at * 6 + 6), tokens.subarray(at * 6, at * 6 + 6));
  const both = sequenceAttention(tokens, tokens, tokens, { ...options, causal: false });
  t.notDeepEqual(both.subarray(6, 12), out.subarray(6, 12));
  t.deepEqual(both.subarray(24, 30), out.subarray(24, 30), "the last token sees all either way");
});

test("top-k of vectors seen once is that of a catalogue, scores bit for bit, with filters", (t) => {
  for (const [size, dimension, batch] of [
    [1, 1, 1],
    [300, 17, 3],
    [20_000, 8, 2],
  ]) {
    const items = numbers(size * dimension);
    const queries = numbers(batch * dimension);
    const biases = numbers(size);
    const k = Math.min(7, size);
    const filters = [
      {},
      { denied: Int32Array.of(0) },
      { allowed: Int32Array.of(size - 1, 0) },
      { excluded: { offsets: new Int32Array(batch + 1).fill(1, 1), items: Int32Array.of(size >> 1) } },
    ];
    using catalogue = new Catalogue(items, { dimension, biases });
    for (const filter of filters)
      t.deepEqual(
        topK(items, queries, { dimension, biases, k, ...filter }),
        catalogue.topK(queries, { k, ...filter }),
      );
  }
});

test("a device that is not there is refused by a code of its own, with the reason", (t) => {
  const table = { values: new Float32Array(2), dimension: 2 };
  using kept = new EmbeddingTable(table.values, { dimension: 2 });
  const ids = Int32Array.of(0);
  const offsets = Int32Array.of(0, 1);
  const { available, reason, devices } = cudaInfo();
  t.is(available, devices.length > 0);
  t.is(reason === "", available);
  for (const device of available ? (["cuda:255"] as const) : (["cuda", "cuda:1"] as const)) {
    const refused = (body: () => unknown): void => raises(t, body, "E_DEVICE", /^device: cuda/);
    refused(() => embeddingLookup(table, ids, { device }));
    refused(() => embeddingLookup(kept, ids, { device }));
    refused(() => embeddingBag(kept, ids, { offsets, device }));
    refused(() => topK(table.values, table.values, { dimension: 2, k: 1, device }));
    refused(() =>
      sequenceAttention(table.values, table.values, table.values, { offsets, dimension: 2, device }),
    );
  }
  if (!available)
    t.true(t.throws(() => embeddingLookup(table, ids, { device: "cuda" }))?.message.includes(reason), reason);
  for (const device of ["tpu", "cuda:", "cuda:-1", "cuda:256", "cuda:1000", 0])
    raises(t, () => loosely(embeddingLookup, table, ids, { device }), "E_ARGUMENT", /^device/);
  for (const device of ["auto", "cpu"] as const) t.is(embeddingLookup(table, ids, { device }).length, 2);
});

test("kernels give the same on a GPU, where there is one", (t) => {
  if (!cudaInfo().available) {
    t.pass("no GPU here");
    return;
  }
  const values = numbers(60 * 8);
  const ids = Int32Array.of(3, 59, 0, 3);
  const offsets = Int32Array.of(0, 3, 4);
  using table = new EmbeddingTable(values, { dimension: 8, storage: "bf16" });
  t.deepEqual(embeddingLookup(table, ids, { device: "cuda" }), embeddingLookup(table, ids));
  t.deepEqual(embeddingBag(table, ids, { offsets, device: "cuda" }), embeddingBag(table, ids, { offsets }));
  const queries = numbers(24);
  const options = { dimension: 8, k: 9, denied: Int32Array.of(4) };
  t.deepEqual(topK(values, queries, { ...options, device: "cuda" }), topK(values, queries, options));
});

test("a result laid over what is read is refused, and left as it was", (t) => {
  const n = 1000;
  const memory = new Int32Array(4);
  const scores = Float64Array.from({ length: 2 * n }, (_, i) => i);
  const rows = (batch: number, k: number) => ({
    k,
    ids: new Int32Array(batch * k),
    scores: new Float64Array(batch * k),
    counts: new Int32Array(batch),
  });
  const excluded = { offsets: memory.subarray(0, 3), items: new Int32Array(0) };
  const over = { ...rows(2, n), counts: memory.subarray(2, 4) };
  const refused = (body: () => unknown): void =>
    raises(t, body, "E_ARGUMENT", /^into: expected memory apart/);
  refused(() => selectTopK(scores, n, { k: n, excluded, into: over }));
  refused(() => selectTopK(scores, n, { k: n, into: { ...rows(2, n), scores } }));
  t.is(scores[7], 7);

  using catalogue = new Catalogue(Float32Array.of(1, 2), { dimension: 1 });
  const buffer = new ArrayBuffer(8);
  const query = new Float32Array(buffer, 0, 1);
  query[0] = -1;
  refused(() => catalogue.topK(query, { k: 1, into: { ...rows(1, 1), scores: new Float64Array(buffer) } }));
  const one = Int32Array.of(1);
  refused(() => catalogue.topK(query, { k: 1, allowed: one, into: { ...rows(1, 1), counts: one } }));
  refused(() =>
    topK(Float32Array.of(1, 2), query, {
      dimension: 1,
      k: 1,
      allowed: one,
      into: { ...rows(1, 1), ids: one },
    }),
  );
  const both = { ...rows(1, 1), ids: one, counts: one };
  refused(() => catalogue.topK(query, { k: 1, into: both }));
  t.is(query[0], -1);
  t.is(one[0], 1);
});

test("disposing twice gives back one lease", (t) => {
  using catalogue = new Catalogue(Float32Array.of(1, 2), { dimension: 1 });
  const shared = new Catalogue(null, { shared: catalogue.id });
  shared.dispose();
  shared.dispose();
  t.is(catalogue.topK(Float32Array.of(1), { k: 1 }).ids[0], 1);
});

test("bad arguments are named", (t) => {
  const values = new Float32Array(6);
  const table = { values, dimension: 2 };
  const ids = Int32Array.of(0, 2);
  const x = new Float32Array(4);
  const offsets = Int32Array.of(0, 2);
  const cases: [() => unknown, RegExp][] = [
    [() => embeddingLookup(table, Int32Array.of(0, 3)), /^ids\[1\]: expected a row in 0\.\.2, got 3/],
    [() => embeddingLookup({ values, dimension: 4 }, ids), /^values: expected a multiple of 4/],
    [() => embeddingLookup({ values, dimension: 0 }, ids), /^dimension/],
    [() => loosely(embeddingLookup, table, [0]), /^ids: expected an Int32Array/],
    [() => loosely(embeddingLookup, { values: [1, 2], dimension: 2 }, ids), /^values/],
    [
      () => embeddingLookup(table, ids, { into: new Float32Array(3) }),
      /^into: expected 2 x 2 numbers, got 3/,
    ],
    [() => embeddingLookup(table, ids, { into: values.subarray(0, 4) }), /^into: expected memory apart/],
    [
      () => embeddingLookup({ values: detached(new Float32Array(6)), dimension: 2 }, ids),
      /^values: expected an array/,
    ],
    [() => embeddingLookup(table, detached(Int32Array.of(0))), /^ids: expected an array with its memory/],
    [() => loosely(embeddingLookup, undefined, ids), /^table/],
    [() => loosely(embeddingBag, table, undefined, { offsets, weights: x }), /^ids: expected an Int32Array/],
    [
      () => new Catalogue(x, { dimension: 2, biases: detached(new Float32Array(2)) }),
      /^biases: expected an array/,
    ],
    [() => new Catalogue(x, { dimension: 2, biases: new Float32Array(0) }), /^biases: expected 2 numbers/],
    [
      () => sequenceAttention(x, x, x, { offsets, dimension: 2, scale: -1 }),
      /^scale: expected a finite number of at least 0/,
    ],
    [() => embeddingBag(table, ids, { offsets: Int32Array.of(0, 1) }), /^offsets/],
    [() => embeddingBag(table, ids, { offsets, weights: new Float32Array(1) }), /^weights/],
    [() => loosely(embeddingBag, table, ids, { offsets, mode: "max" }), /^mode/],
    [() => loosely(embeddingBag, table, ids, {}), /^offsets/],
    [() => sequenceAttention(x, x, x, { offsets, dimension: 2, heads: 3 }), /^heads/],
    [
      () => sequenceAttention(x, x, x, { offsets: Int32Array.of(0, 3), dimension: 2 }),
      /^queries: expected 6/,
    ],
    [() => sequenceAttention(x, x, x, { offsets, dimension: 2, into: x }), /^into: expected memory apart/],
    [() => sequenceAttention(x, x, x, { offsets, dimension: 2, scale: Number.NaN }), /^scale/],
    [() => topK(x, x, { dimension: 3, k: 1 }), /^items/],
    [() => topK(x, x, { dimension: 2, k: 3 }), /^k/],
    [() => topK(x, Float32Array.of(1, Number.NaN), { dimension: 2, k: 1 }), /^queries: query 0, dimension 1/],
    [() => topK(x, x, { dimension: 2, k: 1, biases: x }), /^biases/],
    [
      () => new EmbeddingTable(Float32Array.of(1, Number.POSITIVE_INFINITY), { dimension: 2 }),
      /^values: row 0/,
    ],
  ];
  for (const [body, message] of cases) raises(t, body, "E_ARGUMENT", message);
  const table2 = new EmbeddingTable(values, { dimension: 2 });
  table2.dispose();
  table2.dispose();
  raises(t, () => embeddingLookup(table2, ids), "E_DISPOSED");
});
