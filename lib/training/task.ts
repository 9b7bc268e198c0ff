import { withInsertions } from "../data/insertions.js";
import { lastItems } from "../data/lastItems.js";
import type { TrainView } from "../data/trainView.js";
import type {
  BackboneDefinition,
  DirectDefinition,
  Hyperparameters,
  RatingDefinition,
  SequentialDefinition,
} from "../models/backbone.js";
import type { Factors } from "../models/factorRanker.js";
import type { FrozenModel } from "../models/frozen.js";
import { encodeView } from "../models/rating/features.js";
import { RatingSampler } from "../models/rating/ratingSampler.js";
import { shape, type Tensor } from "../native/autograd.js";
import { argumentError, describe, Llama4RecError } from "../native/errors.js";
import { PairSampler } from "../native/pairSampler.js";
import type { Parameter } from "../native/parameter.js";
import type { EncoderModel } from "../native/sequenceEncoder.js";
import { SequenceSampler } from "../native/sequenceSampler.js";
import { frozenCopy } from "./frozenCopy.js";

/** What a task is made of. */
export interface TaskSource {
  readonly view: TrainView;
  readonly hyperparameters: Hyperparameters;
  readonly seed: number;
  readonly extraPairs: Int32Array | null;
  readonly insertions: Int32Array | null;
}

/** A batch of any task; valid until the next one. */
export interface TrainingBatch {
  /** Numbers that the loss is a mean of: triples, tokens or ratings. */
  readonly weight: number;
  /** Its loss, `1 x 1`; called inside a step. */
  loss(): Tensor;
}

/** A backbone of any task with its batches: all that the training loop knows of either. */
export interface TrainingTask extends Disposable {
  readonly parameters: readonly Parameter[];
  /** Validation measures an error: lower is better. */
  readonly measuresError: boolean;
  /** Batches of an epoch. */
  readonly batches: number;
  /** The batches of one epoch after its first `done`. */
  epoch(epoch: number, done: number): Iterable<TrainingBatch>;
  /** The model as it is now. All its arrays are its own. */
  freeze(): FrozenModel;
}

/**
 * Makes an untrained model and the sampler of its batches.
 * @throws Llama4RecError `E_BACKBONE` when the backbone fails, here and in all that it is asked for later;
 *   `E_ARGUMENT` for pairs or insertions that are malformed or meant for the other task, and for a view that there is nothing to
 *   learn from.
 */
export function openTask(definition: BackboneDefinition, source: TaskSource): TrainingTask {
  if (definition.task === "direct") return directTask(definition, source);
  return definition.task === "rating" ? ratingTask(definition, source) : sequentialTask(definition, source);
}

function directTask(definition: DirectDefinition, source: TaskSource): TrainingTask {
  const { view, hyperparameters, seed } = source;
  const { negatives = 1 } = hyperparameters;
  if (source.insertions !== null)
    throw argumentError("insertions", `none for the direct backbone ${definition.name}`, source.insertions);
  const model = made(definition, () => definition.create(view, hyperparameters, seed));
  return opened(definition, model, hyperparameters, {
    sampler: () =>
      new PairSampler({
        userCount: view.userCount,
        itemCount: view.itemCount,
        ...view.sortedItems(),
        extra: source.extraPairs,
        negatives,
        seed,
      }),
    startEpoch: (epoch) => model.startEpoch?.(epoch),
    loss: (batch) => model.loss(batch),
    weight: (batch) => batch.users.length,
    lack: `a user who has one item${negatives > 0 ? " and has not another" : ""}`,
    freeze: () =>
      guarded(definition, "factors", () => {
        const factors = checkedFactors(model.factors(), view);
        return frozenCopy({ kind: "factors", name: definition.name, factors });
      }),
  });
}

function sequentialTask(definition: SequentialDefinition, source: TaskSource): TrainingTask {
  const { view, hyperparameters, seed, insertions } = source;
  if (source.extraPairs !== null)
    throw argumentError(
      "extraPairs",
      `none for the sequential backbone ${definition.name}`,
      source.extraPairs,
    );
  const rows = insertions === null ? view : withInsertions(view, insertions);
  const { length, negatives } = hyperparameters;
  const model = made(definition, () => definition.create(view, hyperparameters, seed));
  return opened(definition, model, hyperparameters, {
    sampler: () =>
      new SequenceSampler({
        itemCount: view.itemCount,
        offsets: rows.offsets,
        items: rows.items,
        length,
        negatives,
        seed,
      }),
    loss: (batch) => model.loss(batch),
    weight: (batch) => batch.inputs.length,
    lack: `a user with two items or more${negatives > 0 ? " who has not all there are" : ""}`,
    freeze: () =>
      guarded(definition, "encoder", () => {
        const encoder = checkedEncoder(model.encoder(), view);
        const histories = lastItems(view, length);
        return frozenCopy({ kind: "sequence", name: definition.name, encoder, histories });
      }),
  });
}

