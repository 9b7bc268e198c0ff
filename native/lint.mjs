// Format check (clang-format) and static analysis (clang-tidy, where it is installed) of the C++ sources.
// usage: node native/lint.mjs [--write]
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const write = process.argv.includes("--write");
const sources = readdirSync(join(root, "native"), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && /\.(cpp|h)$/.test(entry.name))
  .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
  .sort();

function run(command, args) {
  return spawnSync(command, args, { cwd: root, stdio: "inherit" }).status ?? 1;
}

const formatter = join(root, "node_modules", ".bin", "clang-format");
let failed = run(formatter, write ? ["-i", ...sources] : ["--dry-run", "--Werror", ...sources]) !== 0;

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
  const units = sources.filter((file) => file.endsWith(".cpp") && !file.endsWith(".kernel.cpp"));
  failed = run(tidy, ["-p", "build", "--quiet", "--warnings-as-errors=*", ...units]) !== 0 || failed;
}
process.exit(failed ? 1 : 0);
