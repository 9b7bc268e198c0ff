import { TrainView } from "../../data/trainView.js";
import { argumentError } from "../../native/errors.js";
import type { PocketShape, TuneOptions } from "./options.js";

/** @throws Llama4RecError `E_ARGUMENT` naming the option that is wrong. */
export function checkTuneOptions(options: TuneOptions): void {
  const { view, seed, tokens, settings = {}, validation, hints } = options;
  if (!(view instanceof TrainView)) throw argumentError("view", "a TrainView", view);
  integer("seed", seed, 0, Number.MAX_SAFE_INTEGER);
  optional(tokens, (value) => integer("tokens", value, 2, Number.MAX_SAFE_INTEGER));
  optional(options.threads, (value) => integer("threads", value, 1, 256));
  optional(options.evaluateEvery, (value) => integer("evaluateEvery", value, 1, Number.MAX_SAFE_INTEGER));
  optional(options.patience, (value) => integer("patience", value, 1, 1_000_000));
  optional(settings.batchTokens, (value) => integer("settings.batchTokens", value, 1, 2 ** 24));
  optional(settings.historyItems, (value) => integer("settings.historyItems", value, 1, 100_000));
  for (const rate of ["dropout", "pieceDropout", "hintRate"] as const)
    optional(settings[rate], (value) => {
      if (!(value >= 0 && (rate === "hintRate" ? value <= 1 : value < 1)))
        throw argumentError(`settings.${rate}`, "a rate in [0, 1)", value);
    });
  for (const size of ["weightDecay", "maxNorm"] as const)
    optional(settings[size], (value) => {
      if (!(Number.isFinite(value) && value >= 0))
        throw argumentError(`settings.${size}`, "a number of at least 0", value);
    });
  if (options.lora?.rank !== undefined) integer("lora.rank", options.lora.rank, 1, 1024);
  const alpha = options.lora?.alpha;
  if (alpha !== undefined && !(Number.isFinite(alpha) && alpha > 0))
    throw argumentError("lora.alpha", "a positive number", alpha);
  if (options.base !== undefined && (typeof options.base !== "string" || options.base === ""))
    throw argumentError("base", "a file path", options.base);
  if (options.base !== undefined && options.shape !== undefined)
    throw argumentError("shape", "none beside a base, which has its own", options.shape);
  if (validation !== undefined) checkRows(validation.users, validation.items, view);
  if (hints !== undefined && hints !== null && hints.view !== view.digest)
    throw argumentError("hints", "hints made of this view", `hints of view ${hints.view.slice(0, 12)}...`);
}

/** @throws Llama4RecError `E_ARGUMENT` naming the size that is wrong. */
export function checkShape(shape: PocketShape): void {
  integer("shape.vocabulary", shape.vocabulary, 300, 2 ** 20);
  integer("shape.context", shape.context, 64, 2 ** 20);
  integer("shape.dimension", shape.dimension, 2, 4096);
  integer("shape.blocks", shape.blocks, 1, 128);
  integer("shape.hidden", shape.hidden, 1, 2 ** 16);
  integer("shape.heads", shape.heads, 1, 256);
  integer("shape.kvHeads", shape.kvHeads, 1, 256);
  const { dimension, heads, kvHeads, ropeBase, epsilon } = shape;
  if (dimension % (2 * heads) !== 0)
    throw argumentError("shape.dimension", `a multiple of 2 x ${heads} heads`, dimension);
  if (heads % kvHeads !== 0) throw argumentError("shape.kvHeads", `a divisor of ${heads} heads`, kvHeads);
  if (!(Number.isFinite(ropeBase) && ropeBase >= 1))
    throw argumentError("shape.ropeBase", "a number of at least 1", ropeBase);
  if (!(epsilon > 0 && epsilon <= 1)) throw argumentError("shape.epsilon", "a number in (0, 1]", epsilon);
}

function checkRows(users: Int32Array, items: Int32Array, view: TrainView): void {
  if (!(users instanceof Int32Array && items instanceof Int32Array && users.length === items.length))
    throw argumentError("validation", "users and items of one length", `${users?.length} and ${items?.length}`);
  for (const [row, user] of users.entries()) {
    if (user < 0 || user >= view.userCount)
      throw argumentError(`validation.users[${row}]`, `a user below ${view.userCount}`, user);
    if (items[row] < 0 || items[row] >= view.itemCount)
      throw argumentError(`validation.items[${row}]`, `an item below ${view.itemCount}`, items[row]);
  }
}

function integer(name: string, value: number, low: number, high: number): void {
  if (!(Number.isSafeInteger(value) && value >= low && value <= high))
    throw argumentError(name, `an integer in ${low}..${high}`, value);
}

function optional(value: number | undefined, check: (value: number) => void): void {
  if (value !== undefined) check(value);
}
