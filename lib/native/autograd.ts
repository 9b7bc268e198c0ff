import { call } from "./addon.js";
import type { Graph } from "./graph.js";
import type { Parameter } from "./parameter.js";
import { indices, op, type Tensor } from "./tape.js";

export * from "./fieldOps.js";
export {
  backward,
  constant,
  dense,
  frozen,
  gradient,
  item,
  type StepRandomness,
  shape,
  step,
  stepRandomness,
  type Tensor,
  values,
} from "./tape.js";

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
  /** Rate of {@link dropout} of the result, default 0. */
  readonly dropout?: number;
}

/**
 * The input layer of a sequence model, in one pass: `scale * table[rows[i]] + positions[places[i]]`, `[n x columns]`
 * (Vaswani et al. 2017, section 3.4). The gradients touch those rows only.
 */
export function embed(table: Parameter, rows: Int32Array | readonly number[], options: EmbedOptions): Tensor {
  const { scale: factor = 1, positions, places, dropout: rate = 0 } = options;
  return op(() =>
    call((addon) =>
      addon.embed(table.id, indices(rows, "rows"), factor, positions.id, indices(places, "places"), rate),
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

/** Rows of {@link bprRows}: examples of a user and an item they have, each with n >= 1 items they have not. */
export interface PairRows {
  /** `[examples]`, of the users */
  readonly users: Int32Array | readonly number[];
  /** `[examples]`, of the items */
  readonly positives: Int32Array | readonly number[];
  /** `[examples * n]`, those of one example side by side */
  readonly negatives: Int32Array | readonly number[];
}

/**
 * Matrix factorisation by BPR in one pass over the rows, to `1 x 1`: {@link bprLoss} of the inner products of the rows
 * of `users` with those of `items`, plus `weight` times the {@link l2} of each of the three gathers. Gradients touch those
 * rows only. They are made of the parameters as they are: one optimizer must hold both, and nobody may write to them
 * before it is applied.
 */
export function bprRows(users: Parameter, items: Parameter, rows: PairRows, weight = 0): Tensor {
  return op(() =>
    call((addon) =>
      addon.bprRows(
        users.id,
        items.id,
        indices(rows.users, "users"),
        indices(rows.positives, "positives"),
        indices(rows.negatives, "negatives"),
        weight,
      ),
    ),
  );
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

/** What {@link linear} does after the activation, in the same pass. */
export interface LinearOptions {
  /** Rate of {@link dropout}, default 0. */
  readonly dropout?: number;
  /** `[n x out]`, added last. */
  readonly residual?: Tensor;
}

/**
 * `residual + dropout(activation(x weight + bias))`: `x [n x in]`, `weight [in x out]`, `bias [1 x out]` to `[n x out]`.
 */
export function linear(
  x: Tensor,
  weight: Tensor,
  bias: Tensor,
  activation: Activation = "none",
  { dropout: rate = 0, residual }: LinearOptions = {},
): Tensor {
  return op(() => call((addon) => addon.linear(x, weight, bias, activation, rate, residual ?? null)));
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
