import { add, attention, dense, linear, matmul, relu, reshape, type Tensor } from "../../native/autograd.js";
import { argumentError } from "../../native/errors.js";
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

/** Weights of a layer; the three of attention stand side by side. */
interface Layer {
  /** `[in x 3 width]` */
  readonly qkv: Parameter;
  readonly qkvBias: Parameter;
  /** `[in x width]` */
  readonly residual: Parameter;
}

/**
 * Self-attention among the fields of an example (Song et al., CIKM 2019): each field sees all, with
 * `e' = relu(attention(e) + W e)` (their Eq. 5 to 8), `y = linear + w . all e' + v . perceptron(all v)` (Eq. 9, without the
 * sigmoid and with the perceptron of section 5.5). Scores are scaled as in Vaswani et al. 2017.
 */
class AutoInt extends FieldModel {
  readonly #layers: readonly Layer[];
  readonly #heads: number;
  readonly #width: number;
  readonly #interacted: Parameter;
  readonly #perceptron: Perceptron;
  readonly #out: Parameter;

  constructor(features: FeatureEncoding, hyperparameters: Hyperparameters, seed: number) {
    super(features, hyperparameters, seed);
    const { attention: width, heads, layers } = hyperparameters;
    this.#heads = heads;
    this.#width = width;
    this.#layers = Array.from({ length: layers }, (_, layer) => {
      const inputs = layer === 0 ? this.dimension : width;
      return {
        qkv: this.own.weight(`attention.${layer}.qkv`, inputs, 3 * width),
        qkvBias: this.own.zeros(`attention.${layer}.qkvBias`, 1, 3 * width),
        residual: this.own.weight(`attention.${layer}.residual`, inputs, width),
      };
    });
    this.#interacted = this.own.weight("interacted", this.fields * width, 1);
    const inputs = this.fields * this.dimension;
    this.#perceptron = new Perceptron(this.own, inputs, layersOf(hyperparameters), hyperparameters.dropout);
    this.#out = this.own.weight("out", this.#perceptron.width, 1);
  }

  predict(batch: FeatureBatch): Tensor {
    const { size, fields } = batch;
    const vectors = this.embedded(batch);
    const offsets = Int32Array.from({ length: size + 1 }, (_, example) => example * fields);
    let tokens = reshape(vectors, size * fields, this.dimension);
    for (const { qkv, qkvBias, residual } of this.#layers) {
      const mixed = linear(tokens, dense(qkv), dense(qkvBias));
      const attended = attention(mixed, { offsets, heads: this.#heads, causal: false });
      tokens = relu(add(attended, matmul(tokens, dense(residual))));
    }
    return add(
      this.linearPart(batch),
      matmul(reshape(tokens, size, fields * this.#width), dense(this.#interacted)),
      matmul(this.#perceptron.run(vectors), dense(this.#out)),
    );
  }
}

/** Registry entry of AutoInt. */
export const AUTOINT: RatingDefinition = {
  name: "AutoInt",
  task: "rating",
  source:
    "Song et al., AutoInt: Automatic Feature Interaction Learning via Self-Attentive Networks, CIKM 2019",
  hyperparameters: {
    ...fieldHyperparameters,
    ...perceptronHyperparameters,
    attention: {
      default: 16,
      low: 1,
      high: 1024,
      integer: true,
      about: "width of an attention layer",
      search: { values: [8, 16, 32] },
    },
    heads: {
      default: 2,
      low: 1,
      high: 64,
      integer: true,
      about: "attention heads; divides that width",
      search: { values: [1, 2, 4] },
    },
    layers: {
      default: 2,
      low: 1,
      high: 8,
      integer: true,
      about: "attention layers",
      search: { values: [1, 2, 3] },
    },
  },
  check({ attention: width, heads }) {
    if (width % heads !== 0) throw argumentError("AutoInt heads", `a divisor of attention ${width}`, heads);
  },
  create: (features, hyperparameters, seed) => new AutoInt(features, hyperparameters, seed),
};
