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

/**
 * Runs one training step. Every tensor made inside lives in an arena that the end of the step empties, so a step in
 * steady state allocates nothing and leaves V8 no garbage.
 *
 * @param body Synchronous; a promise would outlive the step and is refused.
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
export function step<T>(body: () => T): T {
  if (stepping) throw argumentError("step", "one step at a time", "a step inside a step");
  stepping = true;
  try {
    const result = body();
    if (result instanceof Promise) {
      result.catch(() => {}); // it will fail outside its step; the error below is the one that counts
      throw argumentError("body", "a synchronous function", "a promise");
    }
    return result;
  } finally {
    stepping = false;
    call((addon) => addon.tapeReset());
  }
}

function inStep(): void {
  if (!stepping) throw new Llama4RecError("E_ARGUMENT", "tensors exist only inside step(() => ...)");
}

function op(body: () => number): Tensor {
  inStep();
  return tensor(body());
}

function indices(values: Int32Array | readonly number[], name: string): Int32Array {
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

/** Rows of a parameter: `[n x columns]`. The gradient touches those rows only. */
export function gather(parameter: Parameter, rows: Int32Array | readonly number[]): Tensor {
  return op(() => call((addon) => addon.gather(parameter.id, indices(rows, "rows"))));
}

/** How {@link bag} pools the rows of a bag. */
export type BagMode = "sum" | "mean";

/**
 * Pooled rows of a parameter: bag `b` pools `indices[offsets[b] .. offsets[b + 1])`, optionally weighted.
 * `[bags x columns]`; an empty bag is a row of zeros.
 */
export function bag(
  parameter: Parameter,
  rows: Int32Array | readonly number[],
  offsets: Int32Array | readonly number[],
  mode: BagMode = "sum",
  weights: Float32Array | null = null,
): Tensor {
  return op(() =>
    call((addon) =>
      addon.bag(parameter.id, indices(rows, "rows"), indices(offsets, "offsets"), weights, mode === "mean"),
    ),
  );
}

/** Dot product of matching rows: `a [n x d]`, `b [n x d]` to `[n x 1]`. */
export function rowDot(a: Tensor, b: Tensor): Tensor {
  return op(() => call((addon) => addon.rowDot(a, b)));
}

/** Matrix product of `a` and `b`, either transposed first. */
export function matmul(
  a: Tensor,
  b: Tensor,
  options: { transposeA?: boolean; transposeB?: boolean } = {},
): Tensor {
  return op(() =>
    call((addon) => addon.matmul(a, b, options.transposeA ?? false, options.transposeB ?? false)),
  );
}

/**
 * Mean over rows of `-log sigmoid(positive - negative)`, both `[n x 1]`, to `1 x 1`
 * (Rendle et al., UAI 2009; Llama4Rec Eq. 2).
 */
export function bprLoss(positive: Tensor, negative: Tensor): Tensor {
  return op(() => call((addon) => addon.bprLoss(positive, negative)));
}

/** `sum(x^2) / (2 rows)` to `1 x 1`. */
export function l2(x: Tensor): Tensor {
  return op(() => call((addon) => addon.l2(x)));
}

/** Sum of tensors of one shape. */
export function add(first: Tensor, ...rest: readonly Tensor[]): Tensor {
  return rest.reduce((sum, next) => op(() => call((addon) => addon.add(sum, next))), first);
}

/** `factor * x`. */
export function scale(x: Tensor, factor: number): Tensor {
  return op(() => call((addon) => addon.scale(x, factor)));
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

/** A copy of a tensor's gradient after {@link backward}, row-major. */
export function gradient(x: Tensor): Float32Array {
  inStep();
  return call((addon) => addon.tapeGradient(x));
}

/** Computes the gradients of a `1 x 1` loss, once a step. */
export function backward(loss: Tensor): void {
  inStep();
  call((addon) => addon.tapeBackward(loss));
}
