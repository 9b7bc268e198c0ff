import { add, biInteraction, dense, dropout, matmul, type Tensor } from "../../native/autograd.js";
import type { Parameter } from "../../native/parameter.js";
import type { Hyperparameters, RatingDefinition } from "../backbone.js";
import type { FeatureBatch } from "./featureBatch.js";
import type { FeatureEncoding } from "./features.js";
import {
  FieldModel,
  fieldHyperparameters,
  layersOf,
  Perceptron,
  perceptronHyperparameters,
} from "./fieldModel.js";

/**
 * A perceptron over the sum of all products of two fields (He and Chua, SIGIR 2017, Eq. 3 to 6):
 * `y = linear + w . perceptron(sum over pairs of v_f * v_g)`. Without layers it is a factorisation machine.
 */
class NeuralFactorizationMachine extends FieldModel {
  readonly #perceptron: Perceptron;
  readonly #out: Parameter;
  readonly #dropout: number;

  constructor(features: FeatureEncoding, hyperparameters: Hyperparameters, seed: number) {
    super(features, hyperparameters, seed);
    this.#dropout = hyperparameters.interactionDropout;
    const { dropout: rate } = hyperparameters;
    this.#perceptron = new Perceptron(this.own, this.dimension, layersOf(hyperparameters), rate);
    this.#out = this.own.weight("out", this.#perceptron.width, 1);
  }

  predict(batch: FeatureBatch): Tensor {
    const pairs = dropout(biInteraction(this.embedded(batch), this.fields), this.#dropout);
    return add(this.linearPart(batch), matmul(this.#perceptron.run(pairs), dense(this.#out)));
  }
}

/** Registry entry of NFM. */
export const NFM: RatingDefinition = {
  name: "NFM",
  task: "rating",
  source: "He and Chua, Neural Factorization Machines for Sparse Predictive Analytics, SIGIR 2017",
  hyperparameters: {
    ...fieldHyperparameters,
    ...perceptronHyperparameters,
    interactionDropout: {
      default: 0,
      low: 0,
      high: 0.95,
      about: "rate after the products of fields",
      search: { low: 0, high: 0.4 },
    },
  },
  create: (features, hyperparameters, seed) =>
    new NeuralFactorizationMachine(features, hyperparameters, seed),
};
