import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Database } from "lmdb";
import { Llama4RecError } from "../native/errors.js";

/** Texts by key. Several processes may hold the same cache open. */
export interface AnswerCache extends AsyncDisposable {
  /** The text stored under `key`, if any. */
  get(key: string): string | undefined;
  /** Stores a text. On disk and visible to all processes once resolved. */
  put(key: string, text: string): Promise<void>;
  /** Waits for pending writes and closes the cache. Twice is fine. */
  close(): Promise<void>;
}

/**
 * Opens the answer cache in `folder` (one LMDB file, `answers.mdb`), or one in memory without a folder.
 *
 * @throws Llama4RecError `E_FILE` if the folder cannot be made or written.
 *
 * @example
 * ```ts
 * await using cache = openAnswerCache("./answers");
 * ```
 */
export function openAnswerCache(folder?: string): AnswerCache {
  return folder === undefined ? new MemoryCache() : new LmdbCache(folder);
}

class MemoryCache implements AnswerCache {
  readonly #texts = new Map<string, string>();

  get(key: string): string | undefined {
    return this.#texts.get(key);
  }

  async put(key: string, text: string): Promise<void> {
    this.#texts.set(key, text);
  }

  async close(): Promise<void> {
    this.#texts.clear();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

class LmdbCache implements AnswerCache {
  readonly #texts: Database<string, string>;
  #closing: Promise<void> | null = null;

  constructor(folder: string) {
    try {
      mkdirSync(folder, { recursive: true });
      const { open }: typeof import("lmdb") = createRequire(import.meta.url)("lmdb");
      this.#texts = open<string, string>({
        path: join(folder, "answers.mdb"),
        encoding: "string",
        // A write resolves when it is on disk, so a killed process loses nothing that it was told is kept.
        overlappingSync: false,
      });
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new Llama4RecError("E_FILE", `${folder}: expected a folder to keep answers in, got: ${reason}`, {
        cause,
      });
    }
  }

  get(key: string): string | undefined {
    return this.#texts.get(key);
  }

  async put(key: string, text: string): Promise<void> {
    await this.#texts.put(key, text);
  }

  close(): Promise<void> {
    this.#closing ??= this.#texts.close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
