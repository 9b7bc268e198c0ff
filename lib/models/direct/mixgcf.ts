import type { TrainView } from "../../data/trainView.js";
import {
  add,
  bprLoss,
  hopMix,
  normalizeRows,
  rowDot,
  scale,
  slice,
  type Tensor,
  take,
} from "../../native/autograd.js";
import type { PairBatch } from "../../native/pairSampler.js";
import type { Parameter } from "../../native/parameter.js";
import type { DirectBackbone, DirectDefinition, Hyperparameters } from "../backbone.js";
import type { Factors } from "../factorRanker.js";
import { GraphNodes, graphHyperparameters, meanOf } from "./graphNodes.js";
import { catalogueLoss } from "./pairLoss.js";

/**
 * LightGCN against made-up hard negatives (Huang et al., MixGCF, KDD 2021): in each layer the positive is mixed into the
 * sampled negatives (Eq. 6) and the one that the user likes best stays (Eq. 7 and 8); the mean over layers (Eq. 9) is the
 * negative of BPR, plus `l2 / 2` times the squared norms of the layer 0 vectors of a batch, batch mean. Beyond the paper: with
 * a `temperature` BPR is over cosines divided by it, and a softmax over the whole catalogue may stand beside it.
 */
class MixGCF implements DirectBackbone {
  readonly parameters: readonly Parameter[];
  readonly #nodes: GraphNodes;
  readonly #options: Hyperparameters;

  constructor(view: TrainView, hyperparameters: Hyperparameters, seed: number) {
    this.#options = hyperparameters;
    this.#nodes = new GraphNodes(view, hyperparameters, seed);
    this.parameters = [this.#nodes.table];
  }

  loss(batch: PairBatch): Tensor {
    const nodes = this.#nodes;
    const layers = nodes.layers();
    const mean = meanOf(layers);
    const positives = nodes.nodesOf(batch.positives);
    const candidates = nodes.nodesOf(batch.negatives);
    const user = take(mean, batch.users);
    const negative = meanOf(layers.map((layer) => hopMix(layer, user, positives, candidates)));
    const { temperature, softmax, l2 } = this.#options;
    const ranked = (vectors: Tensor): Tensor => (temperature > 0 ? normalizeRows(vectors) : vectors);
    const asking = temperature > 0 ? scale(ranked(user), 1 / temperature) : user;
    const mixed = bprLoss(rowDot(asking, ranked(take(mean, positives))), rowDot(asking, ranked(negative)));
    const regularised = add(mixed, scale(nodes.norms(batch), l2));
    if (softmax === 0) return regularised;
    const items = slice(mean, nodes.userCount, nodes.itemCount);
    return add(regularised, scale(catalogueLoss(user, items, batch.positives, temperature), softmax));
  }

  factors(): Factors {
    return this.#nodes.factors(this.#options.temperature > 0);
  }

  [Symbol.dispose](): void {
    this.#nodes[Symbol.dispose]();
  }
}

/** Registry entry of MixGCF. */
export const MIXGCF: DirectDefinition = {
  name: "MixGCF",
  task: "direct",
  source:
    "Huang et al., MixGCF: An Improved Training Method for Graph Neural Network-based Recommender Systems, KDD 2021",
  hyperparameters: {
    ...graphHyperparameters,
    negatives: {
      default: 16,
      low: 1,
      high: 1000,
      integer: true,
      about: "sampled items for each interaction, of which each layer takes the hardest",
      search: { values: [8, 16, 32, 64] },
    },
    temperature: {
      default: 0,
      low: 0,
      high: 100,
      about: "that cosines are divided by in the loss; 0: inner products as they are",
    },
    softmax: {
      default: 0,
      low: 0,
      high: 100,
      about: "weight of a softmax over the whole catalogue beside BPR",
      search: { values: [0, 0.1, 0.3, 1, 3, 10] },
    },
  },
  create: (view, hyperparameters, seed) => new MixGCF(view, hyperparameters, seed),
};
