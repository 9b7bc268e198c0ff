/**
 * The way of a kernel to the CUDA backend and back, over the library whose kernels run on the processor: `npm run test:native`
 * builds it.
 */
import { resolve } from "node:path";
import test from "ava";
import { Random } from "../../lib/data/random.js";
import {
  type EmbeddingStorage,
  EmbeddingTable,
  embeddingBag,
  embeddingLookup,
  sequenceAttention,
  topK,
} from "../../lib/kernels/index.js";
import { call } from "../../lib/native/addon.js";
import { raises } from "../native/raises.js";

process.env.LLAMA4REC_CUDA_LIBRARY ??= resolve("build/Release/cuda_emulated_module.so");

const random = new Random(1, 0);
const numbers = (count: number): Float32Array =>
  Float32Array.from({ length: count }, () => 2 * random.next() - 1);
const device = "cuda";

test("the backend says what it found", (t) => {
  const { available, reason, devices } = call((addon) => addon.cudaInfo());
  t.true(available, reason);
  t.true(devices.length >= 1 && devices.every(({ memory }) => memory > 2 ** 28));
});

test("rows and bags have the processor's bits, of every storage", (t) => {
  const values = numbers(60 * 17);
  const ids = Int32Array.from({ length: 50 }, () => random.below(60));
  const offsets = Int32Array.of(0, 0, 7, 30, 50);
  const weights = numbers(50);
  for (const storage of ["float32", "bf16", "int8"] as const satisfies EmbeddingStorage[]) {
    using table = new EmbeddingTable(values, { dimension: 17, storage });
    t.deepEqual(embeddingLookup(table, ids, { device }), embeddingLookup(table, ids), storage);
    for (const bags of [{ offsets }, { offsets, weights }, { offsets, mode: "mean" as const }])
      t.deepEqual(embeddingBag(table, ids, { ...bags, device }), embeddingBag(table, ids, bags), storage);
  }
  const rows = { values, dimension: 17 };
  t.deepEqual(embeddingLookup(rows, ids, { device: "cuda:0" }), embeddingLookup(rows, ids));
});

test("top-k has the processor's ids and scores, with every filter", (t) => {
  for (const [size, dimension, batch, k] of [
    [1, 1, 1, 1],
    [1500, 9, 5, 20],
    [2100, 4, 3, 1000],
  ]) {
    const [items, queries, biases] = [numbers(size * dimension), numbers(batch * dimension), numbers(size)];
    for (const filter of [
      {},
      { denied: Int32Array.of(0) },
      { allowed: Int32Array.of(size - 1, 0) },
      { excluded: { offsets: new Int32Array(batch + 1).fill(1, 1), items: Int32Array.of(size >> 1) } },
    ]) {
      const options = { dimension, biases, k, ...filter };
      t.deepEqual(topK(items, queries, { ...options, device }), topK(items, queries, options));
    }
  }
});

test("what the backend does not do is said", (t) => {
  const items = numbers(3000);
  const cannot = (options: { k: number; dimension: number }, message: RegExp) =>
    raises(
      t,
      () => topK(items, items.subarray(0, options.dimension), { ...options, device }),
      "E_ARGUMENT",
      message,
    );
  cannot({ k: 1025, dimension: 1 }, /^k: expected at most 1024 on a CUDA device/);
  cannot({ k: 1, dimension: 3000 }, /^dimension: expected at most 2048 on a CUDA device/);
  const one = { values: new Float32Array(2), dimension: 2 };
  raises(
    t,
    () => embeddingLookup(one, Int32Array.of(0), { device: "cuda:99" }),
    "E_DEVICE",
    /cuda:99 is not there/,
  );
  raises(t, () => embeddingLookup(one, Int32Array.of(1), { device }), "E_ARGUMENT", /^ids\[0\]/);
  const tokens = new Float32Array(4);
  const attention = { offsets: Int32Array.of(0, 2), dimension: 2, device } as const;
  raises(t, () => sequenceAttention(tokens, tokens, tokens, attention), "E_DEVICE", /processor alone/);
});
