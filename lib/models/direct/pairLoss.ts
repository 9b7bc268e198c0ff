import {
  bprLoss,
  normalizeRows,
  rowDot,
  scale,
  shape,
  softmaxLoss,
  type Tensor,
  take,
  values,
} from "../../native/autograd.js";
import { argumentError } from "../../native/errors.js";
import type { Hyperparameter, Hyperparameters } from "../backbone.js";

/** Hyper-parameters of the loss, the same in every direct backbone that can take either. */
export const lossHyperparameters = {
  negatives: {
    default: 1,
    low: 0,
    high: 1000,
    integer: true,
    about: "sampled items for each interaction in BPR; 0: softmax over the whole catalogue",
    search: { values: [0, 1] },
  },
  temperature: {
    default: 0,
    low: 0,
    high: 100,
    about:
      "of the softmax, over cosines; 0: over inner products as they are; with sampled negatives always 0",
    search: { values: [0, 0.1, 0.15, 0.2] },
  },
} as const satisfies Readonly<Record<string, Hyperparameter>>;

/**
 * BPR takes inner products as they are.
 * @throws Llama4RecError `E_ARGUMENT` for a temperature beside sampled negatives.
 */
export function checkLoss({ negatives, temperature }: Hyperparameters): void {
  if (negatives > 0 && temperature > 0)
    throw argumentError("temperature", `0 beside ${negatives} sampled negatives`, temperature);
}

/**
 * Mean over examples and their negatives of `-log sigmoid(u . p - u . n)` (Rendle et al., UAI 2009; Llama4Rec Eq. 2).
 * @param users `[batch x d]`
 * @param positives `[batch x d]`
 * @param negatives `[batch * n x d]`, those of one example side by side
 */
export function pairwiseLoss(users: Tensor, positives: Tensor, negatives: Tensor): Tensor {
  const [examples] = shape(users);
  const [pairs] = shape(negatives);
  const above = rowDot(users, positives);
  if (pairs === examples) return bprLoss(above, rowDot(users, negatives));
  const example = Int32Array.from({ length: pairs }, (_, pair) => Math.floor((pair * examples) / pairs));
  return bprLoss(take(above, example), rowDot(take(users, example), negatives));
}

/**
 * Mean over examples of the cross-entropy of a softmax over the whole catalogue: of inner products or, with a temperature
 * above 0, of cosines divided by it (the softmax loss that Wu et al., On the Effectiveness of Sampled Softmax Loss for
 * Item Recommendation, TOIS 2024, sample in their Eq. 3).
 * @param users `[batch x d]`
 * @param items `[items x d]`
 * @param positives `[batch]` the item of each example
 */
export function catalogueLoss(
  users: Tensor,
  items: Tensor,
  positives: Int32Array,
  temperature: number,
): Tensor {
  if (temperature === 0) return softmaxLoss(users, items, positives);
  return softmaxLoss(scale(normalizeRows(users), 1 / temperature), normalizeRows(items), positives);
}

/** Whether a backbone of these hyper-parameters trains cosines. */
export const overCosines = ({ negatives, temperature }: Hyperparameters): boolean =>
  negatives === 0 && temperature > 0;

/** User and item vectors `[rows x d]` as they serve: divided by their lengths where cosines were trained. In a step. */
export function servingVectors(vectors: Tensor, cosines: boolean): Float32Array {
  return values(cosines ? normalizeRows(vectors) : vectors);
}
