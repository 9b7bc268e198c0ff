/**
 * A backbone of your own in one file: Collaborative Metric Learning (Hsieh et al., WWW 2017). Users and items are points;
 * a user stands near what she likes. Two things differ from the paper: the softplus of BPR stands in the place of the hinge
 * loss (their Eq. 2), and points are held near the origin by their squared norms rather than inside the unit ball.
 */
import {
  add,
  bprLoss,
  type DirectBackbone,
  type DirectDefinition,
  type Factors,
  gather,
  type Hyperparameters,
  l2,
  type PairBatch,
  Parameter,
  rowDot,
  scale,
  type Tensor,
  type TrainView,
} from "llama4rec";

class MetricLearning implements DirectBackbone {
  /** p `[users x dimension]`, q `[items x dimension]` */
  readonly parameters: readonly [users: Parameter, items: Parameter];
  readonly #values: Hyperparameters;

  constructor(view: TrainView, values: Hyperparameters, seed: number) {
    this.#values = values;
    this.parameters = [
      new Parameter("users", view.userCount, values.dimension).fillXavier(seed, 0),
      new Parameter("items", view.itemCount, values.dimension).fillXavier(seed, 1),
    ];
  }

  /** `softplus(|p - q+|^2 - |p - q-|^2)`, batch mean, plus `l2 / 2` times the squared norms. */
  loss(batch: PairBatch): Tensor {
    const [users, items] = this.parameters;
    const user = gather(users, batch.users);
    const positive = gather(items, batch.positives);
    const negative = gather(items, batch.negatives);
    const ranking = bprLoss(nearness(user, positive), nearness(user, negative));
    return add(ranking, scale(add(l2(user), l2(positive), l2(negative)), this.#values.l2));
  }

  /** The order by distance as a dot product with a bias: `-|p - q|^2 = 2 p . q - |q|^2 - |p|^2`, the last of no matter. */
  factors(): Factors {
    const { dimension } = this.#values;
    const users = this.parameters[0].read().map((coordinate) => 2 * coordinate);
    const items = this.parameters[1].read();
    const itemBiases = new Float32Array(items.length / dimension);
    for (const [at, coordinate] of items.entries())
      itemBiases[Math.floor(at / dimension)] -= coordinate * coordinate;
    return { dimension, users, items, itemBiases };
  }
}

/** `2 p . q - |q|^2` of each row, `[batch x 1]`: how near they are, but for `|p|^2`, which the loss takes away again. */
const nearness = (user: Tensor, item: Tensor): Tensor =>
  add(scale(rowDot(user, item), 2), scale(rowDot(item, item), -1));

/** What `train`, the conformance suite and `searchHyperparameters` take. */
export const CML: DirectDefinition = {
  name: "CML",
  task: "direct",
  source: "Hsieh et al., Collaborative Metric Learning, WWW 2017",
  hyperparameters: {
    dimension: { default: 64, low: 1, high: 1024, integer: true, about: "coordinates of a point" },
    learningRate: { default: 5e-3, low: 1e-6, high: 1, about: "step size of Adam" },
    l2: { default: 1e-2, low: 0, high: 10, about: "weight of the squared norms, batch mean" },
    batchSize: { default: 1024, low: 1, high: 1_048_576, integer: true, about: "triples a step" },
    epochs: { default: 100, low: 1, high: 10_000, integer: true, about: "most passes over the triples" },
  },
  create: (view, values, seed) => new MetricLearning(view, values, seed),
};
