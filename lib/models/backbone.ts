import type { TrainView } from "../data/trainView.js";
import { type MetricName, RANKING_METRICS, RATING_METRICS } from "../metrics/names.js";
import type { Tensor } from "../native/autograd.js";
import { argumentError, Llama4RecError } from "../native/errors.js";
import { unknownName } from "../native/nearest.js";
import type { PairBatch } from "../native/pairSampler.js";
import type { Parameter } from "../native/parameter.js";
import type { EncoderModel } from "../native/sequenceEncoder.js";
import type { SequenceBatch } from "../native/sequenceSampler.js";
import type { Factors } from "./factorRanker.js";
import type { FeatureBatch, RatingBatch } from "./rating/featureBatch.js";
import type { FeatureEncoding } from "./rating/features.js";

/** What a recommender is asked to do. */
export type Task = "direct" | "sequential" | "rating";

/** Metrics that validation rows of a task may choose by. */
export const metricsOf = (task: Task): readonly MetricName[] =>
  task === "rating" ? RATING_METRICS : RANKING_METRICS;

/** One number that a user may set, with its range and meaning. */
export interface Hyperparameter {
  readonly default: number;
  readonly low: number;
  readonly high: number;
  /** Only whole numbers. */
  readonly integer?: boolean;
  /** One line: what it does, in which unit. */
  readonly about: string;
  /** Where a search looks for it unless told otherwise; absent: it stays at its default. */
  readonly search?: SearchRange;
}

/**
 * Values among which a search draws one, all alike: between two numbers, both included, evenly or evenly by their
 * logarithm, or from a list.
 */
export type SearchRange =
  | { readonly low: number; readonly high: number; readonly scale?: "linear" | "log" }
  | { readonly values: readonly number[] };

/** Hyper-parameters that every backbone has: the trainer reads them. */
export interface CommonHyperparameters {
  /** Most epochs; early stopping on validation decides. */
  readonly epochs: number;
  /** Examples a step: triples, sequences or ratings. */
  readonly batchSize: number;
  /** Of Adam. */
  readonly learningRate: number;
}

/** Values of all hyper-parameters of one backbone. */
export type Hyperparameters = CommonHyperparameters & Readonly<Record<string, number>>;

/** A direct-recommendation model while it is trained: parameters and loss over native ops. */
export interface DirectBackbone {
  /** Everything the optimizer updates; checkpoints go by their names. */
  readonly parameters: readonly Parameter[];
  /** Called at the start of every epoch, from 1, and again when a training is resumed within one; outside of steps. */
  startEpoch?(epoch: number): void;
  /** Loss of one batch of (user, positive, negatives) as a `1 x 1` tensor; called inside a step. */
  loss(batch: PairBatch): Tensor;
  /** User and item vectors for serving: `score(u, i) = users[u] . items[i] + itemBiases[i]`. */
  factors(): Factors;
  /** Frees what the model holds beside its parameters, which the training frees itself. */
  [Symbol.dispose]?(): void;
}

/** A sequential model while it is trained. */
export interface SequentialBackbone {
  /** Everything the optimizer updates; checkpoints go by their names. */
  readonly parameters: readonly Parameter[];
  /** Loss of one batch of packed histories as a `1 x 1` tensor; called inside a step. */
  loss(batch: SequenceBatch): Tensor;
  /** Weights of the encoder that serves: `score(history, i) = state(history) . items[i]`. */
  encoder(): EncoderModel;
  /** Frees what the model holds beside its parameters, which the training frees itself. */
  [Symbol.dispose]?(): void;
}

/** A rating model, while it is trained and when it serves. */
export interface RatingBackbone {
  /** Everything the optimizer updates; checkpoints and model files go by their names. */
  readonly parameters: readonly Parameter[];
  /** Loss of one batch of ratings as a `1 x 1` tensor; called inside a step. */
  loss(batch: RatingBatch): Tensor;
  /** Predicted ratings `[n x 1]`, not bounded; called inside a step. */
  predict(batch: FeatureBatch): Tensor;
  /** Frees what the model holds beside its parameters, which the training or the predictor frees itself. */
  [Symbol.dispose]?(): void;
}

