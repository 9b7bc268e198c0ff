import type { TrainView } from "../../data/trainView.js";
import { add, scale, type Tensor } from "../../native/autograd.js";
import type { PairBatch } from "../../native/pairSampler.js";
import type { Parameter } from "../../native/parameter.js";
import type { DirectBackbone, DirectDefinition, Hyperparameters } from "../backbone.js";
import type { Factors } from "../factorRanker.js";
import { GraphNodes, graphHyperparameters } from "./graphNodes.js";
import { checkLoss, lossHyperparameters } from "./pairLoss.js";

/**
 * Light graph convolution (He et al., SIGIR 2020): `score(u, i) = e_u . e_i`, e the mean of the layers. Loss: BPR (their
 * Eq. 15), or with `negatives` 0 the softmax over the whole catalogue, plus `l2 / 2` times the squared norms of the layer
 * 0 vectors of a batch, batch mean.
 */
class LightGCN implements DirectBackbone {
  readonly parameters: readonly Parameter[];
  readonly #nodes: GraphNodes;
  readonly #l2: number;

  constructor(view: TrainView, hyperparameters: Hyperparameters, seed: number) {
    this.#l2 = hyperparameters.l2;
    this.#nodes = new GraphNodes(view, hyperparameters, seed);
    this.parameters = [this.#nodes.table];
  }

  loss(batch: PairBatch): Tensor {
    const ranking = this.#nodes.rankingLoss(this.#nodes.mean(), batch);
    return add(ranking, scale(this.#nodes.norms(batch), this.#l2));
  }

  factors(): Factors {
    return this.#nodes.factors();
  }

  [Symbol.dispose](): void {
    this.#nodes[Symbol.dispose]();
  }
}

/** Registry entry of LightGCN. */
export const LIGHTGCN: DirectDefinition = {
  name: "LightGCN",
  task: "direct",
  source:
    "He et al., LightGCN: Simplifying and Powering Graph Convolution Network for Recommendation, SIGIR 2020",
  hyperparameters: {
    ...graphHyperparameters,
    ...lossHyperparameters,
    negatives: { ...lossHyperparameters.negatives, default: 0 },
    l2: { ...graphHyperparameters.l2, default: 3e-3 },
  },
  check: checkLoss,
  create: (view, hyperparameters, seed) => new LightGCN(view, hyperparameters, seed),
};
