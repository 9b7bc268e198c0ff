import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { WeightForm } from "../aggregation/weight.js";
import { type OrderMode, orderModes } from "../llm/ordering/types.js";
import { argumentError, describe, Llama4RecError } from "../native/errors.js";
import { packageVersion } from "../native/packageVersion.js";
import { isObject } from "../storage/json.js";

/** Name of the one file of a recommender's folder that is ever replaced: it names all others. */
export const manifestName = "recommender.json";
const version = 3;

/** How the language model takes part in answers. */
export interface Mixing {
  /** How candidates are asked about; default `likelihood`. */
  readonly mode: OrderMode;
  /** Whose question it is: what else the user likes, or what comes next. */
  readonly question: "direct" | "sequential";
  /** Whether prompts hold what the conventional model knows of the user; false for a model tuned without. */
  readonly hints: boolean;
  /** Of Eq. 7: scale and floor, in the reading `form`. */
  readonly alpha1: number;
  readonly alpha2: number;
  readonly form: WeightForm;
}

/** A GGUF file with its SHA-256, which is checked when it is opened. */
export interface PinnedModel {
  /** A name in the folder, or an absolute path. */
  readonly file: string;
  readonly sha256: string;
}

/** What the folder holds; every file is in it under a name that no other generation has. */
export interface Manifest {
  /** Of this content; also the snapshot's name in answers. */
  readonly generation: string;
  readonly model: string;
  readonly known: string;
  /** Item vectors, ready to be searched. */
  readonly catalogue: string;
  /** How somebody new gets a vector, of a factor model. */
  readonly foldIn: string | null;
  /** A model that rates, beside the one that ranks. */
  readonly rater: string | null;
  /** Directions of items' vectors, for similar items. */
  readonly directions: string;
  /** Directions of users' vectors, for the most similar user in prompts. */
  readonly neighbours: string | null;
  readonly languageModel: PinnedModel | null;
  readonly mixing: Mixing | null;
  /** Whether a user's known items stay out of lists unless asked for. */
  readonly excludeSeen: boolean;
}

/** The manifest as a file. */
export function manifestText(manifest: Manifest): string {
  const about = { format: "llama4rec recommender", version, createdBy: packageVersion() };
  return `${JSON.stringify({ ...about, ...manifest }, null, 2)}\n`;
}

/**
 * Reads a folder's manifest.
 * @throws Llama4RecError `E_FILE` when there is none, `E_CORRUPT` when it is not as written, `E_VERSION` for another version,
 *   `E_MISMATCH` for a file of something else.
 */
export async function readManifest(folder: string): Promise<Manifest> {
  const path = join(folder, manifestName);
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : describe(cause);
    throw new Llama4RecError("E_FILE", `${folder}: expected a recommender's folder, got: ${reason}`, {
      cause,
    });
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Llama4RecError("E_CORRUPT", `${path}: expected JSON, got: ${String(cause)}`, { cause });
  }
  if (!isObject(value) || value.format !== "llama4rec recommender")
    throw new Llama4RecError(
      "E_MISMATCH",
      `${path}: expected a recommender's manifest, got ${describe(value)}`,
    );
  if (value.version !== version)
    throw new Llama4RecError(
      "E_VERSION",
      `${path}: expected version ${version}, which this version of llama4rec writes, got ${describe(value.version)}: save the recommender again`,
    );
  try {
    return checkedManifest(value);
  } catch (cause) {
    if (!(cause instanceof Llama4RecError)) throw cause;
    throw new Llama4RecError("E_CORRUPT", `${path}: ${cause.message}`, { cause });
  }
}

type Fields = Readonly<Record<string, unknown>>;

function checkedManifest(value: Fields): Manifest {
  const { languageModel, mixing, excludeSeen } = value;
  if (typeof excludeSeen !== "boolean") throw argumentError("excludeSeen", "a boolean", excludeSeen);
  return {
    generation: textOf(value, "generation", /^[0-9a-f]{12}$/),
    model: fileOf(value, "model"),
    known: fileOf(value, "known"),
    catalogue: fileOf(value, "catalogue"),
    foldIn: value.foldIn === null ? null : fileOf(value, "foldIn"),
    rater: value.rater === null ? null : fileOf(value, "rater"),
    directions: fileOf(value, "directions"),
    neighbours: value.neighbours === null ? null : fileOf(value, "neighbours"),
    languageModel: languageModel === null ? null : pinnedOf(languageModel),
    mixing: mixing === null ? null : mixingOf(mixing),
    excludeSeen,
  };
}

function textOf(value: Fields, name: string, pattern: RegExp): string {
  const text = value[name];
  if (typeof text !== "string" || !pattern.test(text))
    throw argumentError(name, `a text like ${pattern}`, text);
  return text;
}

/** A name inside the folder, never a path out of it. */
const fileOf = (value: Fields, name: string): string => textOf(value, name, /^[\w-]+(\.[\w-]+)*$/);

function pinnedOf(value: unknown): PinnedModel {
  if (!isObject(value)) throw argumentError("languageModel", "a file and its SHA-256", value);
  return {
    file: textOf(value, "file", /^[^\0]+$/),
    sha256: textOf(value, "sha256", /^[0-9a-f]{64}$/),
  };
}

/**
 * Checks how a language model is mixed in.
 * @throws Llama4RecError `E_ARGUMENT` naming the field.
 */
export function mixingOf(value: unknown): Mixing {
  if (!isObject(value)) throw argumentError("mixing", "mode, question and weights", value);
  const { mode, question, hints, alpha1, alpha2, form } = value;
  const known = orderModes.find((name) => name === mode);
  if (known === undefined) throw argumentError("mixing.mode", orderModes.join(", "), mode);
  if (question !== "direct" && question !== "sequential")
    throw argumentError("mixing.question", "direct or sequential", question);
  if (typeof hints !== "boolean") throw argumentError("mixing.hints", "a boolean", hints);
  if (form !== "scaled" && form !== "alternative")
    throw argumentError("mixing.form", "scaled or alternative", form);
  if (typeof alpha1 !== "number" || !(alpha1 >= 0 && alpha1 <= 1))
    throw argumentError("mixing.alpha1", "a number from 0 to 1", alpha1);
  if (typeof alpha2 !== "number" || !(alpha2 >= 0 && alpha2 < 1))
    throw argumentError("mixing.alpha2", "a number from 0 to below 1", alpha2);
  return { mode: known, question, hints, alpha1, alpha2, form };
}
