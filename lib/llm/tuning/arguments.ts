import { access, constants } from "node:fs/promises";
import { dirname } from "node:path";
import { TrainView } from "../../data/trainView.js";
import { argumentError, Llama4RecError } from "../../native/errors.js";
import { readGgufHeader } from "../gguf/header.js";
import { llamaShape } from "../gguf/llamaShape.js";
import { tensorTypes, typeNumbers } from "../gguf/tensorTypes.js";
import { Tokenizer } from "../tokenizer/tokenizer.js";
import { checkMix, checkStages, defaultStages, EVEN_MIX } from "./mix.js";
import type { PocketShape, TuneCheckpoint, TuneOptions, TuneValidation } from "./options.js";
import { RANGES } from "./ranges.js";
import { recipeFor } from "./recipe.js";

const SIZES = ["vocabulary", "context", "dimension", "blocks", "hidden", "heads", "kvHeads"] as const;

/**
 * Checks all that can be checked before data is read and hints are made: ranges, what excludes what, the folder of the
 * checkpoint, the base's header.
 * @returns The sizes of the base; null without one.
 * @throws Llama4RecError `E_ARGUMENT` naming the option that is wrong; `E_FILE`, `E_GGUF` for the base, `E_FILE` for the
 *   folder.
 */
export async function checkTuneOptions(options: Omit<TuneOptions, "view">): Promise<PocketShape | null> {
  const { base, shape, lora, settings = {}, checkpoint } = options;
  checkWhole("seed", RANGES.seed, options.seed);
  for (const name of ["tokens", "threads", "evaluateEvery", "patience"] as const)
    checkOptional(name, RANGES[name], options[name]);
  for (const name of ["batchTokens", "historyItems"] as const)
    checkOptional(`settings.${name}`, RANGES[name], settings[name]);
  for (const name of ["dropout", "pieceDropout"] as const)
    checkNumber(`settings.${name}`, "a rate in [0, 1)", settings[name], (rate) => rate >= 0 && rate < 1);
  for (const name of ["weightDecay", "maxNorm"] as const)
    checkNumber(`settings.${name}`, "a number of at least 0", settings[name], (size) => size >= 0);
  for (const name of SIZES) checkOptional(`shape.${name}`, RANGES[name], shape?.[name]);
  checkOptional("lora.rank", RANGES.rank, lora?.rank);
  checkNumber("lora.alpha", "a positive number", lora?.alpha, (alpha) => alpha > 0);
  const mix = { ...EVEN_MIX, ...options.mix };
  checkMix(mix);
  checkStages(options.stages ?? defaultStages(options.tokens), mix);

  if (base !== undefined && (typeof base !== "string" || base === ""))
    throw argumentError("base", "a file path", base);
  if (base !== undefined && shape !== undefined)
    throw argumentError("shape", "none beside a base, which has its own", shape);
  if (base === undefined && (lora?.rank ?? lora?.alpha) !== undefined)
    throw argumentError("lora", "none without a base, which it would adapt", lora);
  if (checkpoint !== undefined) await checkCheckpoint(checkpoint);
  return base === undefined ? null : await shapeOfBase(base);
}

/** @throws Llama4RecError `E_ARGUMENT` when the view is none, or validation rows or hints do not belong to it. */
export function checkTuneData({ view, validation, hints }: TuneOptions): void {
  if (!(view instanceof TrainView)) throw argumentError("view", "a TrainView", view);
  if (validation !== undefined) checkRows(validation, view);
  if (hints !== undefined && hints !== null && hints.view !== view.digest)
    throw argumentError("hints", "hints made of this view", `hints of view ${hints.view.slice(0, 12)}...`);
}

/**
 * The sizes of a model from scratch, what was named over those of {@link recipeFor}.
 * @throws Llama4RecError `E_ARGUMENT` naming the size that is out of range or does not fit the others.
 */
export function shapeFor(view: TrainView, named: Partial<PocketShape> = {}): PocketShape {
  const shape: PocketShape = { ...recipeFor(view).shape, ...named };
  for (const name of SIZES) checkWhole(`shape.${name}`, RANGES[name], shape[name]);
  const { dimension, heads, kvHeads, ropeBase, epsilon } = shape;
  if (dimension % (2 * heads) !== 0)
    throw argumentError("shape.dimension", `a multiple of 2 x ${heads} heads`, dimension);
  if (heads % kvHeads !== 0) throw argumentError("shape.kvHeads", `a divisor of ${heads} heads`, kvHeads);
  checkNumber("shape.ropeBase", "a number of at least 1", ropeBase, (base) => base >= 1);
  checkNumber("shape.epsilon", "a number in (0, 1]", epsilon, (value) => value > 0 && value <= 1);
  return shape;
}

async function checkCheckpoint({ path, everySeconds }: TuneCheckpoint): Promise<void> {
  if (typeof path !== "string" || path === "") throw argumentError("checkpoint.path", "a file path", path);
  checkNumber("checkpoint.everySeconds", "a number of at least 0", everySeconds, (seconds) => seconds >= 0);
  try {
    await access(dirname(path), constants.W_OK);
  } catch (cause) {
    throw new Llama4RecError("E_FILE", `cannot write ${path}: its folder does not exist or is read-only`, {
      cause,
    });
  }
}

/** Sizes of a base that can be adapted, from its header. */
async function shapeOfBase(path: string): Promise<PocketShape> {
  const header = await readGgufHeader(path);
  const shape = llamaShape(header);
  Tokenizer.fromGguf(header);
  const readable: readonly number[] = Object.values(typeNumbers);
  for (const { name, type } of header.tensors)
    if (!readable.includes(type)) {
      const found = tensorTypes.get(type)?.name ?? `type ${type}`;
      throw new Llama4RecError("E_GGUF", `${path}: expected ${name} in F32, F16 or Q8_0, got ${found}`);
    }
  return shape;
}

function checkRows({ users, items }: TuneValidation, view: TrainView): void {
  if (!(users instanceof Int32Array && items instanceof Int32Array && users.length === items.length))
    throw argumentError(
      "validation",
      "users and items of one length",
      `${users?.length} and ${items?.length}`,
    );
  for (const [row, user] of users.entries()) {
    if (user < 0 || user >= view.userCount)
      throw argumentError(`validation.users[${row}]`, `a user below ${view.userCount}`, user);
    if (items[row] < 0 || items[row] >= view.itemCount)
      throw argumentError(`validation.items[${row}]`, `an item below ${view.itemCount}`, items[row]);
    if (view.has(user, items[row]))
      throw argumentError(
        `validation.items[${row}]`,
        "an item that the user has not in the view",
        items[row],
      );
  }
  if (!users.some((user) => view.userCounts[user] > 0))
    throw argumentError("validation", "a row of a user with a history in the view", "none");
}

type Range = readonly [least: number, most: number];

function checkWhole(name: string, [least, most]: Range, value: number): void {
  if (!(Number.isSafeInteger(value) && value >= least && value <= most))
    throw argumentError(name, `an integer in ${least}..${most}`, value);
}

function checkOptional(name: string, range: Range, value: number | undefined): void {
  if (value !== undefined) checkWhole(name, range, value);
}

/** Of a finite number, where there is one. */
function checkNumber(
  name: string,
  expected: string,
  value: number | undefined,
  holds: (value: number) => boolean,
): void {
  if (value !== undefined && !(Number.isFinite(value) && holds(value)))
    throw argumentError(name, expected, value);
}
