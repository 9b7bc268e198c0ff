import { bceLoss, gather, rowDot, softmaxLoss, type Tensor, take } from "../../native/autograd.js";
import type { SequenceBatch } from "../../native/sequenceSampler.js";
import type { Transformer } from "./transformer.js";

/**
 * Loss of states that shall name one item each. Without negatives it is the cross-entropy of a softmax over the whole
 * catalogue, with them the binary cross-entropy of each target and its negatives (Kang and McAuley, ICDM 2018, Eq. 7).
 * @param states `[n x d]`
 * @param wanted `targets` `[n]`, `negatives` `[n x negatives]`.
 */
export function itemLoss(
  network: Transformer,
  states: Tensor,
  { targets, negatives }: Pick<SequenceBatch, "targets" | "negatives">,
): Tensor {
  if (negatives.length === 0) return softmaxLoss(states, network.catalogue(), targets);
  const times = negatives.length / targets.length;
  const repeated =
    times === 1
      ? states
      : take(
          states,
          Int32Array.from(negatives, (_, i) => Math.floor(i / times)),
        );
  return bceLoss(
    rowDot(states, gather(network.items, targets)),
    rowDot(repeated, gather(network.items, negatives)),
  );
}
