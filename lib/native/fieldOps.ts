/** Ops over the fields of examples: what rating models are made of. */
import { call } from "./addon.js";
import { op, type Tensor } from "./tape.js";

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
