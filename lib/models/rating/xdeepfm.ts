import {
  add,
  dense,
  linear,
  matmul,
  outerRows,
  reshape,
  sumGroups,
  type Tensor,
  transposeBlocks,
} from "../../native/autograd.js";
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

/** Feature maps of a layer: those that go out, and those that the next layer goes on with. */
interface Maps {
  readonly weight: Parameter;
  readonly bias: Parameter;
}

interface Layer {
  readonly direct: Maps;
  /** Null in the last layer, all of whose maps go out. */
  readonly next: Maps | null;
  /** `[maps x 1]` */
  readonly out: Parameter;
}

/**
 * A compressed interaction network beside a perceptron (Lian et al., KDD 2018, Eq. 6 to 9): each feature map of layer k + 1
 * weighs the products, embedding column by embedding column, of the fields and the maps of layer k, and is summed over
 * the columns. Half of a layer's maps go out and half go on, as in DeepCTR. The columns of an example are rows here,
 * `[n d x F]`, so that a layer is an outer product a row and one matrix product.
 */
class ExtremeDeepFactorizationMachine extends FieldModel {
  readonly #layers: readonly Layer[];
  readonly #perceptron: Perceptron;
  readonly #out: Parameter;

  constructor(features: FeatureEncoding, hyperparameters: Hyperparameters, seed: number) {
    super(features, hyperparameters, seed);
    const { maps, layers } = hyperparameters;
    const inputs = this.fields * this.dimension;
    let before = this.fields;
    this.#layers = Array.from({ length: layers }, (_, layer) => {
      const last = layer === layers - 1;
      const name = `interaction.${layer}`;
      const make = (part: string, columns: number): Maps => ({
        weight: this.own.weight(`${name}.${part}.weight`, this.fields * before, columns),
        bias: this.own.zeros(`${name}.${part}.bias`, 1, columns),
      });
      const width = last ? maps : maps / 2;
      const direct = make("direct", width);
      const next = last ? null : make("next", width);
      before = width;
      return { direct, next, out: this.own.weight(`${name}.out`, width, 1) };
    });
    this.#perceptron = new Perceptron(this.own, inputs, layersOf(hyperparameters), hyperparameters.dropout);
    this.#out = this.own.weight("out", this.#perceptron.width, 1);
  }

  predict(batch: FeatureBatch): Tensor {
    const { fields, dimension } = this;
    const vectors = this.embedded(batch);
    const columns = transposeBlocks(reshape(vectors, batch.size * fields, dimension), fields);
    const parts = [this.linearPart(batch), matmul(this.#perceptron.run(vectors), dense(this.#out))];
    let maps = columns;
    for (const { direct, next, out } of this.#layers) {
      const products = outerRows(columns, maps);
      const compressed = (part: Maps): Tensor =>
        linear(products, dense(part.weight), dense(part.bias), "relu");
      parts.push(matmul(sumGroups(compressed(direct), dimension), dense(out)));
      if (next !== null) maps = compressed(next);
    }
    return add(parts[0], ...parts.slice(1));
  }
}

/** Registry entry of xDeepFM. */
export const XDEEPFM: RatingDefinition = {
  name: "xDeepFM",
  task: "rating",
  source:
    "Lian et al., xDeepFM: Combining Explicit and Implicit Feature Interactions for Recommender Systems, KDD 2018",
  hyperparameters: {
    ...fieldHyperparameters,
    ...perceptronHyperparameters,
    dimension: { ...fieldHyperparameters.dimension, default: 8 },
    maps: {
      default: 32,
      low: 2,
      high: 1024,
      integer: true,
      about: "feature maps of a layer; even",
      search: { values: [16, 32, 64] },
    },
    layers: {
      default: 2,
      low: 1,
      high: 8,
      integer: true,
      about: "layers of the interaction network",
      search: { values: [1, 2, 3] },
    },
  },
  check({ maps }) {
    if (maps % 2 !== 0) throw argumentError("xDeepFM maps", "an even number", maps);
  },
  create: (features, hyperparameters, seed) =>
    new ExtremeDeepFactorizationMachine(features, hyperparameters, seed),
};
