import { attention, dense, embed, layerNorm, linear, slice, type Tensor } from "../../native/autograd.js";
import { Parameter } from "../../native/parameter.js";
import {
  type EncoderBlock,
  type EncoderModel,
  type EncoderShape,
  encoderBlockWeights,
} from "../../native/sequenceEncoder.js";
import type { SequenceBatch } from "../../native/sequenceSampler.js";
import type { Hyperparameters } from "../backbone.js";

/** Packed sequences of tokens: what {@link Transformer.states} reads of a batch. */
export type Tokens = Pick<SequenceBatch, "offsets" | "inputs" | "positions">;

/** What is not a hyper-parameter of a {@link Transformer}. */
export interface TransformerOptions extends Pick<EncoderShape, "causal" | "activation" | "length"> {
  readonly itemCount: number;
  /** One row more in the item table, number `itemCount`: a token that no state is scored against. */
  readonly maskToken: boolean;
  /** Same seed: same initial bits. */
  readonly seed: number;
}

/** Trainable weights of one block, by the names that {@link EncoderBlock} gives them. */
type BlockParameters = Readonly<Record<keyof EncoderBlock, Parameter>>;

const epsilon = 1e-5;

/**
 * The network that sequence models share, while it is trained: items and positions to states (Kang and McAuley, ICDM 2018,
 * sections III.A to III.C). {@link EncoderModel} serves it.
 */
export class Transformer {
  readonly parameters: readonly Parameter[];
  /** `[items x d]`, with a mask token one row more: the input vectors and what states are scored against. */
  readonly items: Parameter;
  readonly #itemCount: number;
  readonly #shape: EncoderShape;
  readonly #dropout: number;
  /** `[length x d]` */
  readonly #positions: Parameter;
  readonly #blocks: readonly BlockParameters[];
  readonly #normGain: Parameter;
  readonly #normBias: Parameter;

  constructor(hyperparameters: Hyperparameters, options: TransformerOptions) {
    const { dimension, hidden, blocks, heads } = hyperparameters;
    const { itemCount, length, causal, activation, seed } = options;
    const inputScale = Math.sqrt(dimension);
    this.#shape = { dimension, hidden, blocks, heads, length, causal, activation, inputScale, epsilon };
    this.#itemCount = itemCount;
    this.#dropout = hyperparameters.dropout;
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

    this.items = embedding("items", itemCount + Number(options.maskToken));
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

  /** The state of every token, `[tokens x d]`; called inside a step. */
  states({ inputs, positions, offsets }: Tokens): Tensor {
    const rate = this.#dropout;
    const { heads, causal, activation, inputScale } = this.#shape;
    let x = embed(this.items, inputs, {
      scale: inputScale,
      positions: this.#positions,
      places: positions,
      dropout: rate,
    });
    for (const block of this.#blocks) {
      const seen = layerNorm(x, dense(block.norm1Gain), dense(block.norm1Bias), epsilon);
      const qkv = linear(seen, dense(block.qkv), dense(block.qkvBias));
      const attended = attention(qkv, { offsets, heads, causal, dropout: rate });
      x = linear(attended, dense(block.out), dense(block.outBias), "none", { dropout: rate, residual: x });
      const normed = layerNorm(x, dense(block.norm2Gain), dense(block.norm2Bias), epsilon);
      const up = linear(normed, dense(block.up), dense(block.upBias), activation, { dropout: rate });
      x = linear(up, dense(block.down), dense(block.downBias), "none", { dropout: rate, residual: x });
    }
    return layerNorm(x, dense(this.#normGain), dense(this.#normBias), epsilon);
  }

  /** The vectors that states are scored against, `[items x d]`: without the mask token's. */
  catalogue(): Tensor {
    return slice(dense(this.items), 0, this.#itemCount);
  }

  /** The trained weights; the mask token apart, for a model that serves it. */
  encoder(): EncoderModel & { readonly maskToken: Float32Array } {
    const read = (block: BlockParameters): EncoderBlock =>
      Object.fromEntries(encoderBlockWeights.map((name) => [name, block[name].read()])) as Readonly<
        Record<keyof EncoderBlock, Float32Array>
      >;
    const items = this.items.read();
    const end = this.#itemCount * this.#shape.dimension;
    return {
      shape: this.#shape,
      items: items.subarray(0, end),
      positions: this.#positions.read(),
      blocks: this.#blocks.map(read),
      normGain: this.#normGain.read(),
      normBias: this.#normBias.read(),
      maskToken: items.subarray(end),
    };
  }
}
