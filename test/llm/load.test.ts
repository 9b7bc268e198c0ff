import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import { temporaryFolder, writeTinyModel } from "./files.js";

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
    const { loadLlama } = await import(${library});
    await loadLlama({ modelPath: ${JSON.stringify(modelPath)} }).catch((e) => console.log(e.code, e.message));`;
  const { stdout } = await run("absent", program);
  t.regex(stdout, /^E_DEPENDENCY node-llama-cpp: expected .* npm install node-llama-cpp/);
});

test("a program that forgets to dispose still ends", async (t) => {
  const program = `import { loadLlama } from ${library};
    const model = await loadLlama({ modelPath: ${JSON.stringify(modelPath)} });
    const answer = await model.rank({ prefix: "x", candidates: ["y", "z"], mode: "likelihood" });
    console.log(answer.answered);`;
  t.deepEqual(await run("forgets", program), { stdout: "true\n", stderr: "" });
});

test("no declaration but the optional entry's own sources mentions node-llama-cpp's types", async (t) => {
  for (const name of ["index", "load", "llamaCpp", "languageModel", "checks", "cachedLanguageModel"]) {
    const text = await readFile(new URL(`../../lib/llm/${name}.d.ts`, import.meta.url), "utf8");
    t.notRegex(text, /from "node-llama-cpp"|import\("node-llama-cpp"\)/, name);
  }
});
