import { argumentError } from "../../native/errors.js";
import type { Hyperparameter, Hyperparameters } from "../backbone.js";

/** Hyper-parameters of every model over a transformer, with SASRec's defaults. */
export const transformerHyperparameters = {
  dimension: {
    default: 64,
    low: 1,
    high: 1024,
    integer: true,
    about: "length of item vectors and states",
    search: { values: [32, 64, 128] },
  },
  hidden: {
    default: 256,
    low: 1,
    high: 4096,
    integer: true,
    about: "width of the feed-forward layer",
    search: { values: [64, 128, 256] },
  },
  blocks: {
    default: 2,
    low: 1,
    high: 32,
    integer: true,
    about: "transformer blocks",
    search: { values: [1, 2, 3] },
  },
  heads: {
    default: 2,
    low: 1,
    high: 64,
    integer: true,
    about: "attention heads; divides dimension",
    search: { values: [1, 2, 4] },
  },
  length: { default: 50, low: 1, high: 4096, integer: true, about: "most items of a history that count" },
  negatives: {
    default: 0,
    low: 0,
    high: 1000,
    integer: true,
    about: "sampled items for each token in the binary cross-entropy; 0: softmax over the whole catalogue",
  },
  dropout: {
    default: 0.5,
    low: 0,
    high: 0.95,
    about: "rate after embeddings, attention and feed-forward",
    search: { low: 0.1, high: 0.7 },
  },
  learningRate: {
    default: 3e-3,
    low: 1e-6,
    high: 1,
    about: "step size of Adam",
    search: { low: 3e-4, high: 1e-2, scale: "log" },
  },
  maxNorm: {
    default: 0,
    low: 0,
    high: 1e6,
    about: "largest global norm of a step's gradients; 0: no limit",
  },
  batchSize: {
    default: 128,
    low: 1,
    high: 65_536,
    integer: true,
    about: "sequences a step",
    search: { values: [64, 128, 256] },
  },
  epochs: { default: 200, low: 1, high: 10_000, integer: true, about: "most passes over the sequences" },
} as const satisfies Readonly<Record<string, Hyperparameter>>;

/** {@link transformerHyperparameters} with other defaults, all else alike. */
export function transformerDefaults(
  defaults: Readonly<Partial<Record<keyof typeof transformerHyperparameters, number>>>,
): Readonly<Record<keyof typeof transformerHyperparameters, Hyperparameter>> {
  const specs: Record<keyof typeof transformerHyperparameters, Hyperparameter> = {
    ...transformerHyperparameters,
  };
  for (const [name, value] of Object.entries(defaults) as [keyof typeof specs, number][])
    specs[name] = { ...specs[name], default: value };
  return specs;
}

/** @throws Llama4RecError `E_ARGUMENT` when the heads of this model do not divide its dimension. */
export function checkHeads(model: string, { dimension, heads }: Hyperparameters): void {
  if (dimension % heads !== 0)
    throw argumentError(`${model} heads`, `a divisor of dimension ${dimension}`, heads);
}
