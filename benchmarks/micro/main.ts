import { cpus } from "node:os";
import Table from "cli-table3";
import { generateShop } from "../../lib/data/shop/index.js";
import { split } from "../../lib/data/split.js";
import { findBackbone } from "../../lib/models/registry.js";
import { cpuInfo, native, setThreads, threads } from "../../lib/native/addon.js";
import { gather, step } from "../../lib/native/autograd.js";
import { Catalogue, topKRow } from "../../lib/native/catalogue.js";
import { Parameter } from "../../lib/native/parameter.js";
import { train } from "../../lib/training/trainer.js";
import { plainGather, plainTopK } from "./plain.js";
import { duration, medianSeconds } from "./timing.js";

const dimension = 64;
const k = 10;
const rowBytes = dimension * 4;

/** One measured line: the engine, its rival, and how much of the hardware's limit it uses. */
interface Line {
  readonly what: string;
  readonly ours: string;
  readonly plain: string;
  readonly ratio: string;
  readonly limit: string;
}

function randomTable(name: string, rows: number): Parameter {
  return new Parameter(name, rows, dimension).fillNormal(1, 42, rows);
}

/** Memory read rate for a table of this size, GB/s on one thread. */
const bandwidth = (items: number): number => native().readBandwidth(items * rowBytes, 1);

async function topKLines(items: number): Promise<Line[]> {
  using parameter = randomTable("items", items);
  const table = parameter.read();
  using catalogue = new Catalogue(table, { dimension });
  using queries = randomTable("queries", 32);
  const batch = queries.read();
  const one = batch.slice(0, dimension);

  const found = topKRow(catalogue.topK(one, { k }), 0);
  const expected = plainTopK(table, one, k);
  if (found.some((id, place) => id !== expected[place]))
    throw new Error(`top-10 of ${items}: the rivals disagree`);

  const single = await medianSeconds({
    ours: () => catalogue.topK(one, { k }),
    plain: () => plainTopK(table, one, k),
  });
  const limit = bandwidth(items);
  const rate = (items * rowBytes) / single.ours / 1e9;
  const many = await medianSeconds({ ours: () => catalogue.topK(batch, { k }) });
  const peak = native().fmaRate(1);
  const flops = (2 * items * dimension * 32) / many.ours / 1e9;
  return [
    {
      what: `exact top-10 of ${items.toLocaleString("en")} x 64, one query`,
      ours: duration(single.ours),
      plain: duration(single.plain),
      ratio: `${(single.plain / single.ours).toFixed(1)}x`,
      limit: `${rate.toFixed(1)} of ${limit.toFixed(1)} GB/s`,
    },
    {
      what: `the same, 32 queries a call`,
      ours: duration(many.ours),
      plain: `${duration(single.plain * 32)} (32 x one)`,
      ratio: `${((single.plain * 32) / many.ours).toFixed(1)}x`,
      limit: `${flops.toFixed(1)} of ${peak.toFixed(1)} GFLOP/s`,
    },
  ];
}

async function gatherLine(rows: number): Promise<Line> {
  using parameter = randomTable("table", rows);
  const table = parameter.read();
  const count = 12_800;
  const wanted = Int32Array.from({ length: count }, (_, i) =>
    Number((BigInt(i) * 2654435761n) % BigInt(rows)),
  );
  const out = new Float32Array(count * dimension);
  const times = await medianSeconds({
    ours: () => step(() => gather(parameter, wanted)),
    plain: () => plainGather(table, dimension, wanted, out),
  });
  return {
    what: `gather 12,800 of ${rows.toLocaleString("en")} rows x 64`,
    ours: duration(times.ours),
    plain: duration(times.plain),
    ratio: `${(times.plain / times.ours).toFixed(1)}x`,
    limit: `${((times.ours / count) * 1e9).toFixed(0)} ns a row`,
  };
}

/** BPR triples a second of one thread and of all, sampling and optimizer included. */
async function trainingRate(users: number, items: number, interactions: number): Promise<string> {
  const { train: view } = split(generateShop({ users, items, interactions }));
  const epochs = Math.max(3, Math.round(2_000_000 / view.interactionCount));
  const rate = async (count: number): Promise<number> => {
    setThreads(count);
    const start = performance.now();
    const { ranker } = await train({
      backbone: findBackbone("MF", "direct"),
      view,
      hyperparameters: { epochs },
      seed: 1,
    });
    ranker.dispose();
    return (epochs * view.interactionCount) / ((performance.now() - start) / 1000);
  };
  const all = threads();
  const single = await rate(1);
  const parallel = all > 1 ? await rate(all) : single;
  setThreads(all);
  const millions = (value: number): string => `${(value / 1e6).toFixed(2)} M/s`;
  return (
    `MF (BPR, d 64, batch 2,048) on ${view.interactionCount.toLocaleString("en")} interactions: ` +
    `${millions(single)} with 1 thread, ${millions(parallel)} with ${all}`
  );
}

const { level, processors } = cpuInfo();
console.log(
  `${cpus()[0]?.model ?? "unknown processor"}, ${processors} processors, level ${level}, Node ${process.version}`,
);
console.log("Limits measured in this run, one thread and all:");
for (const [name, items] of [
  ["cache", 10_000],
  ["last level", 100_000],
  ["memory", 1_000_000],
] as const) {
  const bytes = items * rowBytes;
  const all = native().readBandwidth(bytes, processors);
  console.log(
    `  read ${(bytes / 1e6).toFixed(1)} MB (${name}): ${bandwidth(items).toFixed(1)} and ${all.toFixed(1)} GB/s`,
  );
}
console.log(
  `  FMA float32: ${native().fmaRate(1).toFixed(1)} and ${native().fmaRate(processors).toFixed(1)} GFLOP/s`,
);

const pool = threads();
setThreads(1);
const lines: Line[] = [];
for (const items of [10_000, 100_000, 1_000_000]) lines.push(...(await topKLines(items)));
for (const rows of [10_000, 1_000_000]) lines.push(await gatherLine(rows));
setThreads(pool);

const table = new Table({
  head: ["one thread, median", "llama4rec", "plain JS loop", "ratio", "of the limit"],
  colAligns: ["left", "right", "right", "right", "right"],
  style: { head: [], border: [] },
});
for (const line of lines) table.push([line.what, line.ours, line.plain, line.ratio, line.limit]);
console.log(table.toString());
console.log(await trainingRate(800, 600, 20_000));
console.log(await trainingRate(6000, 3700, 500_000));
