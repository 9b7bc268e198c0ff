import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import { type LanguageModelOptions, loadLanguageModel } from "../../lib/llm/load.js";
import { temporaryFolder, WEIGHTS, writeTinyModel } from "./files.js";
import { tinyGguf } from "./tinyGguf.js";

const folder = await temporaryFolder();
const modelPath = await writeTinyModel(folder.path);
test.after.always(() => folder.remove());

const library = JSON.stringify(new URL("../../lib/llm/index.js", import.meta.url).href);

/** Runs a program of its own. From a file: node-llama-cpp's start-up check cannot fork a program given by --eval. */
async function run(name: string, source: string): Promise<{ stdout: string; stderr: string }> {
  const program = join(folder.path, `${name}.mjs`);
  await writeFile(program, source);
  return promisify(execFile)(process.execPath, [program], { timeout: 30_000 });
}

test("without node-llama-cpp loading is E_DEPENDENCY and says what to install", async (t) => {
  const hooks = `export async function resolve(specifier, context, next) {
    if (specifier === "node-llama-cpp") throw Object.assign(new Error("absent"), { code: "ERR_MODULE_NOT_FOUND" });
    return next(specifier, context);
  }`;
  const program = `import { register } from "node:module";
    register("data:text/javascript," + encodeURIComponent(${JSON.stringify(hooks)}));
    const { loadLanguageModel } = await import(${library});
    const options = { modelPath: ${JSON.stringify(modelPath)}, runner: "llama.cpp" };
    await loadLanguageModel(options).catch((e) => console.log(e.code, e.message));`;
  const { stdout } = await run("absent", program);
  t.regex(stdout, /^E_DEPENDENCY node-llama-cpp: expected .* npm install node-llama-cpp/);
});

for (const runner of ["pocket", "llama.cpp"])
  test(`${runner}: a program that forgets to dispose still ends`, async (t) => {
    const program = `import { loadLanguageModel } from ${library};
      const model = await loadLanguageModel({ modelPath: ${JSON.stringify(modelPath)}, runner: "${runner}" });
      const answer = await model.rank({ prefix: "x", candidates: ["y", "z"], mode: "likelihood" });
      console.log(answer.answered);`;
    t.deepEqual(await run(`forgets-${runner}`, program), { stdout: "true\n", stderr: "" });
  });

test("small files run in the own engine, unless what only llama.cpp can do is asked for", async (t) => {
  const idOf = async (options: Partial<LanguageModelOptions>): Promise<string> => {
    await using model = await loadLanguageModel({ modelPath, worker: false, ...options });
    return model.id;
  };
  const [pocket, llamaCpp] = [await idOf({ runner: "pocket" }), await idOf({ runner: "llama.cpp" })];
  t.not(pocket, llamaCpp);
  t.is(await idOf({}), pocket);
  t.not(await idOf({ sequences: 2 }), pocket);
  const other = join(folder.path, "other.gguf");
  await writeFile(other, tinyGguf(WEIGHTS, { "llama.rope.scaling.type": "linear" }));
  t.not(await idOf({ modelPath: other }), pocket);
});

test("options that contradict each other or name no runner are E_ARGUMENT", async (t) => {
  const refused = (options: object, message: RegExp) =>
    t.throwsAsync(loadLanguageModel({ modelPath, ...options }), { code: "E_ARGUMENT", message });
  await refused({ runner: "pocket", sequences: 2 }, /sequences.*llama\.cpp/);
  await refused({ runner: "pocket", lora: "adapter.gguf" }, /lora.*llama\.cpp/);
  await refused({ runner: "pocket", gpu: "auto" }, /gpu.*llama\.cpp/);
  await refused({ runner: "ollama" }, /runner.*ollama/);
  await refused({ modelPath: "" }, /modelPath/);
});

test("no declaration but the optional entry's own sources mentions node-llama-cpp's types", async (t) => {
  for (const name of ["index", "load", "llamaCpp", "languageModel", "checks", "cachedLanguageModel"]) {
    const text = await readFile(new URL(`../../lib/llm/${name}.d.ts`, import.meta.url), "utf8");
    t.notRegex(text, /from "node-llama-cpp"|import\("node-llama-cpp"\)/, name);
  }
});