interface NamedBackbone {
  readonly name: string;
  /** Paper or source of the model. */
  readonly source: string;
  /**
   * With `epochs`, `batchSize` and `learningRate` among them; sequential ones also with `length` and `negatives`, which
   * direct ones may have: sampled items for each interaction, without it 1.
   */
  readonly hyperparameters: Readonly<Record<string, Hyperparameter>>;
  /** Throws `E_ARGUMENT` when values that are in range do not go together. */
  check?(hyperparameters: Hyperparameters): void;
}

/** How a direct backbone is named, configured and made. One per model file. */
export interface DirectDefinition extends NamedBackbone {
  readonly task: "direct";
  /**
   * Makes an untrained model. It sees the training view and nothing else.
   * @param seed Same seed: same initial bits.
   */
  create(view: TrainView, hyperparameters: Hyperparameters, seed: number): DirectBackbone;
}

/** How a sequential backbone is named, configured and made. One per model file. */
export interface SequentialDefinition extends NamedBackbone {
  readonly task: "sequential";
  /**
   * Makes an untrained model. It sees the training view and nothing else.
   * @param seed Same seed: same initial bits.
   */
  create(view: TrainView, hyperparameters: Hyperparameters, seed: number): SequentialBackbone;
}

/** How a rating backbone is named, configured and made. One per model file. */
export interface RatingDefinition extends NamedBackbone {
  readonly task: "rating";
  /**
   * Makes an untrained model; a trained one is made the same way and then given its parameters. It sees the fields of
   * users and items and the mean of the training ratings. The trainer makes them with the hyper-parameters `rareBelow`
   * and `history`, where the definition has those.
   * @param seed Same seed: same initial bits.
   */
  create(features: FeatureEncoding, hyperparameters: Hyperparameters, seed: number): RatingBackbone;
}

/** How a backbone of a task that ranks is named, configured and made. */
export type RankingDefinition = DirectDefinition | SequentialDefinition;

/** How a backbone of any task is named, configured and made. */
export type BackboneDefinition = RankingDefinition | RatingDefinition;

/**
 * Checks one value of one hyper-parameter, which it gives back as the backbone describes it.
 * @throws Llama4RecError `E_ARGUMENT` for an unknown name, a value out of range or one that is no number.
 */
export function checkHyperparameter(
  { name: backbone, hyperparameters: known }: BackboneDefinition,
  name: string,
  value: number,
): Hyperparameter {
  if (!Object.hasOwn(known, name))
    throw unknownName("E_ARGUMENT", `${backbone} hyper-parameter`, Object.keys(known), name);
  const spec = known[name];
  const wanted = `${spec.integer ? "an integer" : "a number"} in ${spec.low}..${spec.high}`;
  const fits = Number.isFinite(value) && value >= spec.low && value <= spec.high;
  if (!fits || (spec.integer && !Number.isInteger(value)))
    throw argumentError(`${backbone} ${name}`, wanted, value);
  return spec;
}

/**
 * Defaults of a backbone with a user's values over them.
 * @throws Llama4RecError `E_ARGUMENT` for an unknown name, a value out of range, one that is no number, or values that do not
 *   go together;
 *   `E_BACKBONE` when the definition lacks a hyper-parameter that the trainer reads.
 */
export function resolveHyperparameters(
  definition: BackboneDefinition,
  given: Readonly<Record<string, number>> = {},
): Hyperparameters {
  const known = definition.hyperparameters;
  for (const [name, value] of Object.entries(given)) checkHyperparameter(definition, name, value);
  const defaults = Object.fromEntries(Object.entries(known).map(([name, spec]) => [name, spec.default]));
  const { epochs, batchSize, learningRate } = defaults;
  const needed = ["epochs", "batchSize", "learningRate"];
  if (definition.task === "sequential") needed.push("length", "negatives");
  if (
    epochs === undefined ||
    batchSize === undefined ||
    learningRate === undefined ||
    needed.some((name) => !Object.hasOwn(known, name))
  )
    throw new Llama4RecError(
      "E_BACKBONE",
      `backbone ${definition.name}: expected hyper-parameters ${needed.join(", ")}, got ${Object.keys(known).join(", ")}`,
    );
  const resolved = { epochs, batchSize, learningRate, ...defaults, ...given };
  definition.check?.(resolved);
  return resolved;
}
