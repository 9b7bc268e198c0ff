/** Exact top-k of other packages over one table, one thread. */

import { topKModel } from "./onnx/topK.js";
import { int64s, ONNX_RUNTIME, type OnnxRuntime, onnxRuntime, type Tensors } from "./onnxruntime.js";
import { openPackage } from "./packages.js";

/** A package with a table in it. */
export interface SearchPeer {
  readonly name: string;
  /**
   * Ids of the best items of each query.
   * @param queries `[batch x d]`
   */
  search(queries: Float32Array, k: number): Promise<ArrayLike<number | bigint>>;
  close(): Promise<void>;
}

/** Opens a rival over a table `[n x d]`, or says why not. */
export type OpenPeer = (
  items: Float32Array,
  d: number,
  threads: number,
) => Promise<SearchPeer | { readonly missing: string }>;

/** onnxruntime-node: the one that gains from batches. */
export const openOnnxSearch: OpenPeer = async (items, d, threads) => {
  const runtime = onnxRuntime();
  if ("missing" in runtime) return runtime;
  const session = await runtime.open(topKModel(items, d), threads);
  const inputs = memoized(runtime, d);
  return {
    name: ONNX_RUNTIME,
    async search(queries, k) {
      const { ids } = await session.run(inputs(queries, k));
      return ids.data;
    },
    close: () => session.release(),
  };
};

/** Makes the input tensors of the same call once. */
function memoized(runtime: OnnxRuntime, d: number): (queries: Float32Array, k: number) => Tensors {
  let made: { queries: Float32Array; k: number; inputs: Tensors } | null = null;
  return (queries, k) => {
    if (made?.queries !== queries || made.k !== k) {
      const query = runtime.floats(queries, [queries.length / d, d]);
      made = { queries, k, inputs: { query, k: runtime.ids(int64s([k]), [1]) } };
    }
    return made.inputs;
  };
}

interface Usearch {
  exactSearch(
    table: Float32Array,
    queries: Float32Array,
    dimension: number,
    count: number,
    metric: string,
    threads: number,
  ): { keys: BigUint64Array };
  MetricKind: { IP: string };
}

/** usearch's exact search; a batch costs it as much as its queries one by one. */
export const openUsearch: OpenPeer = async (items, d, threads) => {
  const opened = openPackage<Usearch>("usearch");
  if ("missing" in opened) return opened;
  const { exactSearch, MetricKind } = opened.package;
  return {
    name: "usearch",
    search: async (queries, k) => exactSearch(items, queries, d, k, MetricKind.IP, threads).keys,
    close: async () => {},
  };
};

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

/** hnswlib-node's brute force; takes one query a call. */
export const openHnswlib: OpenPeer = async (items, d) => {
  const opened = openPackage<HnswLib>("hnswlib-node");
  if ("missing" in opened) return opened;
  const index = new opened.package.BruteforceSearch("ip", d);
  const count = items.length / d;
  index.initIndex(count);
  for (let item = 0; item < count; item++)
    index.addPoint(Array.from(items.subarray(item * d, (item + 1) * d)), item);
  return {
    name: "hnswlib-node",
    search: async (queries, k) => index.searchKnn(Array.from(queries), k).neighbors,
    close: async () => {},
  };
};
