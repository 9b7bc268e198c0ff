import {
  add,
  dense,
  dropout,
  linear,
  matmul,
  pairProducts,
  softmaxPool,
  type Tensor,
} from "../../native/autograd.js";
import type { Parameter } from "../../native/parameter.js";
import type { Hyperparameters, RatingDefinition } from "../backbone.js";
import type { FeatureBatch } from "./featureBatch.js";
import type { FeatureEncoding } from "./features.js";
import { FieldModel, fieldHyperparameters } from "./fieldModel.js";

/**
 * A factorisation machine that weighs its pairs of fields (Xiao et al., IJCAI 2017): with e_fg = v_f * v_g,
 * `a = softmax over pairs of h . relu(W e_fg + b)` (their Eq. 5) and `y = linear + p . sum of a_fg e_fg` (Eq. 6).
 */
class AttentionalFactorizationMachine extends FieldModel {
  readonly #weight: Parameter;
  readonly #bias: Parameter;
  readonly #score: Parameter;
  readonly #out: Parameter;
  readonly #dropout: number;

  constructor(features: FeatureEncoding, hyperparameters: Hyperparameters, seed: number) {
    super(features, hyperparameters, seed);
    const { attention } = hyperparameters;
    this.#dropout = hyperparameters.dropout;
    this.#weight = this.own.weight("attention.weight", this.dimension, attention);
    this.#bias = this.own.zeros("attention.bias", 1, attention);
    this.#score = this.own.weight("attention.score", attention, 1);
    // The mean of P products stands for their sum: ones times P make it a factorisation machine at first.
    const pairs = (this.fields * (this.fields - 1)) / 2;
    this.#out = this.own.zeros("out", this.dimension, 1).fillUniform(pairs, pairs, seed, 0);
  }

  predict(batch: FeatureBatch): Tensor {
    const pairs = pairProducts(this.embedded(batch), this.fields);
    const hidden = linear(pairs, dense(this.#weight), dense(this.#bias), "relu");
    const perExample = (this.fields * (this.fields - 1)) / 2;
    const pooled = softmaxPool(matmul(hidden, dense(this.#score)), pairs, perExample);
    return add(this.linearPart(batch), matmul(dropout(pooled, this.#dropout), dense(this.#out)));
  }
}

/** Registry entry of AFM. */
export const AFM: RatingDefinition = {
  name: "AFM",
  task: "rating",
  source: "Xiao et al., Attentional Factorization Machines, IJCAI 2017",
  hyperparameters: {
    ...fieldHyperparameters,
    l2: { ...fieldHyperparameters.l2, default: 4, search: { low: 1, high: 30, scale: "log" } },
    learningRate: { ...fieldHyperparameters.learningRate, default: 2e-3 },
    attention: {
      default: 8,
      low: 1,
      high: 1024,
      integer: true,
      about: "width of the attention's layer",
      search: { values: [4, 8, 16] },
    },
    dropout: {
      default: 0.1,
      low: 0,
      high: 0.95,
      about: "rate after the weighted products",
      search: { low: 0, high: 0.5 },
    },
  },
  create: (features, hyperparameters, seed) =>
    new AttentionalFactorizationMachine(features, hyperparameters, seed),
};
