/** The start of a process: import of the package, opening of a saved catalogue. */

import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Catalogue } from "../../lib/native/catalogue.js";
import { saveCatalogue } from "../../lib/storage/catalogueFile.js";
import type { Part } from "./part.js";
import { normalTable } from "./random.js";
import { allowed, type Work } from "./row.js";
import { type Timing, timingOf } from "./timing.js";

/** Each in fresh processes. */
export const start: Part = async () => [
  allowed("import of llama4rec/serving in a fresh process", await fresh(importScript(serving)), 15e-3),
  allowed("import of llama4rec in a fresh process", await fresh(importScript(library)), 15e-3),
  await opening(),
];

/** As a service imports them. */
const library = import.meta.resolve("llama4rec");
const serving = import.meta.resolve("llama4rec/serving");

/** A script that times what stands between `before` and the end, and prints wall and CPU seconds. */
const script = (before: string, timed: string): string => `
${before}
const cpu = process.cpuUsage();
const start = performance.now();
${timed}
const wall = (performance.now() - start) / 1000;
const { user, system } = process.cpuUsage(cpu);
console.log(JSON.stringify([wall, (user + system) / 1e6]));`;

const importScript = (entry: string): string => script("", `await import(${JSON.stringify(entry)});`);

const openScript = (path: string): string =>
  script(
    `const { openCatalogue } = await import(${JSON.stringify(serving)});
const query = Float32Array.from({ length: 64 }, (_, j) => Math.sin(1.7 * j));`,
    `const catalogue = await openCatalogue(${JSON.stringify(path)});
if (catalogue.topK(query, { k: 10 }).counts[0] !== 10) throw new Error("a short list");`,
  );

/** A saved catalogue of a million items, its file in the page cache, opened in a fresh process and asked once. */
async function opening(): Promise<Work> {
  const folder = await mkdtemp(join(tmpdir(), "llama4rec-bench-"));
  try {
    const path = join(folder, "items.safetensors");
    using catalogue = new Catalogue(normalTable(1_000_000, 64, 2), { dimension: 64 });
    await saveCatalogue(path, catalogue);
    return allowed(
      "a saved catalogue of 1M x 64, opened and asked once",
      await fresh(openScript(path)),
      20e-3,
    );
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
