import { createRequire } from "node:module";
import Table from "cli-table3";
import { native, setThreads } from "../../lib/native/addon.js";
import { Catalogue, topKRow } from "../../lib/native/catalogue.js";
import { describe } from "../../lib/native/errors.js";
import { Parameter } from "../../lib/native/parameter.js";
import { duration, medianSeconds } from "../micro/timing.js";
import { topKModel } from "./onnx.js";

const dimension = 64;
const k = 10;
const rivals = createRequire(new URL("../../../benchmarks/peers/package.json", import.meta.url));

/** An exact top-10 of another package: resolves with the ids of the best items. */
type Search = (query: Float32Array) => Promise<ArrayLike<number | bigint>>;

interface OnnxRuntime {
  InferenceSession: {
    create(
      model: Uint8Array,
      options: object,
    ): Promise<{ run(feeds: object): Promise<{ ids: { data: BigInt64Array } }> }>;
  };
  Tensor: new (type: "float32", data: Float32Array, shape: readonly number[]) => object;
}
interface Usearch {
  Index: new (options: object) => { add(keys: BigUint64Array, vectors: Float32Array): void };
  exactSearch(
    table: Float32Array,
    query: Float32Array,
    dimension: number,
    count: number,
    metric: string,
    threads: number,
  ): { keys: BigUint64Array };
  MetricKind: { IP: string };
}
interface HnswLib {
  BruteforceSearch: new (
    space: string,
    dimension: number,
  ) => {
    initIndex(size: number): void;
    addPoint(point: number[], label: number): void;
    searchKnn(query: number[], k: number): { neighbors: number[] };
  };
}

async function onnxruntime(items: Float32Array): Promise<Search> {
  const ort = rivals("onnxruntime-node") as OnnxRuntime;
  const session = await ort.InferenceSession.create(topKModel(items, dimension, k), {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
  });
  return async (query) => {
    const { ids } = await session.run({ query: new ort.Tensor("float32", query, [1, dimension]) });
    return ids.data;
  };
}

async function usearch(items: Float32Array): Promise<Search> {
  const { exactSearch, MetricKind } = rivals("usearch") as Usearch;
  return async (query) => exactSearch(items, query, dimension, k, MetricKind.IP, 1).keys;
}

async function hnswlib(items: Float32Array): Promise<Search> {
  const { BruteforceSearch } = rivals("hnswlib-node") as HnswLib;
  const index = new BruteforceSearch("ip", dimension);
  const count = items.length / dimension;
  index.initIndex(count);
  for (let item = 0; item < count; item++)
    index.addPoint(Array.from(items.subarray(item * dimension, (item + 1) * dimension)), item);
  return async (query) => index.searchKnn(Array.from(query), k).neighbors;
}

const table = new Table({
  head: ["exact top-10, one query, one thread", "items", "median", "llama4rec", "ratio"],
  colAligns: ["left", "right", "right", "right", "right"],
  style: { head: [], border: [] },
});
setThreads(1);
for (const items of [10_000, 100_000, 1_000_000]) {
  using parameter = new Parameter("items", items, dimension).fillNormal(1, 42, items);
  const vectors = parameter.read();
  using source = new Parameter("query", 1, dimension).fillNormal(1, 42, 1);
  const query = source.read();
  using catalogue = new Catalogue(vectors, { dimension });
  const expected = topKRow(catalogue.topK(query, { k }), 0);
  for (const [name, open] of Object.entries({
    "onnxruntime-node": onnxruntime,
    usearch,
    "hnswlib-node": hnswlib,
  })) {
    try {
      const search = await open(vectors);
      const found = new Set(Array.from(await search(query), Number));
      const agree = expected.every((id) => found.has(id));
      // The same call of ours beside each rival: load on the machine then hits both alike.
      const ours = await medianSeconds({ call: () => catalogue.topK(query, { k }) });
      const theirs = await medianOf(() => search(query));
      table.push([
        agree ? name : `${name} (other items)`,
        items.toLocaleString("en"),
        duration(theirs),
        duration(ours.call),
        `${(theirs / ours.call).toFixed(2)}x`,
      ]);
    } catch (error) {
      table.push([
        name,
        items.toLocaleString("en"),
        error instanceof Error ? error.message.slice(0, 40) : describe(error),
        "",
        "",
      ]);
    }
  }
}
console.log(
  `FMA ${native().fmaRate(1).toFixed(1)} GFLOP/s, read 256 MB ${native().readBandwidth(256e6, 1).toFixed(1)} GB/s`,
);
console.log(table.toString());

/** Median seconds of an asynchronous call. */
async function medianOf(body: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  const start = performance.now();
  while (times.length < 5 || performance.now() - start < 400) {
    const from = performance.now();
    await body();
    times.push((performance.now() - from) / 1000);
  }
  return times.sort((a, b) => a - b)[times.length >> 1];
}
