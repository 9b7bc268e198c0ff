import type { TrainView } from "../../data/trainView.js";
import {
  add,
  dense,
  gather,
  l2,
  propagate,
  scale,
  slice,
  step,
  type Tensor,
  take,
} from "../../native/autograd.js";
import { Graph } from "../../native/graph.js";
import type { PairBatch } from "../../native/pairSampler.js";
import { Parameter } from "../../native/parameter.js";
import type { Hyperparameter, Hyperparameters } from "../backbone.js";
import type { Factors } from "../factorRanker.js";
import { catalogueLoss, overCosines, pairwiseLoss, servingVectors } from "./pairLoss.js";

/** Hyper-parameters of the convolution and its training, the same in every graph backbone. */
export const graphHyperparameters = {
  dimension: { default: 64, low: 1, high: 1024, integer: true, about: "length of user and item vectors" },
  layers: {
    default: 3,
    low: 0,
    high: 16,
    integer: true,
    about: "graph convolutions; 0: plain MF",
    search: { values: [1, 2, 3] },
  },
  learningRate: {
    default: 5e-3,
    low: 1e-6,
    high: 1,
    about: "step size of Adam",
    search: { low: 1e-3, high: 2e-2, scale: "log" },
  },
  l2: {
    default: 1e-3,
    low: 0,
    high: 10,
    about: "weight of the squared norms of a batch's layer 0 vectors, batch mean",
    search: { low: 1e-4, high: 5e-2, scale: "log" },
  },
  batchSize: { default: 2048, low: 1, high: 1_048_576, integer: true, about: "interactions a step" },
  epochs: {
    default: 200,
    low: 1,
    high: 10_000,
    integer: true,
    about: "most passes over the training interactions",
  },
} as const satisfies Readonly<Record<string, Hyperparameter>>;

/**
 * Users and items as nodes of the training graph with the convolution of LightGCN (He et al., SIGIR 2020): the one
 * trained table is layer 0, each layer is the propagated one before it (Eq. 3), their mean is what scores (Eq. 4 with
 * equal weights).
 */
export class GraphNodes implements Disposable {
  /** `[users + items x d]`, users first. */
  readonly table: Parameter;
  readonly graph: Graph;
  readonly userCount: number;
  readonly itemCount: number;
  readonly #options: Hyperparameters;

  /** @param options With those of {@link graphHyperparameters} and `lossHyperparameters` among them. */
  constructor(view: TrainView, options: Hyperparameters, seed: number) {
    const { userCount, itemCount } = view;
    this.userCount = userCount;
    this.itemCount = itemCount;
    this.#options = options;
    this.graph = Graph.of({ userCount, itemCount, ...view.sortedItems() });
    try {
      this.table = new Parameter("nodes", userCount + itemCount, options.dimension).fillNormal(0.1, seed, 0);
    } catch (error) {
      this.graph.dispose();
      throw error;
    }
  }

  /** Layers 0 to K over this graph or one of the same nodes, each `[users + items x d]`; called inside a step. */
  layers(graph: Graph = this.graph): readonly Tensor[] {
    const layers = [dense(this.table)];
    for (let layer = 1; layer <= this.#options.layers; layer++)
      layers.push(propagate(graph, layers[layer - 1]));
    return layers;
  }

  /** Mean of the layers, `[users + items x d]`; called inside a step. */
  mean(graph: Graph = this.graph): Tensor {
    return meanOf(this.layers(graph));
  }

  /** Nodes of items. */
  nodesOf(items: Int32Array): Int32Array {
    return items.map((item) => this.userCount + item);
  }

  /** BPR over pooled nodes `[users + items x d]` (their Eq. 15), or with `negatives` 0 the softmax over the catalogue. */
  rankingLoss(pooled: Tensor, { users, positives, negatives }: PairBatch): Tensor {
    const user = take(pooled, users);
    if (this.#options.negatives === 0) {
      const items = slice(pooled, this.userCount, this.itemCount);
      return catalogueLoss(user, items, positives, this.#options.temperature);
    }
    return pairwiseLoss(user, take(pooled, this.nodesOf(positives)), take(pooled, this.nodesOf(negatives)));
  }

  /** Halved squared norms of the layer 0 vectors of users, positives and negatives, each the mean over a batch. */
  norms({ users, positives, negatives }: PairBatch): Tensor {
    const parts = [users, this.nodesOf(positives), this.nodesOf(negatives)];
    const [first, ...rest] = parts
      .filter((nodes) => nodes.length > 0)
      .map((nodes) => l2(gather(this.table, nodes)));
    return add(first, ...rest);
  }

  /**
   * What serves: the mean of the layers.
   * @param cosines Whether the loss has trained cosines; default: as {@link rankingLoss} does.
   */
  factors(cosines = overCosines(this.#options)): Factors {
    const { dimension } = this.#options;
    const nodes = step(() => servingVectors(this.mean(), cosines));
    const users = this.userCount * dimension;
    return { dimension, users: nodes.subarray(0, users), items: nodes.subarray(users), itemBiases: null };
  }

  /** Frees the graph; the table belongs to whoever trains it. */
  [Symbol.dispose](): void {
    this.graph.dispose();
  }
}

/** Mean of tensors of one shape. */
export function meanOf([first, ...rest]: readonly Tensor[]): Tensor {
  return scale(add(first, ...rest), 1 / (1 + rest.length));
}
