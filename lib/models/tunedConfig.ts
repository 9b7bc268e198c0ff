import { readFile } from "node:fs/promises";
import type { MetricName } from "../metrics/names.js";
import { argumentError, describe, Llama4RecError } from "../native/errors.js";
import { unknownName } from "../native/nearest.js";
import { replaceFile } from "../storage/atomicFile.js";
import { isObject } from "../storage/json.js";
import { type BackboneDefinition, metricsOf, resolveHyperparameters } from "./backbone.js";
import { findBackbone } from "./registry.js";

/** What a backbone reached on validation rows with tuned values. */
export interface TunedValidation {
  /** One of the task's: `ndcg@10`, of a rating backbone `rmse`. */
  readonly metric: MetricName;
  readonly score: number;
  /** Epoch of that score, from 1. */
  readonly epoch: number;
}

/** Tuned values of one backbone. */
export interface TunedEntry {
  /** Values over the backbone's defaults. */
  readonly hyperparameters: Readonly<Record<string, number>>;
  readonly validation?: TunedValidation;
  /** When and by what they were chosen, for a person. */
  readonly chosen: string;
}

/** Values tuned on one data set, by the backbone's name. In files as JSON. */
export interface TunedConfig {
  readonly dataset: string;
  readonly backbones: Readonly<Record<string, TunedEntry>>;
}

/**
 * Reads tuned values.
 * @throws Llama4RecError with the path: `E_FILE` when it cannot be read, `E_CORRUPT` when it is no JSON, `E_BACKBONE` for an
 *   unknown backbone, `E_ARGUMENT` for an unknown hyper-parameter, a value out of range or another wrong entry.
 */
export async function readTunedConfig(path: string): Promise<TunedConfig> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : describe(cause);
    throw new Llama4RecError("E_FILE", `${path}: expected a file of tuned values, got: ${reason}`, { cause });
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Llama4RecError("E_CORRUPT", `${path}: expected tuned values as JSON, got: ${String(cause)}`, {
      cause,
    });
  }
  return atPath(path, () => checkedConfig(value));
}

/**
 * The tuned values of a backbone.
 * @throws Llama4RecError `E_ARGUMENT` when the file has none.
 */
export async function readTunedEntry(path: string, backbone: string): Promise<TunedEntry> {
  const { backbones } = await readTunedConfig(path);
  if (!Object.hasOwn(backbones, backbone))
    throw argumentError(`${path}: backbones`, `one for ${backbone}`, Object.keys(backbones).join(", "));
  return backbones[backbone];
}

/**
 * Puts the values of one backbone into a file beside those of others, or begins one. The file is replaced at once or not at
 * all.
 * @throws Llama4RecError as {@link readTunedConfig} does; `E_MISMATCH` when the file is of another data set, `E_FILE` when
 *   it cannot be written.
 */
export async function writeTunedEntry(
  path: string,
  dataset: string,
  backbone: string,
  entry: TunedEntry,
): Promise<void> {
  const { backbones } = await openTunedConfig(path, dataset);
  const merged = { dataset, backbones: { ...backbones, [backbone]: entry } };
  const config = atPath(path, () => checkedConfig(merged));
  await replaceFile(path, [Buffer.from(`${JSON.stringify(config, null, 2)}\n`)]);
}

/**
 * What a file holds that values of a data set are to go into; nothing where there is none.
 * @throws Llama4RecError as {@link writeTunedEntry} does, but for the writing.
 */
export async function openTunedConfig(path: string, dataset: string): Promise<TunedConfig> {
  const config = await readTunedConfig(path).catch((error: unknown) => {
    if (isMissing(error)) return { dataset, backbones: {} };
    throw error;
  });
  if (config.dataset !== dataset)
    throw new Llama4RecError(
      "E_MISMATCH",
      `${path}: expected values tuned on ${describe(dataset)}, got those of ${describe(config.dataset)}`,
    );
  return config;
}

const isMissing = (error: unknown): boolean =>
  error instanceof Llama4RecError &&
  error.cause instanceof Error &&
  "code" in error.cause &&
  error.cause.code === "ENOENT";

function checkedConfig(value: unknown): TunedConfig {
  const { dataset, backbones } = fieldsOf("tuned values", value, ["dataset", "backbones"]);
  if (typeof dataset !== "string") throw argumentError("dataset", "a name", dataset);
  if (!isObject(backbones)) throw argumentError("backbones", "entries by backbone", backbones);
  const entries = Object.entries(backbones).map(([name, entry]) => [name, checkedEntry(name, entry)]);
  return { dataset, backbones: Object.fromEntries(entries) };
}

function checkedEntry(backbone: string, value: unknown): TunedEntry {
  const definition = findBackbone(backbone);
  if (definition.name !== backbone)
    throw argumentError("backbones", `${definition.name} written so`, backbone);
  const what = `backbones.${backbone}`;
  const { hyperparameters, validation, chosen } = fieldsOf(what, value, [
    "hyperparameters",
    "validation",
    "chosen",
  ]);
  checkNumbers(`${what}.hyperparameters`, hyperparameters);
  resolveHyperparameters(definition, hyperparameters);
  if (typeof chosen !== "string") throw argumentError(`${what}.chosen`, "when and by what, as text", chosen);
  if (validation === undefined) return { hyperparameters, chosen };
  return {
    hyperparameters,
    validation: checkedValidation(definition, `${what}.validation`, validation),
    chosen,
  };
}

function checkedValidation({ task }: BackboneDefinition, what: string, value: unknown): TunedValidation {
  const { metric, score, epoch } = fieldsOf(what, value, ["metric", "score", "epoch"]);
  const known = metricsOf(task);
  const named = known.find((name) => name === metric);
  if (named === undefined) throw argumentError(`${what}.metric`, `one of ${known.join(", ")}`, metric);
  if (typeof score !== "number") throw argumentError(`${what}.score`, "a number", score);
  if (typeof epoch !== "number" || !Number.isInteger(epoch) || epoch < 1)
    throw argumentError(`${what}.epoch`, "an integer of at least 1", epoch);
  return { metric: named, score, epoch };
}

/** The fields of an object that has no others. */
function fieldsOf<Name extends string>(
  what: string,
  value: unknown,
  names: readonly Name[],
): Readonly<Partial<Record<Name, unknown>>> {
  if (!isObject(value)) throw argumentError(what, `an object of ${names.join(", ")}`, value);
  for (const name of Object.keys(value))
    if (!names.some((known) => known === name)) throw unknownName("E_ARGUMENT", what, names, name);
  return value as Readonly<Partial<Record<Name, unknown>>>;
}

function checkNumbers(what: string, value: unknown): asserts value is Readonly<Record<string, number>> {
  if (!isObject(value)) throw argumentError(what, "numbers by name", value);
  for (const [name, entry] of Object.entries(value))
    if (typeof entry !== "number") throw argumentError(`${what}.${name}`, "a number", entry);
}

/** Names the file in what a check throws. */
function atPath<T>(path: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof Llama4RecError)) throw error;
    throw new Llama4RecError(error.code, `${path}: ${error.message}`, { cause: error });
  }
}
