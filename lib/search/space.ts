import { Random } from "../data/random.js";
import {
  type BackboneDefinition,
  checkHyperparameter,
  type Hyperparameters,
  resolveHyperparameters,
  type SearchRange,
} from "../models/backbone.js";
import { argumentError, Llama4RecError } from "../native/errors.js";

/** What is searched: a range for each hyper-parameter by name. */
export type SearchSpace = Readonly<Record<string, SearchRange>>;

/** Values of hyper-parameters over a backbone's defaults. */
export type GivenValues = Readonly<Record<string, number>>;

/** First stream of the draws; trial n has the n-th after it. */
const STREAM = 2 ** 42;
/** Draws before values that do not go together are taken for the space's fault. */
const mostDraws = 1000;

/**
 * The ranges that a backbone brings, without those of fixed values, and a user's ranges over them; in the order of the
 * backbone.
 * @throws Llama4RecError `E_ARGUMENT` for an unknown name, a range that is none or leaves what the backbone allows, a value
 *   that is fixed and searched, `epochs`, and a space of nothing.
 */
export function searchSpace(
  definition: BackboneDefinition,
  given: SearchSpace = {},
  fixed: GivenValues = {},
): SearchSpace {
  for (const [name, range] of Object.entries(given)) checkRange(definition, name, range);
  for (const [name, value] of Object.entries(fixed)) {
    checkHyperparameter(definition, name, value);
    if (Object.hasOwn(given, name))
      throw argumentError(`space.${name}`, "a hyper-parameter that is not fixed", value);
  }
  const ranges = Object.entries(definition.hyperparameters).flatMap(([name, { search }]) => {
    const range = Object.hasOwn(given, name) ? given[name] : Object.hasOwn(fixed, name) ? undefined : search;
    return range === undefined ? [] : [[name, range] as const];
  });
  if (ranges.length === 0)
    throw argumentError("space", `hyper-parameters of ${definition.name} to be searched`, "none");
  return Object.fromEntries(ranges);
}

function checkRange(definition: BackboneDefinition, name: string, range: SearchRange): void {
  const what = `space.${name}`;
  if (name === "epochs")
    throw argumentError(what, "the option epochs instead, for the search decides how far a trial goes", name);
  if (typeof range !== "object" || range === null)
    throw argumentError(what, "{ low, high, scale } or { values }", range);
  if ("values" in range) {
    if (!Array.isArray(range.values) || range.values.length === 0)
      throw argumentError(`${what}.values`, "at least one number", range.values);
    for (const value of range.values) checkHyperparameter(definition, name, value);
    return;
  }
  const { low, high, scale = "linear" } = range;
  checkHyperparameter(definition, name, low);
  checkHyperparameter(definition, name, high);
  if (low > high) throw argumentError(what, "a low end that is not above the high one", rangeText(range));
  if (scale !== "linear" && scale !== "log") throw argumentError(`${what}.scale`, '"linear" or "log"', scale);
  if (scale === "log" && low <= 0) throw argumentError(`${what}.low`, "a number above 0 for scale log", low);
}

/** A range as text: `0.0001..0.1:log` or `32,64,128`, as the command line takes it. */
export function rangeText(range: SearchRange): string {
  if ("values" in range) return range.values.join(",");
  return `${range.low}..${range.high}${range.scale === "log" ? ":log" : ""}`;
}

/**
 * The values of one trial: a function of space, seed and its number alone. Where values do not go together all are drawn
 * again.
 * @param trial From 1.
 * @throws Llama4RecError `E_ARGUMENT` when no values of the space go together.
 */
export function drawTrial(
  definition: BackboneDefinition,
  space: SearchSpace,
  fixed: GivenValues,
  { seed, trial }: { readonly seed: number; readonly trial: number },
): Hyperparameters {
  const random = new Random(seed, STREAM + trial);
  for (let draw = 1; ; draw++) {
    const drawn = Object.entries(space).map(([name, range]) => {
      const { integer = false } = definition.hyperparameters[name];
      return [name, drawValue(range, integer, random)];
    });
    try {
      return resolveHyperparameters(definition, { ...fixed, ...Object.fromEntries(drawn) });
    } catch (error) {
      if (!(error instanceof Llama4RecError) || error.code !== "E_ARGUMENT" || draw === mostDraws)
        throw error;
    }
  }
}

/** One value, of three significant digits where it need not be whole: as a person would write it down. */
function drawValue(range: SearchRange, integer: boolean, random: Random): number {
  if ("values" in range) return range.values[random.below(range.values.length)];
  const { low, high, scale } = range;
  const between = (from: number, to: number): number => from + random.next() * (to - from);
  const top = integer ? high + 1 : high;
  const value = scale === "log" ? Math.exp(between(Math.log(low), Math.log(top))) : between(low, top);
  const written = integer ? Math.floor(value) : Number(value.toPrecision(3));
  return Math.min(high, Math.max(low, written));
}
