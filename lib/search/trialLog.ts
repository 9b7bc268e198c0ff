import { statSync } from "node:fs";
import { open, readFile, truncate } from "node:fs/promises";
import type { Hyperparameters } from "../models/backbone.js";
import { describe, Llama4RecError } from "../native/errors.js";
import { replaceFile } from "../storage/atomicFile.js";
import { isObject, jsonOf } from "../storage/json.js";
import { checkedIdentity, checkIdentity, type Identity } from "../training/identity.js";
import { isCount } from "../training/progress.js";
import type { TrialResult } from "./trial.js";

const kind = "llama4rec trials";
/** Version of the lines; readers refuse others. */
const lineVersion = 1;

/** Hyper-parameters that a trial has in a rung; null when the search has no such trial. */
export type ExpectedValues = (trial: number, rung: number) => Hyperparameters | null;

/**
 * The finished trials of a search, as JSON lines in a file or in memory alone. The first line says which search they
 * belong to; each other one is a trial at the end of a rung, on disk before the next one begins.
 */
export class TrialLog {
  /** Whether the search begins anew. */
  readonly isNew: boolean;
  readonly #path: string | null;
  readonly #found = new Map<string, TrialResult>();
  /** Bytes of the file as this search left it. */
  #size: number;

  private constructor(path: string | null, isNew: boolean, size: number) {
    this.#path = path;
    this.isNew = isNew;
    this.#size = size;
  }

  /**
   * Opens the file of a search, or begins one. A last line that was cut off by a kill is removed.
   * @param path Null: in memory.
   * @throws Llama4RecError `E_MISMATCH` naming all that differs when the file belongs to another search, `E_VERSION`,
   *   `E_CORRUPT` naming file and line, `E_FILE`.
   */
  static async open(path: string | null, identity: Identity, expected: ExpectedValues): Promise<TrialLog> {
    if (path === null) return new TrialLog(null, true, 0);
    const bytes = await read(path);
    if (bytes === null) {
      const line = Buffer.from(lineOf({ kind, version: lineVersion, identity }));
      await replaceFile(path, [line]);
      return new TrialLog(path, true, line.length);
    }
    const whole = bytes.lastIndexOf("\n") + 1;
    const [first, ...lines] = bytes.subarray(0, whole).toString("utf8").split("\n").slice(0, -1);
    checkFirst(path, first, identity);
    const log = new TrialLog(path, false, whole);
    for (const [index, line] of lines.entries()) {
      const where = `${path}:${index + 2}`;
      const result = checkedTrial(where, line, expected);
      if (log.find(result.trial, result.rung) !== undefined)
        throw damaged(where, `trial ${result.trial} once in rung ${result.rung}`);
      log.#found.set(keyOf(result), result);
    }
    if (whole < bytes.length) await orFileError(path, () => truncate(path, whole));
    return log;
  }

  /** A trial at the end of a rung, if it came to it. */
  find(trial: number, rung: number): TrialResult | undefined {
    return this.#found.get(keyOf({ trial, rung }));
  }

  /**
   * Adds a trial: on disk when the promise resolves.
   * @throws Llama4RecError `E_MISMATCH` when another search has written to the file meanwhile, `E_FILE`.
   */
  async add(result: TrialResult): Promise<void> {
    const path = this.#path;
    this.#found.set(keyOf(result), result);
    if (path === null) return;
    const line = Buffer.from(lineOf(result));
    if (statSync(path, { throwIfNoEntry: false })?.size !== this.#size)
      throw new Llama4RecError("E_MISMATCH", `${path}: expected it as this search left it, got another`);
    await orFileError(path, async () => {
      await using file = await open(path, "a");
      await file.writeFile(line);
      await file.sync();
    });
    this.#size += line.length;
  }
}

const keyOf = ({ trial, rung }: { trial: number; rung: number }): string => `${trial} ${rung}`;
const lineOf = (value: object): string => `${JSON.stringify(value)}\n`;

async function read(path: string): Promise<Buffer | null> {
  return await orFileError(path, async () => {
    try {
      return await readFile(path);
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
      throw error;
    }
  });
}

async function orFileError<T>(path: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : describe(cause);
    throw new Llama4RecError("E_FILE", `${path}: expected a file to keep trials in, got: ${reason}`, {
      cause,
    });
  }
}

function checkFirst(path: string, line: string | undefined, here: Identity): void {
  const value = jsonOf(line);
  if (!isObject(value) || value.kind !== kind) throw damaged(`${path}:1`, "the first line of a search");
  if (value.version !== lineVersion)
    throw new Llama4RecError(
      "E_VERSION",
      `${path}: expected trials of version ${lineVersion}, got version ${describe(value.version)}`,
    );
  checkIdentity(path, here, checkedIdentity(path, value.identity), "trials of this search");
}

function checkedTrial(where: string, line: string, expected: ExpectedValues): TrialResult {
  const value = jsonOf(line);
  if (!isObject(value)) throw damaged(where, "a trial as JSON");
  const { trial, rung, hyperparameters, epoch, score, seconds, diverged } = value;
  const check = (holds: boolean, name: string): void => {
    if (!holds) throw damaged(where, `a trial with a valid ${name}`);
  };
  check(isCount(trial) && trial >= 1, "trial");
  check(isCount(rung), "rung");
  check(isObject(hyperparameters), "hyperparameters");
  check(Number.isFinite(seconds) && Number(seconds) >= 0, "seconds");
  check(typeof diverged === "boolean", "diverged");
  check(diverged === true ? epoch === null : isCount(epoch) && epoch >= 1, "epoch");
  check(diverged === true ? score === null : Number.isFinite(score), "score");
  const wanted = expected(Number(trial), Number(rung));
  if (wanted !== null && !sameValues(wanted, Object(hyperparameters)))
    throw damaged(where, `trial ${trial} with the hyper-parameters that this search draws for it`);
  return value as unknown as TrialResult;
}

function sameValues(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): boolean {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names].every((name) => Object.hasOwn(a, name) && Object.hasOwn(b, name) && a[name] === b[name]);
}

const damaged = (where: string, expected: string): Llama4RecError =>
  new Llama4RecError("E_CORRUPT", `${where}: damaged, expected ${expected}`);
