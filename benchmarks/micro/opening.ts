import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Catalogue } from "../../lib/native/catalogue.js";
import { Parameter } from "../../lib/native/parameter.js";
import { saveCatalogue } from "../../lib/storage/catalogueFile.js";

const items = 1_000_000;
const dimension = 64;
/** Processes of each kind; the least disturbed one counts. */
const processes = 20;
const entry = new URL("../../lib/serving.js", import.meta.url).href;

/** Milliseconds of a service's start. */
export interface OpeningFigures {
  /** A catalogue of 1M x 64 built from its vectors, as without a file. */
  readonly buildMs: number;
  /** Its file, just written, opened in a process that has imported the package, loading of the addon included. */
  readonly openMs: number;
  /** The first query of that process, top-10. */
  readonly firstQueryMs: number;
  /** Importing `llama4rec/serving`: a process whose script does, less one of an empty script. */
  readonly importMs: number;
}

/** Measures in processes of their own, over a file in a temporary folder. */
export async function openingFigures(): Promise<OpeningFigures> {
  const folder = await mkdtemp(join(tmpdir(), "llama4rec-opening-"));
  try {
    const path = join(folder, "items.safetensors");
    const buildMs = await buildAndSave(path);
    const script = async (name: string, code: string): Promise<string> => {
      await writeFile(join(folder, name), code);
      return join(folder, name);
    };
    const opens = await script("open.mjs", opening(path));
    const imports = await script("import.mjs", `import ${JSON.stringify(entry)};`);
    const empty = await script("empty.mjs", "");
    let [openMs, firstQueryMs, withImport, without] = Array<number>(4).fill(Number.POSITIVE_INFINITY);
    for (let round = 0; round < processes; round++) {
      const [open, query] = JSON.parse((await run(opens)).printed);
      // The two of one process belong together.
      if (open + query < openMs + firstQueryMs) [openMs, firstQueryMs] = [open, query];
      withImport = Math.min(withImport, (await run(imports)).ms);
      without = Math.min(without, (await run(empty)).ms);
    }
    return { buildMs, openMs, firstQueryMs, importMs: withImport - without };
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function buildAndSave(path: string): Promise<number> {
  using parameter = new Parameter("items", items, dimension).fillNormal(1, 1, 0);
  const vectors = parameter.read();
  const start = performance.now();
  using catalogue = new Catalogue(vectors, { dimension });
  const buildMs = performance.now() - start;
  await saveCatalogue(path, catalogue);
  return buildMs;
}

const opening = (path: string): string => `
  import { openCatalogue } from ${JSON.stringify(entry)};
  const query = Float32Array.from({ length: ${dimension} }, (_, j) => Math.sin(1.7 * j));
  const start = performance.now();
  const catalogue = await openCatalogue(${JSON.stringify(path)});
  const opened = performance.now();
  catalogue.topK(query, { k: 10 });
  console.log(JSON.stringify([opened - start, performance.now() - opened]));
`;

/** A Node process of its own: what it prints, and how long it lives. */
async function run(script: string): Promise<{ printed: string; ms: number }> {
  const start = performance.now();
  const { stdout } = await promisify(execFile)(process.execPath, [script]);
  return { printed: stdout, ms: performance.now() - start };
}
