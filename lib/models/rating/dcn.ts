import { add, cross, dense, matmul, type Tensor } from "../../native/autograd.js";
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
 * A cross network beside a perceptron (Wang et al., ADKDD 2017): `x_{l+1} = x_0 (x_l . w_l) + b_l + x_l` (their Eq. 3) over
 * all vectors x_0 of an example, `y = linear + w . x_L + v . perceptron(x_0)` (Eq. 6, without the sigmoid).
 */
class DeepCrossNetwork extends FieldModel {
  readonly #layers: readonly { readonly weight: Parameter; readonly bias: Parameter }[];
  readonly #perceptron: Perceptron;
  readonly #crossed: Parameter;
  readonly #out: Parameter;

  constructor(features: FeatureEncoding, hyperparameters: Hyperparameters, seed: number) {
    super(features, hyperparameters, seed);
    const inputs = this.fields * this.dimension;
    this.#layers = Array.from({ length: hyperparameters.crossLayers }, (_, layer) => ({
      weight: this.own.weight(`cross.${layer}.weight`, 1, inputs),
      bias: this.own.zeros(`cross.${layer}.bias`, 1, inputs),
    }));
    this.#perceptron = new Perceptron(this.own, inputs, layersOf(hyperparameters), hyperparameters.dropout);
    this.#crossed = this.own.weight("crossed", inputs, 1);
    this.#out = this.own.weight("out", this.#perceptron.width, 1);
  }

  predict(batch: FeatureBatch): Tensor {
    const vectors = this.embedded(batch);
    let crossed = vectors;
    for (const { weight, bias } of this.#layers)
      crossed = cross(vectors, crossed, dense(weight), dense(bias));
    return add(
      this.linearPart(batch),
      matmul(crossed, dense(this.#crossed)),
      matmul(this.#perceptron.run(vectors), dense(this.#out)),
    );
  }
}

/** Registry entry of DCN. */
export const DCN: RatingDefinition = {
  name: "DCN",
  task: "rating",
  source: "Wang et al., Deep & Cross Network for Ad Click Predictions, ADKDD 2017",
  hyperparameters: {
    ...fieldHyperparameters,
    ...perceptronHyperparameters,
    crossLayers: {
      default: 2,
      low: 0,
      high: 16,
      integer: true,
      about: "layers of the cross network",
      search: { values: [1, 2, 3] },
    },
  },
  create: (features, hyperparameters, seed) => new DeepCrossNetwork(features, hyperparameters, seed),
};
