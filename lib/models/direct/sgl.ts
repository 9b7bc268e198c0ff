import type { TrainView } from "../../data/trainView.js";
import { add, normalizeRows, scale, softmaxLoss, type Tensor, take } from "../../native/autograd.js";
import type { Graph } from "../../native/graph.js";
import type { PairBatch } from "../../native/pairSampler.js";
import type { Parameter } from "../../native/parameter.js";
import type { DirectBackbone, DirectDefinition, Hyperparameters } from "../backbone.js";
import type { Factors } from "../factorRanker.js";
import { GraphNodes, graphHyperparameters } from "./graphNodes.js";
import { checkLoss, lossHyperparameters } from "./pairLoss.js";

/** Keeps the streams of dropped edges apart from those of initial values and of the sampler, which share the seed. */
const edgeStreams = 2 ** 48;

/**
 * Self-supervised graph learning with edge drop (Wu et al., SIGIR 2021): LightGCN's loss, plus `weight` times InfoNCE
 * between what two thinned graphs, new ones every epoch, say of the users and of the items of a batch (Eq. 10), plus
 * `l2 / 2` times the squared norms of the layer 0 vectors of a batch; all batch means.
 */
class SelfSupervisedGraph implements DirectBackbone {
  readonly parameters: readonly Parameter[];
  readonly #nodes: GraphNodes;
  readonly #options: Hyperparameters;
  readonly #seed: number;
  readonly #thinned: Graph[] = [];

  constructor(view: TrainView, hyperparameters: Hyperparameters, seed: number) {
    this.#options = hyperparameters;
    this.#seed = seed;
    this.#nodes = new GraphNodes(view, hyperparameters, seed);
    this.parameters = [this.#nodes.table];
  }

  startEpoch(epoch: number): void {
    this.#freeThinned();
    const stream = edgeStreams + 2 * epoch;
    // One by one, so that the first is freed even when there is no memory for the second.
    for (const each of [stream, stream + 1])
      this.#thinned.push(this.#nodes.graph.dropEdges(this.#options.edgeDrop, this.#seed, each));
  }

  loss(batch: PairBatch): Tensor {
    const nodes = this.#nodes;
    const { weight, l2 } = this.#options;
    const ranking = nodes.rankingLoss(nodes.mean(), batch);
    const views = this.#thinned.map((graph) => nodes.mean(graph));
    const contrast = add(
      this.#contrast(views, unique(batch.users)),
      this.#contrast(views, nodes.nodesOf(unique(batch.positives))),
    );
    return add(ranking, scale(contrast, weight), scale(nodes.norms(batch), l2));
  }

  factors(): Factors {
    return this.#nodes.factors();
  }

  [Symbol.dispose](): void {
    this.#freeThinned();
    this.#nodes[Symbol.dispose]();
  }

  /** InfoNCE (Eq. 10), mean over these nodes: each should be nearest to itself in the other view. */
  #contrast(views: readonly Tensor[], rows: Int32Array): Tensor {
    const [one, two] = views.map((view) => normalizeRows(take(view, rows)));
    const own = rows.map((_, place) => place);
    return softmaxLoss(scale(one, 1 / this.#options.contrastTemperature), two, own);
  }

  #freeThinned(): void {
    for (const graph of this.#thinned.splice(0)) graph.dispose();
  }
}

/** Each number once, in order of first appearance. */
function unique(numbers: Int32Array): Int32Array {
  return Int32Array.from(new Set(numbers));
}

/** Registry entry of SGL. */
export const SGL: DirectDefinition = {
  name: "SGL",
  task: "direct",
  source: "Wu et al., Self-supervised Graph Learning for Recommendation, SIGIR 2021",
  hyperparameters: {
    ...graphHyperparameters,
    ...lossHyperparameters,
    negatives: { ...lossHyperparameters.negatives, default: 0 },
    temperature: { ...lossHyperparameters.temperature, default: 0.2 },
    edgeDrop: {
      default: 0.1,
      low: 0,
      high: 0.95,
      about: "share of edges that a thinned graph lacks",
      search: { low: 0.05, high: 0.3 },
    },
    contrastTemperature: {
      default: 0.2,
      low: 0.01,
      high: 100,
      about: "of the cosines between the two views",
      search: { low: 0.1, high: 0.5, scale: "log" },
    },
    weight: {
      default: 0.1,
      low: 0,
      high: 100,
      about: "of the contrast between the two views",
      search: { low: 0.01, high: 0.5, scale: "log" },
    },
  },
  check: checkLoss,
  create: (view, hyperparameters, seed) => new SelfSupervisedGraph(view, hyperparameters, seed),
};
