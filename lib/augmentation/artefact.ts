import { readFile } from "node:fs/promises";
import { argumentError, describe, Llama4RecError } from "../native/errors.js";
import { packageVersion } from "../native/packageVersion.js";
import { replaceFile } from "../storage/atomicFile.js";
import { checkedHeader, checkedRecord, damaged, formatVersion, kind } from "./artefactLines.js";
import type { AugmentationRecipe, Provenance, RecipeRecords } from "./records.js";

/** Augmented data of one recipe: where it comes from, the split it belongs to, and every question with its answer. */
export type AugmentationArtefact<R extends AugmentationRecipe = AugmentationRecipe> = {
  readonly [K in R]: Provenance<K> & {
    /** Digest of the split whose training rows were read. */
    readonly split: string;
    readonly records: readonly RecipeRecords[K][];
  };
}[R];

/** Options of {@link readAugmentation}. */
export interface ReadAugmentationOptions<R extends AugmentationRecipe> {
  /** Digest of the split that the data is to join. */
  readonly split: string;
  /** The recipe expected; left out: any. */
  readonly recipe?: R;
}

/** Lines that are written at once: bounds memory. */
const LINES = 4096;

/**
 * Writes augmented data as JSON lines, at once or not at all: first where it comes from, then one line a question. Users
 * and items are indices; no title is in it.
 *
 * @throws Llama4RecError `E_ARGUMENT` when counts and records do not fit together; `E_FILE` when it cannot be written.
 * @example
 * ```ts
 * const { provenance, records } = await augmentPairs(model, ranker, parts.train, { seed: 1 });
 * await writeAugmentation("pairs.jsonl", { ...provenance, split: parts.digest, records });
 * ```
 */
export async function writeAugmentation(path: string, artefact: AugmentationArtefact): Promise<void> {
  const { records, counts, recipe, split, view, model, template, seed, options } = artefact;
  if (records.length !== counts.asked)
    throw argumentError("records", `one for each of ${counts.asked} questions`, records.length);
  const origin = { recipe, split, view, model, template, seed, options, counts };
  const header = { kind, version: formatVersion, package: packageVersion(), ...origin };
  const lines = function* (): Generator<Buffer> {
    yield Buffer.from(lineOf(header));
    for (let from = 0; from < records.length; from += LINES)
      yield Buffer.from(
        records
          .slice(from, from + LINES)
          .map(lineOf)
          .join(""),
      );
  };
  await replaceFile(path, lines());
}

/**
 * Reads augmented data for a split; nothing in the file is trusted.
 *
 * @throws Llama4RecError `E_MISMATCH` naming both for data of another split or recipe, or a file of another kind;
 *   `E_VERSION` for another version of the layout; `E_CORRUPT` naming file and line for one that is damaged; `E_FILE`.
 * @example
 * ```ts
 * const artefact = await readAugmentation("pairs.jsonl", { split: parts.digest, recipe: "pairs" });
 * await train({ backbone: "MF", view: parts.train, seed: 1, extraPairs: pairTriples(artefact.records) });
 * ```
 */
export async function readAugmentation<R extends AugmentationRecipe = AugmentationRecipe>(
  path: string,
  { split, recipe }: ReadAugmentationOptions<R>,
): Promise<AugmentationArtefact<R>> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : describe(cause);
    throw new Llama4RecError("E_FILE", `${path}: expected a file of augmented data, got: ${reason}`, {
      cause,
    });
  });
  const [first, ...rest] = text.split("\n");
  const header = checkedHeader(path, first);
  const mismatch = (what: string, expected: string, got: string): Llama4RecError =>
    new Llama4RecError("E_MISMATCH", `${path}: expected augmented data of ${what} ${expected}, got ${got}`);
  if (recipe !== undefined && header.recipe !== recipe) throw mismatch("recipe", recipe, header.recipe);
  if (header.split !== split) throw mismatch("split", split, header.split);
  if (rest.pop() !== "") throw damaged(`${path}:${rest.length + 2}`, "a whole line");
  const records = rest.map((line, at) => checkedRecord(`${path}:${at + 2}`, header.recipe, line));
  const { asked } = header.counts;
  if (records.length !== asked)
    throw damaged(`${path}:${records.length + 2}`, `${asked} questions, got ${records.length}`);
  return { ...header, records } as unknown as AugmentationArtefact<R>;
}

const lineOf = (value: object): string => `${JSON.stringify(value)}\n`;
