/** The start of a process: import of the package, opening of a saved model. */

import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { factorRanker } from "../../lib/models/factorRanker.js";
import { saveModel } from "../../lib/models/modelFile.js";
import type { Part } from "./part.js";
import { normalTable } from "./random.js";
import { allowed, type Work } from "./row.js";
import { type Timing, timingOf } from "./timing.js";

/** Each in fresh processes. */
export const start: Part = async () => [
  allowed("import of the package in a fresh process", await fresh(importScript), 15e-3),
  await opening(),
];

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
