import { add, biInteraction, dense, matmul, reshape, sumGroups, type Tensor } from "../../native/autograd.js";
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
 * A factorisation machine and a perceptron over the same vectors (Guo et al., IJCAI 2017): `y = linear + sum over pairs of
 * fields of v_f . v_g + w . perceptron(all v)` (their Eq. 1 to 4, without the sigmoid).
 */
class DeepFactorizationMachine extends FieldModel {
  readonly #perceptron: Perceptron;
  readonly #out: Parameter;

  constructor(features: FeatureEncoding, hyperparameters: Hyperparameters, seed: number) {
    super(features, hyperparameters, seed);
    const inputs = this.fields * this.dimension;
    this.#perceptron = new Perceptron(this.own, inputs, layersOf(hyperparameters), hyperparameters.dropout);
    this.#out = this.own.weight("out", this.#perceptron.width, 1);
  }

  predict(batch: FeatureBatch): Tensor {
    const vectors = this.embedded(batch);
    const pairs = reshape(biInteraction(vectors, this.fields), batch.size * this.dimension, 1);
    const deep = matmul(this.#perceptron.run(vectors), dense(this.#out));
    return add(this.linearPart(batch), sumGroups(pairs, this.dimension), deep);
  }
}

/** Registry entry of DeepFM. */
export const DEEPFM: RatingDefinition = {
  name: "DeepFM",
  task: "rating",
  source: "Guo et al., DeepFM: A Factorization-Machine based Neural Network for CTR Prediction, IJCAI 2017",
  hyperparameters: { ...fieldHyperparameters, ...perceptronHyperparameters },
  create: (features, hyperparameters, seed) => new DeepFactorizationMachine(features, hyperparameters, seed),
};
