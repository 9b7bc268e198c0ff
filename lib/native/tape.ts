/** The step scope: what a tensor is, how it begins and ends. The ops stand in `autograd.ts`. */
import { call } from "./addon.js";
import { argumentError, Llama4RecError } from "./errors.js";
import type { Parameter } from "./parameter.js";

declare const tensorBrand: unique symbol;

/**
 * A float32 matrix `[rows x columns]` on the native tape: a number, valid until the {@link step} that made it ends.
 * Using it later throws `E_DISPOSED`.
 */
export type Tensor = number & { readonly [tensorBrand]: true };

const tensor = (handle: number): Tensor => handle as Tensor;

let stepping = false;
let randomness: StepRandomness | null = null;

/** What makes a step a training step: all randomness inside follows from these two and the order of the calls. */
export interface StepRandomness {
  /** Non-negative integer below 2^53. */
  readonly seed: number;
  /** Number of the step in its run, from 0. */
  readonly step: number;
}

/**
 * Runs one training step. Every tensor made inside lives in an arena that the end of the step empties, so a step in
 * steady state allocates nothing and leaves V8 no garbage.
 *
 * @param body Synchronous; a promise would outlive the step and is refused.
 * @param random Makes it a training step, in which {@link dropout} is active; without it dropout lets everything through.
 * @returns What `body` returns.
 * @throws Llama4RecError `E_ARGUMENT` when steps are nested or `body` returns a promise.
 * @example
 * ```ts
 * const loss = step(() => {
 *   const scores = rowDot(gather(users, [0, 1]), gather(items, [5, 7]));
 *   const value = l2(scores);
 *   backward(value);
 *   optimizer.apply();
 *   return item(value);
 * });
 * ```
 */
export function step<T>(body: () => T, random?: StepRandomness): T {
  if (stepping) throw argumentError("step", "one step at a time", "a step inside a step");
  stepping = true;
  try {
    if (random !== undefined) {
      call((addon) => addon.tapeRandomize(random.seed, random.step));
      randomness = random;
    }
    const result = body();
    if (result instanceof Promise) {
      result.catch(() => {}); // it will fail outside its step; the error below is the one that counts
      throw argumentError("body", "a synchronous function", "a promise");
    }
    return result;
  } finally {
    stepping = false;
    randomness = null;
    call((addon) => addon.tapeReset());
  }
}

/**
 * Of the training step that is being made: what a model draws in JavaScript must follow from it, so that a resumed
 * training draws the same. Null in a step without randomness.
 * @throws Llama4RecError `E_ARGUMENT` outside of a step.
 */
export function stepRandomness(): StepRandomness | null {
  inStep();
  return randomness;
}

function inStep(): void {
  if (!stepping) throw new Llama4RecError("E_ARGUMENT", "tensors exist only inside step(() => ...)");
}

/** Records what an op of the addon makes. @internal */
export function op(body: () => number): Tensor {
  inStep();
  return tensor(body());
}

/** The rows that an op is given, as the addon takes them. @internal */
export function indices(values: Int32Array | readonly number[], name: string): Int32Array {
  if (values instanceof Int32Array) return values;
  if (!Array.isArray(values)) throw argumentError(name, "an Int32Array or an array of integers", values);
  for (const value of values)
    if ((value | 0) !== value)
      throw argumentError(name, "an Int32Array or an array of 32-bit integers", value);
  return Int32Array.from(values);
}

/** A constant `[rows x columns]`, copied from `values` (row-major). */
export function constant(values: Float32Array, rows: number, columns: number): Tensor {
  return op(() => call((addon) => addon.tapeInput(values, rows, columns)));
}

/** The whole parameter as a tensor; its gradient is dense. For a few rows use {@link gather}. */
export function dense(parameter: Parameter): Tensor {
  return op(() => call((addon) => addon.tapeUse(parameter.id)));
}

/** The whole parameter as a tensor that takes no gradient: what a frozen model is made of. */
export function frozen(parameter: Parameter): Tensor {
  return op(() => call((addon) => addon.tapeUseFrozen(parameter.id)));
}

/** The number in a `1 x 1` tensor. */
export function item(x: Tensor): number {
  inStep();
  return call((addon) => addon.tapeItem(x));
}

/** Rows and columns of a tensor. */
export function shape(x: Tensor): [rows: number, columns: number] {
  inStep();
  return call((addon) => addon.tapeShape(x));
}

/** A copy of a tensor's values, row-major. */
export function values(x: Tensor): Float32Array {
  inStep();
  return call((addon) => addon.tapeValue(x));
}

/**
 * A copy of the gradient of an input or a parameter after {@link backward}, row-major. Results of ops have none to give:
 * their memory is used again as soon as it is passed on.
 */
export function gradient(x: Tensor): Float32Array {
  inStep();
  return call((addon) => addon.tapeGradient(x));
}

/** Computes the gradients of a `1 x 1` loss, once a step. */
export function backward(loss: Tensor): void {
  inStep();
  call((addon) => addon.tapeBackward(loss));
}
