import {
  add,
  bag,
  constant,
  dense,
  l2,
  linear,
  reshape,
  scale,
  sumGroups,
  type Tensor,
} from "../../native/autograd.js";
import { Parameter } from "../../native/parameter.js";
import type { Hyperparameter, Hyperparameters, RatingBackbone } from "../backbone.js";
import type { FeatureBatch, RatingBatch } from "./featureBatch.js";
import type { FeatureEncoding } from "./features.js";

/** Name of the parameter that holds the vectors of all fields, `[rows x d]`. */
export const vectorTable = "vectors";

/** Makes the parameters of a model, each with random numbers of its own. */
export class Parameters {
  readonly made: Parameter[] = [];
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** Xavier. */
  weight(name: string, rows: number, columns: number): Parameter {
    return this.zeros(name, rows, columns).fillXavier(this.#seed, this.made.length);
  }

  /** Small normal numbers. */
  embedding(name: string, rows: number, columns: number): Parameter {
    return this.zeros(name, rows, columns).fillNormal(0.01, this.#seed, this.made.length);
  }

  zeros(name: string, rows: number, columns: number): Parameter {
    const parameter = new Parameter(name, rows, columns);
    this.made.push(parameter);
    return parameter;
  }
}

/**
 * What all rating models share. Their fields are rows of one table of vectors and one of numbers, whose sum with a bias
 * is the linear part. Loss, over the N training ratings:
 * `(sum of (prediction - rating)^2 + l2 sum of |vector|^2 + l2Linear sum of number^2) / (2 N)`, as in a ridge regression:
 * each row of the tables counts once an epoch, so that `l2Linear` is the damping of a bias (see BiasModel), in ratings.
 */
export abstract class FieldModel implements RatingBackbone {
  /** Fields of an example, F. */
  protected readonly fields: number;
  /** Numbers of a field's vector, d. */
  protected readonly dimension: number;
  protected readonly own: Parameters;
  /** `[rows x d]` */
  readonly #vectors: Parameter;
  /** `[rows x 1]` */
  readonly #numbers: Parameter;
  /** `[1 x 1]` */
  readonly #bias: Parameter;
  readonly #l2: number;
  readonly #l2Linear: number;

  constructor(features: FeatureEncoding, { dimension, l2, l2Linear }: Hyperparameters, seed: number) {
    this.fields = features.fieldCount;
    this.dimension = dimension;
    this.#l2 = l2;
    this.#l2Linear = l2Linear;
    this.own = new Parameters(seed);
    this.#vectors = this.own.embedding(vectorTable, features.rows, dimension);
    this.#numbers = this.own.zeros("numbers", features.rows, 1);
    this.#bias = this.own.zeros("bias", 1, 1).write(Float32Array.of(features.columns.mean));
  }

  get parameters(): readonly Parameter[] {
    return this.own.made;
  }

  abstract predict(batch: FeatureBatch): Tensor;

  loss(batch: RatingBatch): Tensor {
    const { ratings } = batch;
    const expected = constant(
      ratings.map((rating) => -rating),
      ratings.length,
      1,
    );
    const error = l2(add(this.predict(batch), expected));
    return add(
      error,
      this.#penalty(this.#vectors, batch, this.#l2),
      this.#penalty(this.#numbers, batch, this.#l2Linear),
    );
  }

  /** The vectors of each example's fields, `[n x F d]`. */
  protected embedded(batch: FeatureBatch): Tensor {
    const { size, fields, indices, offsets } = batch;
    return reshape(bag(this.#vectors, indices, offsets, "mean"), size, fields * this.dimension);
  }

  /** The linear part of each example, `[n x 1]`. */
  protected linearPart({ fields, indices, offsets }: FeatureBatch): Tensor {
    const sums = sumGroups(bag(this.#numbers, indices, offsets, "mean"), fields);
    return linear(sums, constant(Float32Array.of(1), 1, 1), dense(this.#bias));
  }

  /** This batch's part of the squares of a table. */
  #penalty(table: Parameter, { size, rows, shares }: RatingBatch, weight: number): Tensor {
    const each = Int32Array.from({ length: rows.length + 1 }, (_, row) => row);
    return scale(l2(bag(table, rows, each, "sum", shares)), (weight * rows.length) / size);
  }
}

/** Layers of neurons, `relu(x W + b)` each, with dropout after each. */
export class Perceptron {
  /** Numbers that come out. */
  readonly width: number;
  readonly #dropout: number;
  readonly #layers: readonly { readonly weight: Parameter; readonly bias: Parameter }[];

  constructor(own: Parameters, inputs: number, widths: readonly number[], rate: number) {
    this.#dropout = rate;
    this.#layers = widths.map((width, layer) => ({
      weight: own.weight(`layers.${layer}.weight`, layer === 0 ? inputs : widths[layer - 1], width),
      bias: own.zeros(`layers.${layer}.bias`, 1, width),
    }));
    this.width = widths[widths.length - 1] ?? inputs;
  }

  /** `[n x inputs]` to `[n x width]` */
  run(x: Tensor): Tensor {
    let out = x;
    for (const { weight, bias } of this.#layers)
      out = linear(out, dense(weight), dense(bias), "relu", { dropout: this.#dropout });
    return out;
  }
}

/** Widths of the perceptron's layers that hyper-parameters ask for; a width of 0 leaves a layer out. */
export const layersOf = ({ hidden1, hidden2 }: Hyperparameters): number[] =>
  [hidden1, hidden2].filter((width) => width > 0);

/** Hyper-parameters of all rating models. */
export const fieldHyperparameters = {
  dimension: {
    default: 16,
    low: 1,
    high: 1024,
    integer: true,
    about: "length of the vector of a field",
    search: { values: [8, 16, 32] },
  },
  l2: {
    default: 10,
    low: 0,
    high: 1e5,
    about: "weight of the squared vectors, each row once an epoch, in ratings",
    search: { low: 3, high: 100, scale: "log" },
  },
  l2Linear: {
    default: 5,
    low: 0,
    high: 1e5,
    about: "the same for the numbers of the linear part: the damping of a bias",
    search: { low: 2, high: 30, scale: "log" },
  },
  history: {
    default: 0,
    low: 0,
    high: 10_000,
    integer: true,
    about: "most rated items, the newest, in the field of a user's items; 0: no such field",
    search: { values: [0, 50, 200] },
  },
  rareBelow: {
    default: 2,
    low: 0,
    high: 1e6,
    integer: true,
    about: "ids and values of fewer ratings, users or items share a row with unseen ones",
  },
  learningRate: {
    default: 1e-3,
    low: 1e-6,
    high: 1,
    about: "step size of Adam",
    search: { low: 3e-4, high: 5e-3, scale: "log" },
  },
  batchSize: {
    default: 1024,
    low: 1,
    high: 1_048_576,
    integer: true,
    about: "ratings a step",
    search: { values: [512, 1024, 2048] },
  },
  epochs: { default: 50, low: 1, high: 10_000, integer: true, about: "most passes over the ratings" },
} as const satisfies Readonly<Record<string, Hyperparameter>>;

/** Hyper-parameters of models with a {@link Perceptron}. */
export const perceptronHyperparameters = {
  hidden1: {
    default: 128,
    low: 0,
    high: 4096,
    integer: true,
    about: "width of the first layer; 0: none",
    search: { values: [32, 64, 128] },
  },
  hidden2: {
    default: 64,
    low: 0,
    high: 4096,
    integer: true,
    about: "width of the second layer; 0: none",
    search: { values: [0, 32, 64] },
  },
  dropout: {
    default: 0.3,
    low: 0,
    high: 0.95,
    about: "rate after each layer",
    search: { low: 0, high: 0.6 },
  },
} as const satisfies Readonly<Record<string, Hyperparameter>>;
