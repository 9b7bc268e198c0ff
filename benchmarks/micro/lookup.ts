/** Rows of a table of a million by their ids, and sums over bags of rows. */

import { bag, gather } from "../../lib/native/autograd.js";
import { Parameter } from "../../lib/native/parameter.js";
import { step, type Tensor, values } from "../../lib/native/tape.js";
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

/** By an op of the training tape. */
const tapeLookup =
  (op: (table: Parameter, ids: Int32Array) => Tensor): OpenLookup =>
  (table, ids) => {
    const parameter = new Parameter("table", table.length / d, d).write(table);
    return {
      run: (batch) => step(() => void op(parameter, ids[batch])),
      result: async (batch) => step(() => values(op(parameter, ids[batch]))),
      close: () => parameter.dispose(),
    };
  };

const kinds: Readonly<Record<"gather" | "bag", Kind>> = {
  gather: {
    text: "gather 12,800 rows",
    ours: tapeLookup((table, ids) => gather(table, ids)),
    onnx: onnxGather,
    reference: (table, ids) =>
      Float64Array.from({ length: ids.length * d }, (_, i) => table[ids[Math.floor(i / d)] * d + (i % d)]),
  },
  bag: {
    text: "256 sum bags of 50",
    ours: tapeLookup((table, ids) => bag(table, ids, offsets)),
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

const draws = { uniform: uniformIds, zipf: zipfIds } as const;

export const lookupParts: Parts = {
  "lookup/gather": (bench) => works(bench, "gather"),
  "lookup/bag": (bench) => works(bench, "bag"),
};

async function works(bench: Bench, name: keyof typeof kinds): Promise<Work[]> {
  const table = normalTable(tableRows, d, 44);
  const kind = kinds[name];
  const found: Work[] = [];
  for (const law of ["uniform", "zipf"] as const) {
    const all = draws[law](batches * count, tableRows, 45);
    const ids = Array.from({ length: batches }, (_, batch) =>
      all.subarray(batch * count, (batch + 1) * count),
    );
    found.push({
      name: `${kind.text} of 1M, ${law}`,
      ...(await timed(bench, kind, { table, ids })),
      // The probe that prefetches from huge pages goes here, timed in the same race.
      limit: { name: "prefetching huge-page probe", seconds: null },
      goals: goals[name][law],
    });
  }
  return found;
}

async function timed(
  bench: Bench,
  { ours, onnx, reference }: Kind,
  { table, ids }: { table: Float32Array; ids: readonly Int32Array[] },
): Promise<Duel> {
  const lookups: Record<string, Lookup> = { ours: await ours(table, ids) };
  const runtime = onnxRuntime();
  if ("missing" in runtime) bench.note(runtime.missing);
  else lookups[ONNX_RUNTIME] = await onnx(runtime, bench.machine.threads)(table, ids);
  try {
    for (const batch of [0, batches - 1]) {
      const expected = reference(table, ids[batch]);
      for (const [name, lookup] of Object.entries(lookups)) check(name, await lookup.result(batch), expected);
    }
    const { ours: own, ...others } = lookups;
    const rivals = Object.entries(others).map(([name, lookup]) => [name, inTurns(lookup)] as const);
    return await duel(inTurns(own), new Map(rivals), bench.race);
  } finally {
    for (const lookup of Object.values(lookups)) await lookup.close();
  }
}

function inTurns(lookup: Lookup): Task {
  let turn = 0;
  return () => lookup.run(turn++ % batches);
}

/** Sums of 50 float32 numbers of size 1 differ from float64 by less. */
const TOLERANCE = 1e-4;

function check(name: string, found: Float32Array, expected: Float64Array): void {
  if (found.length !== expected.length)
    throw new Error(`${name}: expected ${expected.length} numbers, got ${found.length}`);
  for (let i = 0; i < expected.length; i++)
    if (!(Math.abs(found[i] - expected[i]) <= TOLERANCE))
      throw new Error(`${name}: expected ${expected[i]} at ${i}, got ${found[i]}`);
}
