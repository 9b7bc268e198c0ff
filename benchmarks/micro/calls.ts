/** What a call costs beside its work: the way into the engine, the import, the event loop. */

import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { generateShop } from "../../lib/data/shop/index.js";
import { split } from "../../lib/data/split.js";
import { factorRanker } from "../../lib/models/factorRanker.js";
import { saveModel } from "../../lib/models/modelFile.js";
import { native } from "../../lib/native/addon.js";
import { Catalogue } from "../../lib/native/catalogue.js";
import { train } from "../../lib/training/train.js";
import { delayDuring } from "./eventLoop.js";
import type { Parts } from "./part.js";
import { normalTable } from "./random.js";
import type { Work } from "./row.js";
import { perOne, race, type Timing, timingOf } from "./timing.js";

export const callParts: Parts = {
  "calls/binding": async ({ race: options }) => {
    using catalogue = new Catalogue(Float32Array.of(1), { dimension: 1 });
    const query = Float32Array.of(1);
    const into = catalogue.topK(query, { k: 1 });
    const addon = native();
    const calls = 1000; // as one: the clock is too coarse for a single one
    const repeated = (body: () => unknown) => (): void => {
      for (let i = 0; i < calls; i++) body();
    };
    const times = await race(
      { cross: repeated(() => addon.threads()), topK: repeated(() => catalogue.topK(query, { k: 1, into })) },
      options,
    );
    return [
      allowed("into the engine and back", perOne(times.cross, calls), 1e-6),
      allowed("top-1 of 1 item into reused arrays", perOne(times.topK, calls), 1e-6),
    ];
  },
  "calls/start": async () => [
    allowed("import of the package in a fresh process", await fresh(importScript), 15e-3),
    await opening(),
  ],
  "calls/event-loop": async () => [await delay("MF", 20), await delay("SASRec", 1)],
};

/** Against a time that is allowed. */
function allowed(name: string, ours: Timing, seconds: number): Work {
  return { name, ours, limit: { name: "what is allowed", seconds }, goals: { limit: 1 } };
}

const library = new URL("../../lib/index.js", import.meta.url).href;

/** A script that times what stands between `before` and the end, and prints wall and CPU seconds. */
const script = (before: string, timed: string): string => `
${before}
const cpu = process.cpuUsage();
const start = performance.now();
${timed}
const wall = (performance.now() - start) / 1000;
const { user, system } = process.cpuUsage(cpu);
console.log(JSON.stringify([wall, (user + system) / 1e6]));`;

const importScript = script("", `await import(${JSON.stringify(library)});`);

const openScript = (path: string): string =>
  script(
    `const { loadModel } = await import(${JSON.stringify(library)});`,
    `const { ranker } = await loadModel(${JSON.stringify(path)});
if (ranker.topK(Int32Array.of(0), { k: 10 }).counts[0] !== 10) throw new Error("a short list");`,
  );

/** A saved table of a million items, its file in the page cache, opened in a fresh process and asked once. */
async function opening(): Promise<Work> {
  const folder = await mkdtemp(join(tmpdir(), "llama4rec-bench-"));
  try {
    const path = join(folder, "model.safetensors");
    const factors = {
      dimension: 64,
      users: normalTable(1, 64, 1),
      items: normalTable(1_000_000, 64, 2),
      itemBiases: null,
    };
    using ranker = factorRanker({ kind: "factors", name: "MF", factors });
    await saveModel(path, ranker);
    return allowed("a saved model of 1M x 64, opened and asked once", await fresh(openScript(path)), 20e-3);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Times what a {@link script} measures, in seven processes of its own, or as many as 10 s hold, at least three. */
async function fresh(text: string): Promise<Timing> {
  const walls: number[] = [];
  let cpu = 0;
  const end = performance.now() + 10_000;
  while (walls.length < 3 || (walls.length < 7 && performance.now() < end)) {
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", text]);
    const [wall, used] = JSON.parse(stdout) as [number, number];
    walls.push(wall);
    cpu += used;
  }
  return timingOf(walls, cpu / walls.length);
}

/** The 99th percentile of the delay of this thread's event loop while a worker trains, beside an idle one. */
async function delay(backbone: string, epochs: number): Promise<Work> {
  const parts = split(generateShop({ users: 6000, items: 3700, interactions: 500_000 }));
  parts.train.sortedItems(); // made here, not counted
  const idle = await delayDuring(() => sleep(2000));
  const training = await delayDuring(async () => {
    const { ranker } = await train({
      backbone,
      view: parts.train,
      hyperparameters: { epochs },
      seed: 1,
      validation: { heldOut: parts.validation },
    });
    ranker.dispose();
  });
  return {
    name: `event loop's delay while ${backbone} trains in a worker, p99`,
    unit: "s",
    ours: { ...training, median: training.p99 },
    limit: { name: "its delay while idle", seconds: idle.p99 },
  };
}
