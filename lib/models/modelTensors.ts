import { argumentError } from "../native/errors.js";
import {
  type EncoderBlock,
  type EncoderShape,
  encoderBlockWeights,
  type Histories,
} from "../native/sequenceEncoder.js";
import { jsonOf } from "../storage/json.js";
import type { StoredTensor } from "../storage/safetensors.js";
import type { FactorModel, FrozenModel, SequenceModel } from "./frozen.js";
import { ratingModel, ratingTensors } from "./ratingTensors.js";
import { Tensors } from "./tensors.js";

/** A frozen model as named tensors and texts. */
export interface ModelTensors {
  /** `model` (factors, sequence or rating), `name` and as JSON `shape` of a sequence and `encoding` of a rating model. */
  readonly texts: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/** Name and shape of a stored tensor. */
type Slot = readonly [name: string, shape: readonly number[]];

type BlockShape = Pick<EncoderShape, "dimension" | "hidden">;

/** Where the weights of a block are kept, under `blocks.<number>.`. */
const blockSlots = ({ dimension: d, hidden }: BlockShape): Readonly<Record<keyof EncoderBlock, Slot>> => ({
  norm1Gain: ["attention.norm.gain", [d]],
  norm1Bias: ["attention.norm.bias", [d]],
  qkv: ["attention.qkv.weight", [d, 3 * d]],
  qkvBias: ["attention.qkv.bias", [3 * d]],
  out: ["attention.out.weight", [d, d]],
  outBias: ["attention.out.bias", [d]],
  norm2Gain: ["feed_forward.norm.gain", [d]],
  norm2Bias: ["feed_forward.norm.bias", [d]],
  up: ["feed_forward.up.weight", [d, hidden]],
  upBias: ["feed_forward.up.bias", [hidden]],
  down: ["feed_forward.down.weight", [hidden, d]],
  downBias: ["feed_forward.down.bias", [d]],
});
/** Tensors of a sequence model outside its blocks, without the mask token that some have. */
const otherTensors = 6;
const maskTokenSlot = "mask_token";

/**
 * A model's tensors and texts; the arrays are not copied.
 * @throws Llama4RecError `E_ARGUMENT` when a number is not finite or sizes do not fit.
 */
export function tensorsOf(model: FrozenModel): ModelTensors {
  const stored = storedOf(model);
  modelOf(stored); // what could not be loaded is not saved
  return stored;
}

/**
 * The model that {@link tensorsOf} took apart. Nothing is trusted: texts, names, types, shapes and numbers are checked
 * against each other, so that what comes out is safe to make native objects from.
 * @param options As those of {@link Tensors}.
 * @throws Llama4RecError `E_ARGUMENT` that names what does not fit.
 */
export function modelOf(stored: ModelTensors, options: { readonly finite?: boolean } = {}): FrozenModel {
  const { model, name } = stored.texts;
  if (name === undefined) throw argumentError("name", "the model's name", name);
  const taken = new Tensors(stored.tensors, options);
  const result =
    model === "factors"
      ? factorModel(name, taken)
      : model === "rating"
        ? ratingModel(name, stored.texts, taken)
        : sequenceModel(name, stored.texts, taken);
  taken.checkNoneLeft();
  return result;
}

function storedOf(model: FrozenModel): ModelTensors {
  if (model.kind === "factors") return factorTensors(model);
  return model.kind === "rating" ? ratingTensors(model) : sequenceTensors(model);
}

function factorTensors({ name, factors }: FactorModel): ModelTensors {
  const { dimension, users, items, itemBiases } = factors;
  const tensors = new Map<string, StoredTensor>([
    ["users", { shape: [users.length / dimension, dimension], values: users }],
    ["items", { shape: [items.length / dimension, dimension], values: items }],
  ]);
  if (itemBiases !== null) tensors.set("item_biases", { shape: [itemBiases.length], values: itemBiases });
  return { texts: { model: "factors", name }, tensors };
}

function factorModel(name: string, tensors: Tensors): FactorModel {
  const [userCount, dimension] = tensors.matrix("users");
  const [itemCount] = tensors.matrix("items");
  return {
    kind: "factors",
    name,
    factors: {
      dimension,
      users: tensors.floats("users", [userCount, dimension]),
      items: tensors.floats("items", [itemCount, dimension]),
      itemBiases: tensors.has("item_biases") ? tensors.floats("item_biases", [itemCount]) : null,
    },
  };
}

function sequenceTensors({ name, encoder, histories }: SequenceModel): ModelTensors {
  const { shape, items, blocks, maskToken } = encoder;
  const { dimension, length } = shape;
  const tensors = new Map<string, StoredTensor>([
    ["items", { shape: [items.length / dimension, dimension], values: items }],
    ["positions", { shape: [length, dimension], values: encoder.positions }],
    ["norm.gain", { shape: [dimension], values: encoder.normGain }],
    ["norm.bias", { shape: [dimension], values: encoder.normBias }],
    ["histories.offsets", { shape: [histories.offsets.length], values: histories.offsets }],
    ["histories.items", { shape: [histories.items.length], values: histories.items }],
  ]);
  if (maskToken !== undefined) tensors.set(maskTokenSlot, { shape: [dimension], values: maskToken });
  const slots = blockSlots(shape);
  for (const [number, block] of blocks.entries())
    for (const weight of encoderBlockWeights) {
      const [slot, size] = slots[weight];
      tensors.set(`blocks.${number}.${slot}`, { shape: size, values: block[weight] });
    }
  return { texts: { model: "sequence", name, shape: JSON.stringify(shape) }, tensors };
}

function sequenceModel(name: string, texts: ModelTensors["texts"], tensors: Tensors): SequenceModel {
  if (texts.model !== "sequence") throw argumentError("model", "factors, sequence or rating", texts.model);
  const shape = checkedShape(jsonOf(texts.shape));
  const { dimension, length } = shape;
  // Before anything is made for that many blocks.
  const masked = tensors.has(maskTokenSlot);
  if (tensors.size !== otherTensors + Number(masked) + shape.blocks * encoderBlockWeights.length)
    throw argumentError("shape.blocks", `the blocks of ${tensors.size} tensors`, shape.blocks);
  const slots = blockSlots(shape);
  const blockOf = (number: number): EncoderBlock => {
    const weights = encoderBlockWeights.map((weight): [keyof EncoderBlock, Float32Array] => {
      const [slot, size] = slots[weight];
      return [weight, tensors.floats(`blocks.${number}.${slot}`, size)];
    });
    return Object.fromEntries(weights) as Record<keyof EncoderBlock, Float32Array>;
  };
  const [itemCount] = tensors.matrix("items");
  return {
    kind: "sequence",
    name,
    encoder: {
      shape,
      items: tensors.floats("items", [itemCount, dimension]),
      positions: tensors.floats("positions", [length, dimension]),
      blocks: Array.from({ length: shape.blocks }, (_, number) => blockOf(number)),
      normGain: tensors.floats("norm.gain", [dimension]),
      normBias: tensors.floats("norm.bias", [dimension]),
      ...(masked ? { maskToken: tensors.floats(maskTokenSlot, [dimension]) } : {}),
    },
    histories: checkedHistories(
      { offsets: tensors.integers("histories.offsets"), items: tensors.integers("histories.items") },
      itemCount,
    ),
  };
}

const activations: readonly EncoderShape["activation"][] = ["none", "relu", "gelu"];

function checkedShape(value: unknown): EncoderShape {
  if (typeof value !== "object" || value === null) throw argumentError("shape", "an encoder's shape", value);
  const fields = value as Partial<Record<keyof EncoderShape, unknown>>;
  const count = (name: keyof EncoderShape): number => {
    const field = fields[name];
    if (!Number.isInteger(field) || Number(field) < 1 || Number(field) > 2 ** 20)
      throw argumentError(`shape.${name}`, "an integer in 1..2^20", field);
    return Number(field);
  };
  const float = (name: keyof EncoderShape): number => {
    const field = fields[name];
    if (typeof field !== "number" || !Number.isFinite(Math.fround(field)))
      throw argumentError(`shape.${name}`, "a finite float32", field);
    return field;
  };
  const activation = activations.find((known) => known === fields.activation);
  if (activation === undefined)
    throw argumentError("shape.activation", activations.join(", "), fields.activation);
  if (typeof fields.causal !== "boolean") throw argumentError("shape.causal", "true or false", fields.causal);
  const shape = {
    dimension: count("dimension"),
    hidden: count("hidden"),
    blocks: count("blocks"),
    heads: count("heads"),
    length: count("length"),
    causal: fields.causal,
    activation,
    inputScale: float("inputScale"),
    epsilon: float("epsilon"),
  };
  if (Math.fround(shape.epsilon) <= 0) throw argumentError("shape.epsilon", "above 0", shape.epsilon);
  if (shape.dimension % shape.heads !== 0)
    throw argumentError("shape.heads", `a divisor of ${shape.dimension}`, shape.heads);
  return shape;
}

function checkedHistories(histories: Histories, itemCount: number): Histories {
  const { offsets, items } = histories;
  if (offsets.length === 0 || offsets[0] !== 0 || offsets[offsets.length - 1] !== items.length)
    throw argumentError("histories.offsets", `from 0 to ${items.length}`, offsets);
  for (let user = 1; user < offsets.length; user++)
    if (offsets[user] < offsets[user - 1])
      throw argumentError(`histories.offsets[${user}]`, `at least ${offsets[user - 1]}`, offsets[user]);
  for (let at = 0; at < items.length; at++)
    if (items[at] < 0 || items[at] >= itemCount)
      throw argumentError(`histories.items[${at}]`, `an item in 0..${itemCount - 1}`, items[at]);
  return histories;
}
