/** Rows of a table of a million by their ids, and sums over bags of rows. */

import { EmbeddingTable, embeddingBag, embeddingLookup } from "../../lib/kernels/index.js";
import { native } from "../../lib/native/addon.js";
import { gatherModel, sumBagModel } from "../peers/onnx/lookup.js";
import { int64s, ONNX_RUNTIME, type OnnxRuntime, onnxRuntime } from "../peers/onnxruntime.js";
import { type Duel, duel } from "./duel.js";
import type { Bench, Parts } from "./part.js";
import { normalTable, uniformIds, zipfIds } from "./random.js";
import type { Work } from "./row.js";
import type { Task } from "./timing.js";

const d = 64;
const tableRows = 1_000_000;
const bags = 256;
const bagSize = 50;
const count = bags * bagSize;

/** Batches of ids that are asked for in turn: their rows are more than the caches hold. */
const batches = 16;

/** A lookup over a table, ours or a rival's. */
export interface Lookup {
  /** Looks up a batch, into memory that every run writes over. */
  run(batch: number): unknown;
  /** What that gives: `[12,800 x 64]` rows or `[256 x 64]` sums. */
  result(batch: number): Promise<Float32Array>;
  close(): Promise<void> | void;
}

/** Makes a {@link Lookup} over a table `[rows x 64]` for these batches of ids. */
export type OpenLookup = (table: Float32Array, ids: readonly Int32Array[]) => Lookup | Promise<Lookup>;

/** What is looked up. */
interface Kind {
  readonly text: string;
  readonly ours: OpenLookup;
  /** Rows that are summed; 0: none. */
  readonly bagSize: number;
  readonly onnx: (runtime: OnnxRuntime, threads: number) => OpenLookup;
  /** In float64. */
  readonly reference: (table: Float32Array, ids: Int32Array) => Float64Array;
}

/** ONNX Gather. */
export const onnxGather =
  (runtime: OnnxRuntime, threads: number): OpenLookup =>
  (table, ids) =>
    onnxLookup(runtime, { model: gatherModel(table, d), dims: [count], ids, threads });

/** ONNX Gather, then ReduceSum. */
export const onnxSumBag =
  (runtime: OnnxRuntime, threads: number): OpenLookup =>
  (table, ids) =>
    onnxLookup(runtime, { model: sumBagModel(table, d, bagSize), dims: [bags, bagSize], ids, threads });

interface OnnxLookup {
  readonly model: Uint8Array;
  /** Of a batch of ids. */
  readonly dims: readonly number[];
  readonly ids: readonly Int32Array[];
  readonly threads: number;
}

async function onnxLookup(runtime: OnnxRuntime, { model, dims, ids, threads }: OnnxLookup): Promise<Lookup> {
  const session = await runtime.open(model, threads);
  const inputs = ids.map((batch) => ({ ids: runtime.ids(int64s(batch), dims) }));
  const first = await session.run(inputs[0]);
  const [name] = Object.keys(first);
  const { data } = first[name];
  if (!(data instanceof Float32Array)) throw new Error(`${name}: expected float32`);
  const outputs = { [name]: runtime.floats(data, first[name].dims) };
  return {
    run: (batch) => session.run(inputs[batch], outputs),
    async result(batch) {
      await session.run(inputs[batch], outputs);
      return data;
    },
    close: () => session.release(),
  };
}

const offsets = Int32Array.from({ length: bags + 1 }, (_, row) => row * bagSize);

/** By our kernel, over a table of ours into memory of the caller. */
const kernelLookup =
  (size: number, look: (table: EmbeddingTable, ids: Int32Array, into: Float32Array) => unknown): OpenLookup =>
  (values, ids) => {
    const table = new EmbeddingTable(values, { dimension: d });
    const into = new Float32Array(size);
    return {
      run: (batch) => look(table, ids[batch], into),
      async result(batch) {
        look(table, ids[batch], into);
        return into;
      },
      close: () => table.dispose(),
    };
  };

