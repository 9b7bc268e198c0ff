// Format check (clang-format) and static analysis (clang-tidy, where it is installed) of the C++ sources.
// usage: node native/lint.mjs [--write]
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const write = process.argv.includes("--write");
const sources = readdirSync(join(root, "native"), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && /\.(cpp|h|cu|cuh)$/.test(entry.name))
  .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
  .sort();

const formatter = join(root, "node_modules", ".bin", "clang-format");
const format = write ? ["-i", ...sources] : ["--dry-run", "--Werror", ...sources];
let failed = spawnSync(formatter, format, { cwd: root, stdio: "inherit" }).status !== 0;

/** One translation unit; resolves with its findings, empty when there are none. */
function analyse(tidy, unit) {
  return new Promise((resolve) => {
    const child = spawn(tidy, ["-p", "build", "--quiet", "--warnings-as-errors=*", unit], { cwd: root });
    let output = "";
    child.stdout.on("data", (text) => {
      output += text;
    });
    child.on("close", (status) => resolve(status === 0 ? "" : output || `${unit}: clang-tidy failed`));
  });
}

async function analyseAll(tidy) {
  // Kernel sources are compiled once per level with intrinsics; tests may be terse.
  // The backend's own sources know the CUDA toolkit, which clang-tidy may lack.
  const units = sources.filter(
    (file) => /\.cpp$/.test(file) && !/\.kernel\.cpp$|^native.(test|bench|cuda)/.test(file),
  );
  const workers = Array.from({ length: availableParallelism() }, async () => {
    for (let unit = units.shift(); unit !== undefined; unit = units.shift()) {
      const findings = await analyse(tidy, unit);
      if (findings !== "") {
        console.error(findings);
        failed = true;
      }
    }
  });
  await Promise.all(workers);
}

const tidy = ["clang-tidy-15", "clang-tidy"].find(
  (name) => spawnSync(name, ["--version"], { stdio: "ignore" }).status === 0,
);
if (write) {
  // formatting only
} else if (tidy === undefined) {
  console.error("clang-tidy is not installed: static analysis of the C++ sources is left out");
} else if (!existsSync(join(root, "build", "compile_commands.json"))) {
  console.error("native/lint.mjs: expected build/compile_commands.json; run npm run build:native first");
  failed = true;
} else {
  await analyseAll(tidy);
}
process.exit(failed ? 1 : 0);
