import { setImmediate as nextTurn } from "node:timers/promises";
import type { TrainView } from "../data/trainView.js";
import { step, values } from "../native/autograd.js";
import { argumentError, describe, Llama4RecError } from "../native/errors.js";
import { type RatingBackbone, type RatingDefinition, resolveHyperparameters } from "./backbone.js";
import type { ParameterValues, RatingModel } from "./frozen.js";
import type { FeatureBatch } from "./rating/featureBatch.js";
import { checkFeatureRows, type FeatureRow, type KnownAttributes } from "./rating/featureRows.js";
import { FeatureEncoding } from "./rating/features.js";
import { vectorTable } from "./rating/fieldModel.js";
import { FitChoice, type Residuals, trialsOf, usualFit } from "./rating/foldInChoice.js";
import {
  checkNewUser,
  fittedResidual,
  itemFeatures,
  type NewUser,
  type NewUserRater,
  residualOf,
} from "./rating/userFoldIn.js";
import { checkPairs, type Rater } from "./ratings.js";

/** Pairs a block: bounds memory. */
const blockSize = 4096;

/**
 * A trained rating model, frozen for serving: its definition's own model with the trained parameters.
 * Made by {@link trainRating}, {@link loadRatingModel} or {@link predictorOf}.
 */
export class RatingPredictor implements Rater {
  readonly name: string;
  readonly userCount: number;
  readonly itemCount: number;
  #model: RatingModel;
  readonly #features: FeatureEncoding;
  readonly #backbone: RatingBackbone;
  #userVectors: Float32Array | undefined;
  #disposed = false;

  /** Takes the model over, without a copy. */
  constructor(model: RatingModel, features: FeatureEncoding, backbone: RatingBackbone) {
    this.name = model.name;
    this.userCount = model.encoding.userCount;
    this.itemCount = model.encoding.itemCount;
    this.#model = model;
    this.#features = features;
    this.#backbone = backbone;
  }

  /** The model as plain data: what files and worker threads carry. */
  get model(): RatingModel {
    return this.#model;
  }

