import { call } from "./addon.js";
import { argumentError, Llama4RecError } from "./errors.js";
import type { Graph } from "./graph.js";
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

/** The whole parameter as a tensor that takes no gradient: what a frozen model is made of. */
export function frozen(parameter: Parameter): Tensor {
  return op(() => call((addon) => addon.tapeUseFrozen(parameter.id)));
}

/** Rows of a parameter: `[n x columns]`. The gradient touches those rows only. */
export function gather(parameter: Parameter, rows: Int32Array | readonly number[]): Tensor {
  return op(() => call((addon) => addon.gather(parameter.id, indices(rows, "rows"))));
}

/** Options of {@link embed}. */
export interface EmbedOptions {
  /** Of the rows of the table, default 1. */
  readonly scale?: number;
  /** As wide as the table: one row a place. */
  readonly positions: Parameter;
  /** `[n]`: the row of `positions` that is added to each. */
  readonly places: Int32Array | readonly number[];
}

/**
 * The input layer of a sequence model, in one pass: `scale * table[rows[i]] + positions[places[i]]`, `[n x columns]`
 * (Vaswani et al. 2017, section 3.4). The gradients touch those rows only.
 */
export function embed(table: Parameter, rows: Int32Array | readonly number[], options: EmbedOptions): Tensor {
  const { scale: factor = 1, positions, places } = options;
  return op(() =>
    call((addon) =>
      addon.embed(table.id, indices(rows, "rows"), factor, positions.id, indices(places, "places")),
    ),
  );
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

/** Activation that {@link linear} applies; gelu in its tanh form (Hendrycks and Gimpel 2016). */
export type Activation = "none" | "relu" | "gelu";

/** `activation(x weight + bias)`: `x [n x in]`, `weight [in x out]`, `bias [1 x out]` to `[n x out]`. */
export function linear(x: Tensor, weight: Tensor, bias: Tensor, activation: Activation = "none"): Tensor {
  return op(() => call((addon) => addon.linear(x, weight, bias, activation)));
}

/**
 * Each row on its own: `gain * (x - mean) / sqrt(variance + epsilon) + bias` (Ba et al. 2016); `gain` and `bias`
 * `[1 x columns]`.
 */
export function layerNorm(x: Tensor, gain: Tensor, bias: Tensor, epsilon = 1e-5): Tensor {
  return op(() => call((addon) => addon.layerNorm(x, gain, bias, epsilon)));
}

/**
 * In a training step each element is kept with probability `1 - rate` and divided by it, else 0; elsewhere `x` itself.
 * @param rate In `[0, 1)`.
 */
export function dropout(x: Tensor, rate: number): Tensor {
  return op(() => call((addon) => addon.dropout(x, rate)));
}

/** `residual + dropout(x, rate)` in one pass; both of one shape. */
export function addDropout(residual: Tensor, x: Tensor, rate: number): Tensor {
  return op(() => call((addon) => addon.addDropout(residual, x, rate)));
}

/** Options of {@link attention}. */
export interface AttentionOptions {
  /** `[sequences + 1]`: sequence `s` is rows `offsets[s] .. offsets[s + 1]`; nothing is padded. */
  readonly offsets: Int32Array;
  /** Divides the width, default 1. */
  readonly heads?: number;
  /** A token sees itself and those before it; else all of its sequence. Default true. */
  readonly causal?: boolean;
  /** Rate of dropout on the attention weights, default 0. */
  readonly dropout?: number;
}

/**
 * Multi-head scaled dot-product attention (Vaswani et al. 2017) over packed sequences: `qkv [tokens x 3 d]` holds
 * queries, keys and values side by side, to `[tokens x d]`.
 */
export function attention(qkv: Tensor, options: AttentionOptions): Tensor {
  const { offsets, heads = 1, causal = true, dropout: rate = 0 } = options;
  return op(() => call((addon) => addon.attention(qkv, offsets, heads, causal, rate)));
}

/** Rows of a tensor, in any order and any number of times: `[rows x columns]`. */
export function take(x: Tensor, rows: Int32Array | readonly number[]): Tensor {
  return op(() => call((addon) => addon.take(x, indices(rows, "rows"))));
}

/** The numbers of a tensor, in the same order, as `rows x columns`; nothing is copied. */
export function reshape(x: Tensor, rows: number, columns: number): Tensor {
  return op(() => call((addon) => addon.reshape(x, rows, columns)));
}

/** `rows` rows of a tensor from row `first`; nothing is copied. */
export function slice(x: Tensor, first: number, rows: number): Tensor {
  return op(() => call((addon) => addon.slice(x, first, rows)));
}

/** Each row divided by its length: products of such rows are cosines. A row shorter than 1e-12 is divided by that. */
export function normalizeRows(x: Tensor): Tensor {
  return op(() => call((addon) => addon.normalizeRows(x)));
}

/** `a * b`, number by number; both of one shape. */
export function multiply(a: Tensor, b: Tensor): Tensor {
  return op(() => call((addon) => addon.multiply(a, b)));
}

/** `max(x, 0)`. */
export function relu(x: Tensor): Tensor {
  return op(() => call((addon) => addon.relu(x)));
}

/**
 * Sum of the products of all pairs of fields, `((sum v)^2 - sum v^2) / 2`: `x [n x fields d]` holds the vectors of an
 * example's fields side by side, to `[n x d]` (Rendle 2010, Lemma 3.1; He and Chua 2017, Eq. 4).
 */
export function biInteraction(x: Tensor, fields: number): Tensor {
  return op(() => call((addon) => addon.biInteraction(x, fields)));
}

/**
 * The products of all pairs of fields: `x [n x fields d]` to `[n P x d]`, `P = fields (fields - 1) / 2` rows an example
 * (Xiao et al. 2017, Eq. 2).
 */
export function pairProducts(x: Tensor, fields: number): Tensor {
  return op(() => call((addon) => addon.pairProducts(x, fields)));
}

/**
 * One layer of a cross network, `first (x . weight) + bias + x` row by row: `first` and `x [n x d]`, `weight` and `bias`
 * `[1 x d]` (Wang et al. 2017, Eq. 3).
 */
export function cross(first: Tensor, x: Tensor, weight: Tensor, bias: Tensor): Tensor {
  return op(() => call((addon) => addon.cross(first, x, weight, bias)));
}

/** Outer products of matching rows: `a [n x m]`, `b [n x h]` to `[n x m h]`. */
export function outerRows(a: Tensor, b: Tensor): Tensor {
  return op(() => call((addon) => addon.outerRows(a, b)));
}

/** Sums of `size` rows each that follow one another: `x [n size x d]` to `[n x d]`. */
export function sumGroups(x: Tensor, size: number): Tensor {
  return op(() => call((addon) => addon.sumGroups(x, size)));
}

/**
 * The same weighted by the softmax of the group's scores: `scores [n size x 1]`, `x [n size x d]` to `[n x d]` (Xiao et al.
 * 2017, Eq. 4 to 6).
 */
export function softmaxPool(scores: Tensor, x: Tensor, size: number): Tensor {
  return op(() => call((addon) => addon.softmaxPool(scores, x, size)));
}

/** Each block of `rows` rows transposed: `x [n rows x d]` to `[n d x rows]`. */
export function transposeBlocks(x: Tensor, rows: number): Tensor {
  return op(() => call((addon) => addon.transposeBlocks(x, rows)));
}

/**
 * One graph convolution without weights (He et al., LightGCN, SIGIR 2020, Eq. 3): `D^-1/2 A D^-1/2 x` for
 * `x [(users + items) x d]`, users first; a node without edges gets zeros.
 */
export function propagate(graph: Graph, x: Tensor): Tensor {
  return op(() => call((addon) => addon.propagate(graph.id, x)));
}

/**
 * One layer of MixGCF's hard negatives (Huang et al., KDD 2021, Eq. 6 and 7): `alpha x[positive] + (1 - alpha) x[best]`,
 * `[n x d]`, best among the candidates of an example by the product with its user, a choice without a gradient. In a
 * training step alpha is uniform in `[0, 1)`, one for each example; elsewhere it is 1/2.
 * @param x `[nodes x d]`
 * @param users `[n x d]`
 * @param positives `[n]` rows of `x`
 * @param candidates `[n x k]` rows of `x`, those of one example side by side
 */
export function hopMix(x: Tensor, users: Tensor, positives: Int32Array, candidates: Int32Array): Tensor {
  return op(() => call((addon) => addon.hopMix(x, users, positives, candidates)));
}

/**
 * Binary cross-entropy of observed and sampled items: mean of `-log sigmoid(positive)` plus mean of
 * `-log(1 - sigmoid(negative))`; `positive [n x 1]`, `negative [m x 1]` to `1 x 1` (Kang and McAuley 2018, Eq. 7).
 */
export function bceLoss(positive: Tensor, negative: Tensor): Tensor {
  return op(() => call((addon) => addon.bceLoss(positive, negative)));
}

/**
 * Cross-entropy of a softmax over a whole table: mean over rows of `-log softmax(states[i] . table)[targets[i]]`;
 * `states [n x d]`, `table [items x d]` to `1 x 1`. The scores exist for a few rows at a time. For selected rows see
 * {@link take}.
 *
 * @param weights `[n]`, at least 0 and not all 0: the mean is weighted by them. Null: all count alike.
 */
export function softmaxLoss(
  states: Tensor,
  table: Tensor,
  targets: Int32Array | readonly number[],
  weights: Float32Array | null = null,
): Tensor {
  return op(() => call((addon) => addon.softmaxLoss(states, table, indices(targets, "targets"), weights)));
}

/**
 * `log softmax(states[i] . table)[targets[i]]`: `states [n x d]`, `table [items x d]` to `[n x 1]`. For evaluation: it has
 * no gradient.
 */
export function logSoftmax(states: Tensor, table: Tensor, targets: Int32Array | readonly number[]): Tensor {
  return op(() => call((addon) => addon.logSoftmax(states, table, indices(targets, "targets"))));
}

/** Each row on its own: `gain * x / sqrt(mean of x^2 + epsilon)` (Zhang and Sennrich 2019); `gain [1 x columns]`. */
export function rmsNorm(x: Tensor, gain: Tensor, epsilon = 1e-5): Tensor {
  return op(() => call((addon) => addon.rmsNorm(x, gain, epsilon)));
}

/** `silu(gate) * up` (Shazeer 2020): `x [n x 2 f]` holds gate and up side by side, to `[n x f]`. */
export function swiglu(x: Tensor): Tensor {
  return op(() => call((addon) => addon.swiglu(x)));
}

/** Options of {@link rope}. */
export interface RopeOptions {
  /** `[n]`: the position of each row, at least 0. */
  readonly positions: Int32Array;
  /** The first so many heads of a row are rotated; the rest stays as it is. */
  readonly heads: number;
  /** Numbers of a head, even. */
  readonly width: number;
  /** Default 10,000. */
  readonly base?: number;
}

/**
 * Rotary position embedding (Su et al. 2021, Eq. 34) of neighbouring pairs, llama.cpp's order: `x [n x c]` with
 * `c >= heads * width`, to the same shape.
 */
export function rope(x: Tensor, options: RopeOptions): Tensor {
  const { positions, heads, width, base = 10_000 } = options;
  return op(() => call((addon) => addon.rope(x, positions, heads, width, base)));
}

/** Options of {@link segmentAttention}. */
export interface SegmentAttentionOptions {
  /** `[segments + 1]`: segment `g` is rows `segments[g] .. segments[g + 1]`. */
  readonly segments: Int32Array;
  /** `[sequences + 1]`: sequence `s` is segments `sequences[s] .. sequences[s + 1]`, a prefix and its tails. */
  readonly sequences: Int32Array;
  /** Heads of queries. */
  readonly heads: number;
  /** Heads of keys and values; divides `heads`. */
  readonly kvHeads: number;
  /** Rate of dropout on the attention weights, default 0. */
  readonly dropout?: number;
}

/**
 * Grouped-query attention (Ainslie et al. 2023) of many independent tails behind one prefix: a token sees its own segment
 * up to itself and, in a tail, the whole prefix. `x [tokens x (heads + 2 kvHeads) w]` holds queries, keys and values side
 * by side, to `[tokens x heads w]`.
 */
export function segmentAttention(x: Tensor, options: SegmentAttentionOptions): Tensor {
  const { segments, sequences, heads, kvHeads, dropout: rate = 0 } = options;
  return op(() => call((addon) => addon.segmentAttention(x, segments, sequences, heads, kvHeads, rate)));
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
