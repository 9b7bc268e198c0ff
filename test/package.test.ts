/** What the package holds once it is installed: all that its documents point to. */
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import test from "ava";

interface Packed {
  readonly files: readonly { readonly path: string }[];
}

/** Paths of all files, as npm would pack them. */
const packed = promisify(execFile)("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
  maxBuffer: 64e6,
}).then(({ stdout }) => {
  const [{ files }]: readonly Packed[] = JSON.parse(stdout);
  return files.map(({ path }) => path);
});

/** Whether it is a file of the package, or a folder of one. */
const holds = (paths: readonly string[], wanted: string): boolean =>
  paths.some((path) => path === wanted || path.startsWith(`${wanted.replace(/\/$/, "")}/`));

test("links of the package's documents lead to files of the package", async (t) => {
  const paths = await packed;
  const documents = paths.filter((path) => path.endsWith(".md"));
  t.true(documents.includes("README.md") && documents.includes("docs/examples/README.md"));
  for (const document of documents)
    for (const [, link] of readFileSync(document, "utf8").matchAll(/\]\(([^)#\s]+)[^)]*\)/g))
      if (!/^\w+:/.test(link)) t.true(holds(paths, join(dirname(document), link)), `${document}: ${link}`);
});

test("so do the paths that its guides name", async (t) => {
  const paths = await packed;
  const guides = ["README.md", ...paths.filter((path) => /^docs\/.*\.md$/.test(path))];
  let named = 0;
  for (const guide of guides)
    for (const [path] of readFileSync(guide, "utf8").matchAll(/(?<![\w/])(benchmarks|docs)\/[\w./-]*\w/g))
      if (path !== "docs/api" && existsSync(path)) {
        named++;
        t.true(holds(paths, path), `${guide}: ${path}`);
      }
  t.true(named > 5);
});

test("neither tests nor measured results nor data are in it", async (t) => {
  for (const path of await packed) t.notRegex(path, /(^|\/)(test|results|data\/.*\.(csv|dat))(\/|$)/);
});
