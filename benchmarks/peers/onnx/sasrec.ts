/** SASRec from history to top-k as ONNX graphs, over the weights of an encoder of ours with one head. */

import type { EncoderBlock, EncoderModel } from "../../../lib/native/sequenceEncoder.js";
import { Graph } from "./graph.js";
import { addTopK } from "./topK.js";

/**
 * `plain`: every layer for every position, as an export writes it. `last`: the last block for the last position alone,
 * which is all that is scored. `fused`: that, with the runtime's own attention operator in the blocks before.
 */
export const sasrecForms = ["plain", "last", "fused"] as const;
export type SasrecForm = (typeof sasrecForms)[number];

/** Input `items [batch x length]`, whole histories without padding; outputs `scores`, `ids` `[batch x k]`. */
export function sasrecModel(model: EncoderModel, k: number, form: SasrecForm): Buffer {
  const { shape, blocks } = model;
  const { dimension: d, length } = shape;
  const writer = new Writer(model);
  const { graph } = writer;
  const items = graph.input("items", "int64", ["batch", length]);
  const table = graph.constant(model.items, [model.items.length / d, d]);
  const embedded = graph.node("Mul", [graph.node("Gather", [table, items]), writer.scalar(shape.inputScale)]);
  let x = graph.node("Add", [embedded, graph.constant(model.positions, [length, d])]);
  for (const block of form === "plain" ? blocks : blocks.slice(0, -1))
    x = writer.block(x, block, form === "fused");
  x = form === "plain" ? writer.lastOf(x) : writer.lastBlock(x, blocks[blocks.length - 1]);
  addTopK(graph, writer.norm(x, model.normGain, model.normBias), table, graph.ids([k]));
  return graph.model();
}

class Writer {
  readonly graph = new Graph();
  readonly #d: number;
  readonly #epsilon: number;
  /** Scale of the scores of attention. */
  readonly #scale: string;
  /** `[length x length]`: 0, and what the future is hidden with. */
  readonly #mask: string;
  readonly #last: string;

  constructor({ shape: { dimension, length, epsilon } }: EncoderModel) {
    this.#d = dimension;
    this.#epsilon = epsilon;
    this.#scale = this.scalar(1 / Math.sqrt(dimension));
    const mask = Float32Array.from({ length: length * length }, (_, i) =>
      i % length > Math.floor(i / length) ? -1e9 : 0,
    );
    this.#mask = this.graph.constant(mask, [length, length]);
    this.#last = this.graph.ids(length - 1);
  }

  scalar(value: number): string {
    return this.graph.constant(Float32Array.of(value), []);
  }

  norm(x: string, gain: Float32Array, bias: Float32Array): string {
    const weights = [gain, bias].map((values) => this.graph.constant(values, [this.#d]));
    return this.graph.node("LayerNormalization", [x, ...weights], {
      axis: -1,
      epsilon: { float: this.#epsilon },
    });
  }

  /** `[batch x length x d]` to `[batch x d]`. */
  lastOf(x: string): string {
    return this.graph.node("Gather", [x, this.#last], { axis: 1 });
  }

  block(x: string, block: EncoderBlock, fused: boolean): string {
    const seen = this.norm(x, block.norm1Gain, block.norm1Bias);
    const attended = fused ? this.#fusedAttention(seen, block) : this.#attention(seen, block);
    return this.#feedForward(this.#projected(x, attended, block), block);
  }

  /** The state of the last position, `[batch x d]`. */
  lastBlock(x: string, block: EncoderBlock): string {
    const { graph } = this;
    const d = this.#d;
    const seen = this.norm(x, block.norm1Gain, block.norm1Bias);
    const query = this.#linear(this.lastOf(seen), columns(block.qkv, 3 * d, 0, d), block.qkvBias.slice(0, d));
    const both = this.#linear(seen, columns(block.qkv, 3 * d, d, 3 * d), block.qkvBias.slice(d));
    const [key, value] = graph.nodes("Split", [both], ["last.key", "last.value"], { axis: -1 });
    const attended = this.#weighted(graph.node("Unsqueeze", [query, graph.ids([1])]), key, value, null);
    const flat = graph.node("Squeeze", [attended, graph.ids([1])]);
    return this.#feedForward(this.#projected(this.lastOf(x), flat, block), block);
  }

  #attention(seen: string, { qkv, qkvBias }: EncoderBlock): string {
    const all = this.#linear(seen, qkv, qkvBias);
    const names = ["query", "key", "value"].map((name) => `${all}.${name}`);
    const [query, key, value] = this.graph.nodes("Split", [all], names, { axis: -1 });
    return this.#weighted(query, key, value, this.#mask);
  }

  #fusedAttention(seen: string, { qkv, qkvBias }: EncoderBlock): string {
    const weights = this.graph.constant(qkv, [this.#d, 3 * this.#d]);
    const bias = this.graph.constant(qkvBias, [3 * this.#d]);
    return this.graph.node("com.microsoft:Attention", [seen, weights, bias], {
      num_heads: 1,
      unidirectional: 1,
    });
  }

  /** Values weighted by the softmax of query times key. */
  #weighted(query: string, key: string, value: string, mask: string | null): string {
    const { graph } = this;
    const products = graph.node("MatMul", [query, graph.node("Transpose", [key], { perm: [0, 2, 1] })]);
    const scaled = graph.node("Mul", [products, this.#scale]);
    const scores = mask === null ? scaled : graph.node("Add", [scaled, mask]);
    return graph.node("MatMul", [graph.node("Softmax", [scores], { axis: -1 }), value]);
  }

  #projected(x: string, attended: string, { out, outBias }: EncoderBlock): string {
    return this.graph.node("Add", [x, this.#linear(attended, out, outBias)]);
  }

  #feedForward(x: string, block: EncoderBlock): string {
    const normed = this.norm(x, block.norm2Gain, block.norm2Bias);
    const up = this.graph.node("Relu", [this.#linear(normed, block.up, block.upBias)]);
    return this.graph.node("Add", [x, this.#linear(up, block.down, block.downBias)]);
  }

  /** `x weight + bias`, the weight `[inputs x outputs]`. */
  #linear(x: string, weight: Float32Array, bias: Float32Array): string {
    const outputs = bias.length;
    const matrix = this.graph.constant(weight, [weight.length / outputs, outputs]);
    const product = this.graph.node("MatMul", [x, matrix]);
    return this.graph.node("Add", [product, this.graph.constant(bias, [outputs])]);
  }
}

/** Columns `from` to `to` of a matrix `[n x width]`. */
function columns(matrix: Float32Array, width: number, from: number, to: number): Float32Array {
  const count = to - from;
  return Float32Array.from(
    { length: (matrix.length / width) * count },
    (_, i) => matrix[Math.floor(i / count) * width + from + (i % count)],
  );
}
