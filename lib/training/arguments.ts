import { TrainView } from "../data/trainView.js";
import { argumentError } from "../native/errors.js";
import type { CheckpointOptions, RatingTrainOptions, TrainOptions } from "./options.js";

type Kind = "function" | "boolean" | "object";
/** Type of the options that may be left out. */
const kinds = {
  hyperparameters: "object",
  validation: "object",
  checkpoint: "object",
  validate: "function",
  onEpoch: "function",
  onStep: "function",
  onCheckpoint: "function",
  worker: "boolean",
} as const satisfies Partial<Record<keyof TrainOptions, Kind>>;

/**
 * Checks all of the options that can be checked before anything is loaded, for callers without types.
 * @throws Llama4RecError `E_ARGUMENT` naming the first one that is wrong.
 */
export function checkOptions(given: TrainOptions | RatingTrainOptions): void {
  checkKind("options", "object", given);
  const options: Omit<TrainOptions, "validation" | "validate"> & { validation?: object; validate?: unknown } =
    given;
  const { view, seed, signal, hyperparameters = {}, extraPairs, insertions, checkpoint } = options;
  const { evaluateEvery = 1, patience = 1, threads = 1, validation, validate } = options;
  if (!(view instanceof TrainView)) throw argumentError("view", "a TrainView", view);
  if (!Number.isSafeInteger(seed) || seed < 0) throw argumentError("seed", "an integer in 0..2^53-1", seed);
  for (const name of Object.keys(kinds) as (keyof typeof kinds)[])
    if (options[name] !== undefined) checkKind(name, kinds[name], options[name]);
  for (const [name, value] of Object.entries(hyperparameters))
    if (typeof value !== "number") throw argumentError(`hyperparameters.${name}`, "a number", value);
  for (const [name, triples] of Object.entries({ extraPairs, insertions }))
    if (triples !== undefined && !(triples instanceof Int32Array))
      throw argumentError(name, "an Int32Array of triples", triples);
  if (!Number.isInteger(evaluateEvery) || evaluateEvery < 1)
    throw argumentError("evaluateEvery", "an integer of at least 1", evaluateEvery);
  if (!Number.isInteger(patience) || patience < 1)
    throw argumentError("patience", "an integer of at least 1", patience);
  if (!Number.isInteger(threads) || threads < 1 || threads > 256)
    throw argumentError("threads", "an integer in 1..256", threads);
  if (validation !== undefined && validate !== undefined)
    throw argumentError("validate", "nothing beside validation", validate);
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw argumentError("signal", "an AbortSignal", signal);
  if (checkpoint !== undefined) checkCheckpoint(checkpoint);
}

function checkCheckpoint({ path, everySeconds = 0, resume = true }: CheckpointOptions): void {
  if (typeof path !== "string" || path === "") throw argumentError("checkpoint.path", "a path", path);
  if (typeof everySeconds !== "number" || !(everySeconds >= 0))
    throw argumentError("checkpoint.everySeconds", "a number of at least 0", everySeconds);
  checkKind("checkpoint.resume", "boolean", resume);
}

function checkKind(name: string, kind: Kind, value: unknown): void {
  if (value === null || typeof value !== kind)
    throw argumentError(name, kind === "boolean" ? "true or false" : `${article[kind]} ${kind}`, value);
}

const article = { function: "a", object: "an" } as const;
