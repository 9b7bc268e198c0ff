import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { cpuInfo } from "../native/addon.js";
import { packageVersion } from "../native/packageVersion.js";
import { replaceFile } from "../storage/atomicFile.js";
import { sha256Of } from "../storage/blocks.js";

/** SHA-256 in hexadecimal over values as JSON, the package's version and the instruction-set level. */
export function keyOf(...parts: readonly unknown[]): string {
  const text = JSON.stringify([packageVersion(), cpuInfo().level, ...parts]);
  return sha256Of([text]);
}

/**
 * Where an experiment keeps what it has done: cells, choices, trained models, augmented data, answers. Every file goes by the
 * hash of all that it depends on and is written whole or not at all, so that a killed experiment goes on where it was.
 */
export class WorkFolder {
  private constructor(
    /** Answers of the language models. */
    readonly answers: string,
    /** Trained models. */
    readonly models: string,
    /** Augmented data. */
    readonly augmentations: string,
    private readonly notes: string,
  ) {}

  /** Opens the folder, which is made if need be. */
  static async open(path: string): Promise<WorkFolder> {
    const folders = ["answers", "models", "augmentations", "notes"].map((name) => join(path, name));
    for (const folder of folders) await mkdir(folder, { recursive: true });
    const [answers, models, augmentations, notes] = folders;
    return new WorkFolder(answers, models, augmentations, notes);
  }

  /** What was kept under the name and key, else what `make` gives, which is kept. A damaged file counts as none. */
  async once<T>(name: string, key: string, make: () => Promise<T>): Promise<T> {
    const path = join(this.notes, `${name}-${key.slice(0, 16)}.json`);
    const kept = await readFile(path, "utf8").then(
      (text): { key: string; value: T } | null => {
        try {
          return JSON.parse(text);
        } catch {
          return null;
        }
      },
      () => null,
    );
    if (kept?.key === key) return kept.value;
    const value = await make();
    await replaceFile(path, [Buffer.from(JSON.stringify({ key, value }))]);
    return value;
  }
}
