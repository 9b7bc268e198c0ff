import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import test from "ava";
import ts from "typescript";

/** Every folder of lib with the folders it may import: downward only, each list complete. */
const layers: Readonly<Record<string, readonly string[]>> = {
  native: [],
  kernels: ["native"],
  storage: ["native"],
  data: ["storage", "native"],
  metrics: ["native"],
  llm: ["training", "data", "storage", "native"],
  models: ["training", "metrics", "data", "storage", "native"],
  training: ["models", "metrics", "data", "storage", "native"],
  augmentation: ["training", "models", "llm", "data", "storage", "native"],
  aggregation: ["metrics", "native"],
  evaluation: ["augmentation", "aggregation", "models", "training", "llm", "metrics", "data", "native"],
  search: ["training", "models", "metrics", "data", "storage", "native"],
  experiment: [
    "evaluation",
    "augmentation",
    "aggregation",
    "models",
    "training",
    "llm",
    "metrics",
    "data",
    "storage",
    "native",
  ],
  serving: ["augmentation", "aggregation", "models", "llm", "data", "storage", "native"],
  http: ["serving", "data", "native"],
  cli: [
    "experiment",
    "http",
    "serving",
    "evaluation",
    "search",
    "augmentation",
    "models",
    "training",
    "llm",
    "metrics",
    "data",
    "storage",
    "native",
  ],
};

const files = readdirSync("lib", { recursive: true, encoding: "utf8" }).filter((name) =>
  name.endsWith(".ts"),
);

/** Modules that a file imports or re-exports, types included, also by import(). */
function importsOf(file: string): string[] {
  return ts
    .preProcessFile(readFileSync(join("lib", file), "utf8"), true, true)
    .importedFiles.map(({ fileName }) => fileName);
}

const inside = (file: string): string[] =>
  importsOf(file)
    .filter((name) => name.startsWith("."))
    .map((name) => relative("lib", join("lib", dirname(file), name)));
const layerOf = (file: string): string => (file.includes("/") ? file.split("/")[0] : "");

test("imports run downward only", (t) => {
  t.true(files.length > 50);
  for (const file of files.filter((name) => layerOf(name) !== ""))
    for (const target of inside(file)) {
      const [from, to] = [layerOf(file), layerOf(target)];
      t.true(from === to || layers[from]?.includes(to), `lib/${file} imports lib/${target}`);
    }
});

test("every folder of lib has its place", (t) => {
  t.deepEqual([...new Set(files.map(layerOf))].filter(Boolean).sort(), Object.keys(layers).sort());
});

test("models and the language engine never meet", (t) => {
  for (const file of files)
    for (const target of inside(file)) {
      const pair = [layerOf(file), layerOf(target)].sort().join(" ");
      t.not(pair, "llm models", `lib/${file} imports lib/${target}`);
    }
});

test("only the conformance suite turns from models back to training", (t) => {
  const back = files.filter(
    (file) => layerOf(file) === "models" && inside(file).some((target) => layerOf(target) === "training"),
  );
  t.deepEqual(back, ["models/conformance.ts", "models/ratingConformance.ts"]);
});

test("the addon is loaded in one place, optional packages only by a dynamic import", (t) => {
  t.deepEqual(
    files.filter((file) => importsOf(file).includes("bindings")),
    ["native/addon.ts"],
  );
  for (const file of files) {
    const text = readFileSync(join("lib", file), "utf8");
    for (const [statement] of text.matchAll(/^import .*"(node-llama-cpp|vega|vega-lite)";$/gm))
      t.regex(statement, /^import type /, file);
  }
});

test("what serving over HTTP takes is imported by the layer http alone, and that by its command", (t) => {
  for (const file of files) {
    const packages = importsOf(file).filter((name) =>
      /^(@?fastify|ajv|prom-client|@opentelemetry)\b/.test(name),
    );
    if (layerOf(file) !== "http") t.deepEqual(packages, [], file);
    if (inside(file).some((target) => layerOf(target) === "http"))
      t.true(layerOf(file) === "http" || file === "cli/serve.ts", file);
  }
});

test("no file names a folder of test data: a parameter, LLAMA4REC_DATA or ./data", (t) => {
  for (const file of files)
    t.notRegex(readFileSync(join("lib", file), "utf8"), /\/work\/|shared\/data|\/home\/|\/tmp\//, file);
});
