import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tinyGguf, tinyWeights } from "./tinyGguf.js";

/** A folder of its own that goes away with `remove`. */
export async function temporaryFolder(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "llama4rec-llm-"));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** The weights of {@link writeTinyModel}. */
export const WEIGHTS = tinyWeights(7);

/** Writes the tiny Llama into `folder` and returns its path. */
export async function writeTinyModel(folder: string): Promise<string> {
  const path = join(folder, "tiny.gguf");
  await writeFile(path, tinyGguf(WEIGHTS));
  return path;
}

/** The third-party model of the test data, or null when the data is not there. */
export function storiesModel(): string | null {
  const path = join(process.env.LLAMA4REC_DATA ?? "data", "llama", "stories260K.gguf");
  return existsSync(path) ? path : null;
}