  predict(users: Int32Array, items: Int32Array): Float32Array {
    checkPairs(users, items, this);
    return this.#bounded(
      this.#inBlocks(users.length, (begin, end) =>
        this.#features.batch(users.subarray(begin, end), items.subarray(begin, end)),
      ),
    );
  }

  /**
   * Length of a user's vector.
   * @throws Llama4RecError `E_BACKBONE` when the model has no table of vectors.
   */
  get dimension(): number {
    return this.#vectorTable().columns;
  }

  /**
   * `[userCount x dimension]` row-major: each user's row of the table that the fields' vectors are in, made on first use;
   * zeros for a user of too few ratings for a row of one's own. Similarity between users is taken from them.
   * @throws Llama4RecError `E_BACKBONE` when the model has no table of vectors.
   */
  get userVectors(): Float32Array {
    this.#userVectors ??= this.#readUserVectors();
    return this.#userVectors;
  }

  #readUserVectors(): Float32Array {
    const { columns: dimension, values } = this.#vectorTable();
    const { fields, users } = this.model.encoding;
    const [ids] = fields; // of users, the id first
    const perUser = fields.filter(({ side }) => side === "user").length;
    const vectors = new Float32Array(this.userCount * dimension);
    for (let user = 0; user < this.userCount; user++) {
      const row = users.rows[users.offsets[user * perUser]];
      if (row !== ids.first)
        vectors.set(values.subarray(row * dimension, (row + 1) * dimension), user * dimension);
    }
    return vectors;
  }

  #vectorTable(): ParameterValues {
    const table = this.model.parameters[vectorTable];
    if (table?.rows === this.#features.rows) return table;
    throw new Llama4RecError(
      "E_BACKBONE",
      `backbone ${this.name}: expected a parameter ${vectorTable} of ${this.#features.rows} rows, for vectors of users`,
    );
  }

  /**
   * The rating of each pair, whose user or item may be new, within the range of the training ratings. A value that was
   * not seen in training counts as unseen.
   * @throws Llama4RecError `E_ARGUMENT` naming the row for a key or an attribute that there is none of, an index out of
   *   range and anything of another type.
   */
  predictFeatures(rows: readonly FeatureRow[]): Float32Array {
    checkFeatureRows(rows, this.model.encoding);
    return this.#bounded(
      this.#inBlocks(rows.length, (begin, end) => this.#features.batchOf(rows.slice(begin, end))),
    );
  }

  /**
   * A rater for somebody who was not in training, or who has rated since: what the model predicts, for an unknown user with
   * these attributes and this bag of rated items or for the user of the training, and in closed form a damped bias and a ridge
   * regression on the items' vectors of what that leaves of their ratings. One pass over the ratings, then some 100
   * microseconds for 50 of them.
   * @throws Llama4RecError `E_ARGUMENT` for an unknown user or item, a rating that is no number, an attribute that there is
   *   none of.
   */
  foldIn(whom: NewUser): NewUserRater {
    checkNewUser(whom, this.model.encoding);
    const { user, attributes } = whom;
    const rated = whom.items.slice();
    const predicted = (items: Int32Array): Float32Array =>
      user === undefined ? this.#forNewUser(attributes, rated, items) : this.#forUser(user, items);
    const { errors, features } = this.#residuals(predicted(rated), rated, whom.ratings);
    const d = features.length / Math.max(1, rated.length);
    const fitted = fittedResidual(errors, features, d, this.model.foldIn ?? usualFit);
    return {
      predict: (asked) => {
        checkPairs(new Int32Array(asked.length), asked, { userCount: 1, itemCount: this.itemCount });
        const ofAsked = this.#itemFeatures(asked);
        return this.#bounded(
          predicted(asked).map((rating, row) => rating + residualOf(fitted, ofAsked, row)),
        );
      },
    };
  }

  /**
   * Chooses how {@link RatingPredictor.foldIn} damps and what newer ratings weigh, by the newest ratings of training users who are taken for new
   * ones; {@link trainRating} has done it. Files of the model keep it.
   * @param view What the model was trained on.
   */
  async learnFoldIn(view: TrainView): Promise<void> {
    const choice = new FitChoice();
    const names = Object.keys(view.userAttributes);
    for (const { user, items, ratings, known } of trialsOf(view)) {
      const attributes = Object.fromEntries(names.map((name) => [name, view.userAttributes[name][user]]));
      const predicted = this.#forNewUser(attributes, items.subarray(0, known), items);
      choice.add(this.#residuals(predicted, items, ratings), known);
      await nextTurn();
    }
    this.#model = { ...this.#model, foldIn: choice.best };
  }

  /** What a prediction leaves of ratings. */
  #residuals(predicted: Float32Array, items: Int32Array, ratings: ArrayLike<number>): Residuals {
    return {
      errors: Float64Array.from(predicted, (rating, row) => ratings[row] - rating),
      features: this.#itemFeatures(items),
    };
  }

  /** Not bounded. */
  #forUser(user: number, items: Int32Array): Float32Array {
    return this.#inBlocks(items.length, (begin, end) =>
      this.#features.batch(new Int32Array(end - begin).fill(user), items.subarray(begin, end)),
    );
  }

  /** Not bounded. */
  #forNewUser(attributes: KnownAttributes | undefined, rated: Int32Array, items: Int32Array): Float32Array {
    const { history = 0 } = this.model.hyperparameters;
    const bag = rated.subarray(Math.max(0, rated.length - history));
    return this.#inBlocks(items.length, (begin, end) =>
      this.#features.batchFor(attributes, bag, items.subarray(begin, end)),
    );
  }

  /** Without a table of vectors an item has no features. */
  #itemFeatures(items: Int32Array): Float64Array {
    const table = this.model.parameters[vectorTable];
    if (table?.rows !== this.#features.rows) return new Float64Array(0);
    return itemFeatures(this.model.encoding, table, items);
  }

  #bounded(ratings: Float32Array): Float32Array {
    const { low, high } = this.model.encoding;
    return ratings.map((rating) => Math.min(high, Math.max(low, rating)));
  }

  #inBlocks(count: number, batchOf: (begin: number, end: number) => FeatureBatch): Float32Array {
    const ratings = new Float32Array(count);
    for (let begin = 0; begin < count; begin += blockSize) {
      const batch = batchOf(begin, Math.min(begin + blockSize, count));
      ratings.set(
        step(() => values(this.#backbone.predict(batch))),
        begin,
      );
    }
    return ratings;
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#backbone[Symbol.dispose]?.();
    for (const parameter of this.#backbone.parameters) parameter.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * The predictor of a frozen model, whose definition makes what it runs. The arrays are taken over, not copied: do not
 * change them.
 * @throws Llama4RecError `E_ARGUMENT` when the definition is another's or its parameters are not those of the model;
 *   `E_BACKBONE` when it fails.
 */
export function predictorOf(model: RatingModel, definition: RatingDefinition): RatingPredictor {
  if (definition.name !== model.name || definition.task !== "rating")
    throw argumentError(
      "backbone",
      `the definition of rating backbone ${model.name}`,
      `${definition.name} (${definition.task})`,
    );
  // In range, before anything is made of that size.
  const hyperparameters = resolveHyperparameters(definition, model.hyperparameters);
  const features = new FeatureEncoding(model.encoding);
  let backbone: RatingBackbone;
  try {
    backbone = definition.create(features, hyperparameters, 0);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : describe(cause);
    throw new Llama4RecError("E_BACKBONE", `backbone ${model.name}: create failed: ${why}`, { cause });
  }
  const predictor = new RatingPredictor(model, features, backbone);
  try {
    const given = new Map(Object.entries(model.parameters));
    for (const parameter of backbone.parameters) {
      const { name, rows, columns } = parameter;
      const found = given.get(name);
      given.delete(name);
      if (found === undefined || found.rows !== rows || found.columns !== columns)
        throw argumentError(
          `parameter ${name}`,
          `${rows} x ${columns}`,
          found === undefined ? "none" : `${found.rows} x ${found.columns}`,
        );
      parameter.write(found.values);
    }
    const [other] = given.keys();
    if (other !== undefined) throw argumentError("parameters", `those of ${model.name}`, other);
    return predictor;
  } catch (error) {
    predictor.dispose();
    throw error;
  }
}
