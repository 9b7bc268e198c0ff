import type { TrainView } from "../../data/trainView.js";
import {
  addDropout,
  attention,
  bceLoss,
  dense,
  dropout,
  embed,
  gather,
  layerNorm,
  linear,
  rowDot,
  softmaxLoss,
  type Tensor,
  take,
} from "../../native/autograd.js";
import { argumentError } from "../../native/errors.js";
import { Parameter } from "../../native/parameter.js";
import {
  type EncoderBlock,
  type EncoderModel,
  type EncoderShape,
  encoderBlockWeights,
} from "../../native/sequenceEncoder.js";
import type { SequenceBatch } from "../../native/sequenceSampler.js";
import type { Hyperparameters, SequentialBackbone, SequentialDefinition } from "../backbone.js";

/** Trainable weights of one block, by the names that {@link EncoderBlock} gives them. */
type BlockParameters = Readonly<Record<keyof EncoderBlock, Parameter>>;

const epsilon = 1e-5;

/**
 * Self-attentive sequential recommendation (Kang and McAuley, ICDM 2018). Each token's state sees the items up to it and
 * is scored against the item that follows: `score = state . items[i]`. Loss: binary cross-entropy with sampled negatives
 * (their Eq. 7), or with `negatives` 0 the cross-entropy of a softmax over the whole catalogue.
 */
export class SASRec implements SequentialBackbone {
  readonly parameters: readonly Parameter[];
  readonly #shape: EncoderShape;
  readonly #dropout: number;
  readonly #negatives: number;
  /** `[items x d]`, the input vectors and what states are scored against. */
  readonly #items: Parameter;
  /** `[length x d]` */
  readonly #positions: Parameter;
  readonly #blocks: readonly BlockParameters[];
  readonly #normGain: Parameter;
  readonly #normBias: Parameter;

  constructor(view: TrainView, hyperparameters: Hyperparameters, seed: number) {
    const { dimension, hidden, blocks, heads, length, negatives } = hyperparameters;
    this.#shape = {
      dimension,
      hidden,
      blocks,
      heads,
      length,
      causal: true,
      activation: "relu",
      inputScale: Math.sqrt(dimension),
      epsilon,
    };
    this.#dropout = hyperparameters.dropout;
    this.#negatives = negatives;
    const made: Parameter[] = [];
    const table = (name: string, rows: number, columns: number): Parameter => {
      made.push(new Parameter(name, rows, columns));
      return made[made.length - 1];
    };
    const embedding = (name: string, rows: number): Parameter =>
      table(name, rows, dimension).fillNormal(0.02, seed, made.length);
    const weight = (name: string, rows: number, columns: number): Parameter =>
      table(name, rows, columns).fillXavier(seed, made.length);
    const zeros = (name: string, columns: number): Parameter => table(name, 1, columns);
    const ones = (name: string): Parameter => table(name, 1, dimension).fillUniform(1, 1, seed, 0);

    this.#items = embedding("items", view.itemCount);
    this.#positions = embedding("positions", length);
    this.#blocks = Array.from({ length: blocks }, (_, block) => {
      const name = (part: string): string => `blocks.${block}.${part}`;
      return {
        norm1Gain: ones(name("norm1Gain")),
        norm1Bias: zeros(name("norm1Bias"), dimension),
        qkv: weight(name("qkv"), dimension, 3 * dimension),
        qkvBias: zeros(name("qkvBias"), 3 * dimension),
        out: weight(name("out"), dimension, dimension),
        outBias: zeros(name("outBias"), dimension),
        norm2Gain: ones(name("norm2Gain")),
        norm2Bias: zeros(name("norm2Bias"), dimension),
        up: weight(name("up"), dimension, hidden),
        upBias: zeros(name("upBias"), hidden),
        down: weight(name("down"), hidden, dimension),
        downBias: zeros(name("downBias"), dimension),
      };
    });
    this.#normGain = ones("normGain");
    this.#normBias = zeros("normBias", dimension);
    this.parameters = made;
  }

  loss(batch: SequenceBatch): Tensor {
    const states = this.states(batch);
    if (this.#negatives === 0) return softmaxLoss(states, dense(this.#items), batch.targets);
    const positive = rowDot(states, gather(this.#items, batch.targets));
    const negative = rowDot(this.#repeated(states, batch), gather(this.#items, batch.negatives));
    return bceLoss(positive, negative);
  }

  encoder(): EncoderModel {
    const read = (block: BlockParameters): EncoderBlock =>
      Object.fromEntries(encoderBlockWeights.map((name) => [name, block[name].read()])) as Readonly<
        Record<keyof EncoderBlock, Float32Array>
      >;
    return {
      shape: this.#shape,
      items: this.#items.read(),
      positions: this.#positions.read(),
      blocks: this.#blocks.map(read),
      normGain: this.#normGain.read(),
      normBias: this.#normBias.read(),
    };
  }

  /** The state of every token, `[tokens x d]` (sections III.A to III.C); called inside a step. */
  states({ inputs, positions, offsets }: SequenceBatch): Tensor {
    const rate = this.#dropout;
    const { heads, activation, inputScale } = this.#shape;
    const embedded = embed(this.#items, inputs, {
      scale: inputScale,
      positions: this.#positions,
      places: positions,
    });
    let x = dropout(embedded, rate);
    for (const block of this.#blocks) {
      const seen = layerNorm(x, dense(block.norm1Gain), dense(block.norm1Bias), epsilon);
      const qkv = linear(seen, dense(block.qkv), dense(block.qkvBias));
      const attended = attention(qkv, { offsets, heads, dropout: rate });
      x = addDropout(x, linear(attended, dense(block.out), dense(block.outBias)), rate);
      const normed = layerNorm(x, dense(block.norm2Gain), dense(block.norm2Bias), epsilon);
      const up = dropout(linear(normed, dense(block.up), dense(block.upBias), activation), rate);
      x = addDropout(x, linear(up, dense(block.down), dense(block.downBias)), rate);
    }
    return layerNorm(x, dense(this.#normGain), dense(this.#normBias), epsilon);
  }

  /** Each state once for every negative of its token. */
  #repeated(states: Tensor, { inputs }: SequenceBatch): Tensor {
    const times = this.#negatives;
    if (times === 1) return states;
    return take(
      states,
      Int32Array.from({ length: inputs.length * times }, (_, i) => Math.floor(i / times)),
    );
  }
}

/** Registry entry of SASRec. */
export const SASREC: SequentialDefinition = {
  name: "SASRec",
  task: "sequential",
  source: "Kang and McAuley, Self-Attentive Sequential Recommendation, ICDM 2018",
  hyperparameters: {
    dimension: {
      default: 64,
      low: 1,
      high: 1024,
      integer: true,
      about: "length of item vectors and states",
      search: { values: [32, 64, 128] },
    },
    hidden: { default: 256, low: 1, high: 4096, integer: true, about: "width of the feed-forward layer" },
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
  },
  check({ dimension, heads }) {
    if (dimension % heads !== 0)
      throw argumentError("SASRec heads", `a divisor of dimension ${dimension}`, heads);
  },
  create: (view, hyperparameters, seed) => new SASRec(view, hyperparameters, seed),
};
