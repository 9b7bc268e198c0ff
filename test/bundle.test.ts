/** What the package's exports name is bundled: it is what the compiler wrote, in fewer files. */
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import test from "ava";

interface Manifest {
  readonly version: string;
  readonly bin: { readonly llama4rec: string };
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
}

const manifest: Manifest = JSON.parse(readFileSync("package.json", "utf8"));

/** Names of the exports with the file of each and its counterpart before it was bundled. */
const entries = Object.entries(manifest.exports).flatMap(([name, target]) =>
  typeof target === "string"
    ? []
    : [{ name: name.replace(".", "llama4rec"), types: target.types, bundled: target.default }],
);

test("every export has the names that the compiler wrote", async (t) => {
  t.true(entries.length > 4);
  for (const { name, types, bundled } of entries) {
    const source = await import(pathToFileURL(types.replace(/\.d\.ts$/, ".js")).href);
    const found = await import(name);
    t.is(import.meta.resolve(name), pathToFileURL(bundled).href);
    t.deepEqual(Object.keys(found), Object.keys(source), name);
  }
});

test("entries share their classes", async (t) => {
  const [library, serving, kernels] = await Promise.all([
    import("llama4rec"),
    import("llama4rec/serving"),
    import("llama4rec/kernels"),
  ]);
  t.is(library.Catalogue, serving.Catalogue);
  t.is(library.Catalogue, kernels.Catalogue);
  t.is(library.Llama4RecError, serving.Llama4RecError);
});

/** Files that a module and its static imports load. */
function loaded(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  for (const [, from] of readFileSync(file, "utf8").matchAll(/^(?:import|export) .*'(\.[^']*)';$/gm))
    loaded(fileURLToPath(new URL(from, pathToFileURL(file))), found);
  return found;
}

test("kernels load two files, serving three, the command four, the package six", (t) => {
  t.is(loaded(fileURLToPath(import.meta.resolve("llama4rec/kernels"))).size, 2);
  t.is(loaded(fileURLToPath(import.meta.resolve("llama4rec/serving"))).size, 3);
  t.is(loaded(fileURLToPath(import.meta.resolve("llama4rec"))).size, 6);
  t.is(loaded(manifest.bin.llama4rec).size, 4);
});

test("the modules of worker threads lie where they are started from", (t) => {
  const modules = readdirSync("dist/lib", { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".js"))
    .flatMap((name) =>
      Array.from(
        readFileSync(`dist/lib/${name}`, "utf8").matchAll(/new URL\("(\.\/[^"]+)", import\.meta\.url\)/g),
        ([, path]) => new URL(path, pathToFileURL(`dist/bundle/${name}`)),
      ),
    );
  t.true(modules.length >= 3);
  for (const module of modules) t.true(existsSync(module), module.href);
});

test("a pocket model runs on its thread", async (t) => {
  const { PocketLlama } = await import("llama4rec");
  await using model = await PocketLlama.load({ modelPath: "models/shop.gguf" });
  t.like(await model.complete({ prompt: "x", maxTokens: 2 }), { answered: true });
});

test("the command runs, and finds its version", async (t) => {
  const run = (...args: string[]) => promisify(execFile)(process.execPath, [manifest.bin.llama4rec, ...args]);
  t.is((await run("--version")).stdout.trim(), manifest.version);
  t.regex((await run("backbones")).stdout, /LightGCN/);
});