const kinds: Readonly<Record<"gather" | "bag", Kind>> = {
  gather: {
    text: "gather 12,800 rows",
    ours: kernelLookup(count * d, (table, ids, into) => embeddingLookup(table, ids, { into })),
    bagSize: 0,
    onnx: onnxGather,
    reference: (table, ids) =>
      Float64Array.from({ length: ids.length * d }, (_, i) => table[ids[Math.floor(i / d)] * d + (i % d)]),
  },
  bag: {
    text: "256 sum bags of 50",
    ours: kernelLookup(bags * d, (table, ids, into) => embeddingBag(table, ids, { offsets, into })),
    bagSize,
    onnx: onnxSumBag,
    reference(table, ids) {
      const sums = new Float64Array((ids.length / bagSize) * d);
      for (const [at, id] of ids.entries())
        for (let j = 0; j < d; j++) sums[Math.floor(at / bagSize) * d + j] += table[id * d + j];
      return sums;
    },
  },
};

/** Goals against onnxruntime-node, and the share of the probe. */
const goals = {
  gather: { uniform: { peer: 3.3, limit: 0.85 }, zipf: { peer: 5, limit: 0.85 } },
  bag: { uniform: { peer: 2.4, limit: 0.85 }, zipf: { peer: 5.5, limit: 0.85 } },
} as const;

const laws = ["uniform", "zipf"] as const;
const draws = { uniform: uniformIds, zipf: zipfIds } as const;

export const lookupParts: Parts = {
  "lookup/gather": (bench) => works(bench, "gather"),
  "lookup/bag": (bench) => works(bench, "bag"),
};

async function works(bench: Bench, name: keyof typeof kinds): Promise<Work[]> {
  const kind = kinds[name];
  const table = normalTable(tableRows, d, 44);
  const drawn = laws.map((law) => draws[law](batches * count, tableRows, 45));
  const ids = drawn.flatMap((all) =>
    Array.from({ length: batches }, (_, n) => all.subarray(n * count, (n + 1) * count)),
  );
  const lookups = await openAll(bench, kind, { table, ids });
  try {
    const found: Work[] = [];
    for (const [n, law] of laws.entries()) {
      const first = n * batches;
      for (const batch of [first, first + batches - 1])
        await check(lookups, batch, kind.reference(table, ids[batch]));
      found.push({
        name: `${kind.text} of 1M, ${law}`,
        ...(await timed(bench, lookups, first)),
        limit: {
          name: "prefetching huge-page probe",
          seconds: native().lookupSeconds(tableRows, drawn[n], count, kind.bagSize),
        },
        goals: goals[name][law],
      });
    }
    return found;
  } finally {
    for (const lookup of lookups.values()) await lookup.close();
  }
}

/** Ours and those of the rivals, by name. */
type Lookups = ReadonlyMap<string, Lookup>;

async function openAll(
  bench: Bench,
  { ours, onnx }: Kind,
  { table, ids }: { table: Float32Array; ids: readonly Int32Array[] },
): Promise<Lookups> {
  const lookups = new Map([["ours", await ours(table, ids)]]);
  const runtime = onnxRuntime();
  if ("missing" in runtime) bench.note(runtime.missing);
  else lookups.set(ONNX_RUNTIME, await onnx(runtime, bench.machine.threads)(table, ids));
  return lookups;
}

/** Times the batches from `first` on in turns. */
function timed(bench: Bench, lookups: Lookups, first: number): Promise<Duel> {
  const { ours, ...rivals } = Object.fromEntries(
    [...lookups].map(([name, lookup]) => [name, inTurns(lookup, first)] as const),
  );
  return duel(ours, new Map(Object.entries(rivals)), bench.race);
}

function inTurns(lookup: Lookup, first: number): Task {
  let turn = 0;
  return () => lookup.run(first + (turn++ % batches));
}

/** Sums of 50 float32 numbers of size 1 differ from float64 by less. */
const TOLERANCE = 1e-4;

/** @throws Error where a lookup gives something else than float64. */
async function check(lookups: Lookups, batch: number, expected: Float64Array): Promise<void> {
  for (const [name, lookup] of lookups) {
    const found = await lookup.result(batch);
    if (found.length !== expected.length)
      throw new Error(`${name}: expected ${expected.length} numbers, got ${found.length}`);
    for (let i = 0; i < expected.length; i++)
      if (!(Math.abs(found[i] - expected[i]) <= TOLERANCE))
        throw new Error(`${name}: expected ${expected[i]} at ${i}, got ${found[i]}`);
  }
}
