import type { TrainView } from "../../data/trainView.js";
import { add, bprRows, dense, gather, l2, scale, step, type Tensor } from "../../native/autograd.js";
import type { PairBatch } from "../../native/pairSampler.js";
import { Parameter } from "../../native/parameter.js";
import type { DirectBackbone, DirectDefinition, Hyperparameters } from "../backbone.js";
import type { Factors } from "../factorRanker.js";
import { catalogueLoss, checkLoss, lossHyperparameters, overCosines, servingVectors } from "./pairLoss.js";

/**
 * Matrix factorisation trained with Bayesian personalised ranking (Rendle et al., UAI 2009).
 * `score(u, i) = p_u . q_i`; loss: BPR (Llama4Rec Eq. 2), or with `negatives` 0 the softmax over the whole catalogue, plus
 * `l2 / 2 * (|p_u|^2 + |q_i|^2 + |q_j|^2)`, batch mean.
 */
class MatrixFactorization implements DirectBackbone {
  /** p `[users x dimension]` */
  readonly users: Parameter;
  /** q `[items x dimension]` */
  readonly items: Parameter;
  readonly parameters: readonly Parameter[];
  readonly #options: Hyperparameters;

  constructor(view: TrainView, options: Hyperparameters, seed: number) {
    const { dimension } = options;
    this.#options = options;
    this.users = new Parameter("users", view.userCount, dimension).fillXavier(seed, 0);
    this.items = new Parameter("items", view.itemCount, dimension).fillXavier(seed, 1);
    this.parameters = [this.users, this.items];
  }

  loss(batch: PairBatch): Tensor {
    const options = this.#options;
    if (options.negatives > 0) return bprRows(this.users, this.items, batch, options.l2);
    const { positives } = batch;
    const user = gather(this.users, batch.users);
    const ranking = catalogueLoss(user, dense(this.items), positives, options.temperature);
    return add(ranking, scale(add(l2(user), l2(gather(this.items, positives))), options.l2));
  }

  factors(): Factors {
    const options = this.#options;
    return step(() => ({
      dimension: options.dimension,
      users: servingVectors(dense(this.users), overCosines(options)),
      items: servingVectors(dense(this.items), overCosines(options)),
      itemBiases: null,
    }));
  }
}

/** Registry entry of MF. */
export const MF: DirectDefinition = {
  name: "MF",
  task: "direct",
  source: "Rendle et al., BPR: Bayesian Personalized Ranking from Implicit Feedback, UAI 2009",
  hyperparameters: {
    dimension: {
      default: 64,
      low: 1,
      high: 1024,
      integer: true,
      about: "length of user and item vectors",
      search: { values: [32, 64, 128] },
    },
    ...lossHyperparameters,
    learningRate: {
      default: 5e-3,
      low: 1e-6,
      high: 1,
      about: "step size of Adam",
      search: { low: 5e-4, high: 3e-2, scale: "log" },
    },
    l2: {
      default: 7e-3,
      low: 0,
      high: 10,
      about: "weight of the squared norms of a batch's vectors, batch mean",
      search: { low: 1e-4, high: 1e-1, scale: "log" },
    },
    batchSize: {
      default: 2048,
      low: 1,
      high: 1_048_576,
      integer: true,
      about: "triples a step",
      search: { values: [512, 1024, 2048, 4096] },
    },
    epochs: {
      default: 200,
      low: 1,
      high: 10_000,
      integer: true,
      about: "most passes over the training triples",
    },
  },
  check: checkLoss,
  create: (view, hyperparameters, seed) => new MatrixFactorization(view, hyperparameters, seed),
};