function ratingTask(definition: RatingDefinition, source: TaskSource): TrainingTask {
  const { view, hyperparameters, seed, extraPairs, insertions } = source;
  for (const [name, triples] of Object.entries({ extraPairs, insertions }))
    if (triples !== null)
      throw argumentError(name, `none for the rating backbone ${definition.name}`, triples);
  const { rareBelow, history } = hyperparameters;
  const features = encodeView(view, { rareBelow, history });
  const model = made(definition, () => definition.create(features, hyperparameters, seed));
  return opened(definition, model, hyperparameters, {
    sampler: () => new RatingSampler(view, features, seed),
    loss: (batch) => model.loss(batch),
    weight: (batch) => batch.size,
    lack: "one rating",
    measuresError: true,
    freeze: () => {
      const values = model.parameters.map((parameter) => {
        const { name, rows, columns } = parameter;
        return [name, { rows, columns, values: parameter.read() }] as const;
      });
      return frozenCopy({
        kind: "rating",
        name: definition.name,
        hyperparameters,
        encoding: features.columns,
        parameters: Object.fromEntries(values),
      });
    },
  });
}

/** A sampler of any kind. */
interface Sampler<Batch> extends Disposable {
  readonly examples: number;
  epoch(epoch: number, batchSize: number, start: number): Iterable<Batch>;
}

/** What a backbone of either kind has. */
interface Model {
  readonly parameters: readonly Parameter[];
  [Symbol.dispose]?(): void;
}

/** What differs between the tasks. */
interface Parts<Batch> {
  sampler(): Sampler<Batch>;
  startEpoch?(epoch: number): void;
  loss(batch: Batch): Tensor;
  weight(batch: Batch): number;
  /** The least that a view must have. */
  readonly lack: string;
  readonly measuresError?: boolean;
  freeze(): FrozenModel;
}

function opened<Batch>(
  definition: BackboneDefinition,
  model: Model,
  { batchSize }: Hyperparameters,
  parts: Parts<Batch>,
): TrainingTask {
  const { parameters } = model;
  const free = (): void => {
    model[Symbol.dispose]?.();
    for (const parameter of parameters) parameter.dispose();
  };
  let sampler: Sampler<Batch>;
  try {
    sampler = parts.sampler();
    if (sampler.examples === 0) {
      sampler[Symbol.dispose]();
      throw argumentError("view", `something to learn from, at least ${parts.lack}`, "nothing");
    }
  } catch (error) {
    free();
    throw error;
  }
  return {
    parameters,
    measuresError: parts.measuresError ?? false,
    batches: Math.ceil(sampler.examples / batchSize),
    *epoch(epoch, done) {
      guarded(definition, "startEpoch", () => parts.startEpoch?.(epoch));
      for (const batch of sampler.epoch(epoch, batchSize, Math.min(done * batchSize, sampler.examples)))
        yield {
          weight: parts.weight(batch),
          loss: () => guarded(definition, "loss", () => checkedLoss(parts.loss(batch))),
        };
    },
    freeze: parts.freeze,
    [Symbol.dispose]() {
      sampler[Symbol.dispose]();
      free();
    },
  };
}

/** Runs a function of the backbone: whatever it throws names the backbone and the function. */
function guarded<T>(definition: BackboneDefinition, name: string, body: () => T): T {
  try {
    return body();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : describe(cause);
    throw new Llama4RecError("E_BACKBONE", `backbone ${definition.name}: ${name} failed: ${why}`, { cause });
  }
}

/** A new model whose parameters can be told apart by name. */
function made<M extends Model>(definition: BackboneDefinition, create: () => M): M {
  return guarded(definition, "create", () => {
    const model = create();
    const names = model.parameters.map(({ name }) => name);
    if (names.length === 0 || new Set(names).size < names.length)
      throw argumentError("parameters", "at least one, each with a name of its own", names.join(", "));
    return model;
  });
}

function checkedLoss(loss: Tensor): Tensor {
  if (typeof loss !== "number") throw argumentError("loss", "a 1 x 1 tensor", loss);
  const [rows, columns] = shape(loss);
  if (rows !== 1 || columns !== 1) throw argumentError("loss", "a 1 x 1 tensor", `${rows} x ${columns}`);
  return loss;
}

function checkedFactors(factors: Factors, { userCount, itemCount }: TrainView): Factors {
  checkObject("factors", "dimension, users, items and itemBiases", factors);
  const { dimension, users, items, itemBiases } = factors;
  if (!Number.isInteger(dimension) || dimension < 1)
    throw argumentError("dimension", "an integer of at least 1", dimension);
  checkLength("users", users, userCount * dimension);
  checkLength("items", items, itemCount * dimension);
  if (itemBiases !== null) checkLength("itemBiases", itemBiases, itemCount);
  return factors;
}

function checkedEncoder(encoder: EncoderModel, { itemCount }: TrainView): EncoderModel {
  checkObject("encoder", "shape, items, positions, blocks, normGain and normBias", encoder);
  checkObject("shape", "dimension, hidden, blocks, heads, length and the like", encoder.shape);
  checkLength("items", encoder.items, itemCount * encoder.shape.dimension);
  if (!Array.isArray(encoder.blocks) || encoder.blocks.length !== encoder.shape.blocks)
    throw argumentError("blocks", `an array of ${encoder.shape.blocks} blocks`, encoder.blocks);
  for (const [number, block] of encoder.blocks.entries())
    checkObject(`blocks[${number}]`, "the weights of a block", block);
  return encoder;
}

function checkObject(name: string, fields: string, value: unknown): void {
  if (typeof value !== "object" || value === null)
    throw argumentError(name, `an object with ${fields}`, value);
}

function checkLength(name: string, values: Float32Array, length: number): void {
  if (!(values instanceof Float32Array) || values.length !== length)
    throw argumentError(name, `a Float32Array of ${length} numbers`, values);
}
