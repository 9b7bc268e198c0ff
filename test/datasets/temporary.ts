import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { ExecutionContext } from "ava";

/** A folder that holds the given files (text as UTF-8, bytes as they are) until the test ends. */
export function folderOf(t: ExecutionContext, files: Record<string, string | Uint8Array>): string {
  const folder = mkdtempSync(join(tmpdir(), "llama4rec-test-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

/** A file of that name and content until the test ends. */
export function fileOf(t: ExecutionContext, name: string, content: string | Uint8Array): string {
  return join(folderOf(t, { [name]: content }), name);
}
