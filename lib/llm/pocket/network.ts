import {
  addDropout,
  dense,
  dropout,
  frozen,
  gather,
  matmul,
  rmsNorm,
  rope,
  segmentAttention,
  swiglu,
  type Tensor,
  take,
} from "../../native/autograd.js";
import { Parameter } from "../../native/parameter.js";
import { type LlamaShape, llamaTensors } from "../gguf/llamaShape.js";
import type { TokenBatch } from "./batch.js";
import type { LoraLayers } from "./lora.js";

/** Weights by their names in a GGUF file, each row-major `[out x in]`. */
export type LlamaWeights = ReadonlyMap<string, Float32Array>;

/** Weights of one block; projections of one input lie one below the other. */
interface Block {
  readonly attentionNorm: Parameter;
  /** `[(heads + 2 kvHeads) w x d]`: queries, keys, values. */
  readonly qkv: Parameter;
  /** `[d x heads w]` */
  readonly out: Parameter;
  readonly feedNorm: Parameter;
  /** `[2 f x d]`: gate, up. */
  readonly gateUp: Parameter;
  /** `[d x f]` */
  readonly down: Parameter;
}

/** A linear layer of a block that an adapter may change. */
export type AdaptedLayer = "qkv" | "out" | "gateUp" | "down";

/** Options of {@link LlamaNetwork.states}. */
export interface StatesOptions {
  /** Tokens of the batch whose states are wanted: the last block computes no others. Default: all, in order. */
  readonly rows?: Int32Array;
  /** Rate after embeddings, attention and feed-forward, in a training step. Default 0. */
  readonly dropout?: number;
  /** Takes no gradient in the network's own weights; an adapter's are trained. */
  readonly lora?: LoraLayers;
}

/**
 * A decoder of the Llama architecture (Touvron et al. 2023) over native ops: RMS norm before each layer, rotary positions,
 * grouped-query attention, SwiGLU, a head tied to the embeddings unless the file brings its own. Matrices are stored
 * `[out x in]` as in GGUF files; queries and keys rotate neighbouring pairs, llama.cpp's order.
 */
export class LlamaNetwork implements Disposable {
  readonly shape: LlamaShape;
  readonly parameters: readonly Parameter[];
  /** `[vocabulary x d]` */
  readonly embeddings: Parameter;
  /** `[vocabulary x d]`: the embeddings where the head is tied. */
  readonly head: Parameter;
  readonly #blocks: readonly Block[];
  readonly #norm: Parameter;

  private constructor(
    shape: LlamaShape,
    make: (name: string, rows: number, columns: number) => Parameter,
    tied: boolean,
  ) {
    const { vocabulary, dimension, blocks, hidden, heads, kvHeads } = shape;
    const width = dimension / heads;
    const made: Parameter[] = [];
    const add = (name: string, rows: number, columns: number): Parameter => {
      made.push(make(name, rows, columns));
      return made[made.length - 1];
    };
    this.shape = shape;
    this.embeddings = add("token_embd", vocabulary, dimension);
    this.#blocks = Array.from({ length: blocks }, (_, block) => ({
      attentionNorm: add(`blk.${block}.attn_norm`, 1, dimension),
      qkv: add(`blk.${block}.qkv`, (heads + 2 * kvHeads) * width, dimension),
      out: add(`blk.${block}.attn_output`, dimension, dimension),
      feedNorm: add(`blk.${block}.ffn_norm`, 1, dimension),
      gateUp: add(`blk.${block}.gate_up`, 2 * hidden, dimension),
      down: add(`blk.${block}.ffn_down`, dimension, hidden),
    }));
    this.#norm = add("output_norm", 1, dimension);
    this.head = tied ? this.embeddings : add("output", vocabulary, dimension);
    this.parameters = made;
  }

  /** Random weights: normal with deviation .02, layers that write to the residual stream less by `sqrt(2 blocks)`. */
  static random(shape: LlamaShape, seed: number): LlamaNetwork {
    let stream = 0;
    const residual = 0.02 / Math.sqrt(2 * shape.blocks);
    const make = (name: string, rows: number, columns: number): Parameter => {
      const parameter = new Parameter(name, rows, columns);
      if (name.endsWith("_norm")) return parameter.fillUniform(1, 1, seed, 0);
      const deviation = /\.(attn_output|ffn_down)$/.test(name) ? residual : 0.02;
      return parameter.fillNormal(deviation, seed, ++stream);
    };
    return new LlamaNetwork(shape, make, true);
  }

  /** The weights of a file; without `output.weight` the head is tied. */
  static of(shape: LlamaShape, weights: LlamaWeights): LlamaNetwork {
    const make = (name: string, rows: number, columns: number): Parameter => {
      const parameter = new Parameter(name, rows, columns);
      const values = new Float32Array(rows * columns);
      let at = 0;
      for (const part of partsOf(name)) {
        const found = weights.get(`${part}.weight`);
        if (found === undefined) throw new Error(`no tensor ${part}.weight`);
        values.set(found, at);
        at += found.length;
      }
      parameter.write(values);
      return parameter;
    };
    return new LlamaNetwork(shape, make, !weights.has("output.weight"));
  }

  /** A copy of the weights by their names in a GGUF file. */
  weights(): Map<string, Float32Array> {
    const tensors = llamaTensors(this.shape);
    const found = new Map<string, Float32Array>();
    for (const parameter of this.parameters) {
      const values = parameter.read();
      let at = 0;
      for (const part of partsOf(parameter.name)) {
        const size = (tensors.get(`${part}.weight`) ?? []).reduce((product, length) => product * length, 1);
        found.set(`${part}.weight`, values.slice(at, at + size));
        at += size;
      }
    }
    return found;
  }

  /** The normalised state of every token, `[tokens x d]`, that the head turns into logits; called inside a step. */
  states(batch: TokenBatch, options: StatesOptions = {}): Tensor {
    const { rows, ...others } = options;
    const last = this.#blocks.length - 1;
    let x = this.embed(batch.tokens, options);
    for (let index = 0; index < last; index++) x = this.block(index, x, batch, others);
    return this.normalized(this.block(last, x, batch, options), options);
  }

  /** What the first block sees: `[tokens x d]`. */
  embed(tokens: Int32Array, { dropout: rate = 0 }: StatesOptions = {}): Tensor {
    return dropout(gather(this.embeddings, tokens), rate);
  }

  /** `x [tokens x d]` after block `index`: of the same shape, or `[rows x d]` for selected rows. */
  block(index: number, x: Tensor, batch: TokenBatch, options: StatesOptions = {}): Tensor {
    const { dimension, heads, kvHeads, ropeBase, epsilon } = this.shape;
    const { positions, segments, sequences } = batch;
    const { dropout: rate = 0, lora, rows } = options;
    const block = this.#blocks[index];
    const width = dimension / heads;
    const use = lora === undefined ? dense : frozen;
    const linear = (y: Tensor, layer: AdaptedLayer): Tensor => {
      const z = matmul(y, use(block[layer]), { transposeB: true });
      return lora === undefined ? z : lora.add(z, y, index, layer);
    };
    const selected = (y: Tensor): Tensor => (rows === undefined ? y : take(y, rows));
    const seen = rmsNorm(x, use(block.attentionNorm), epsilon);
    const qkv = rope(linear(seen, "qkv"), { positions, heads: heads + kvHeads, width, base: ropeBase });
    const attended = selected(segmentAttention(qkv, { segments, sequences, heads, kvHeads }));
    const between = addDropout(selected(x), linear(attended, "out"), rate);
    const gateUp = linear(rmsNorm(between, use(block.feedNorm), epsilon), "gateUp");
    return addDropout(between, linear(swiglu(gateUp), "down"), rate);
  }

  /** What the head multiplies: `x` normalised, of the same shape. */
  normalized(x: Tensor, { lora }: StatesOptions = {}): Tensor {
    return rmsNorm(x, (lora === undefined ? dense : frozen)(this.#norm), this.shape.epsilon);
  }

  [Symbol.dispose](): void {
    for (const parameter of this.parameters) parameter.dispose();
  }
}

/** Tensors of a GGUF file that one parameter holds, one below the other. */
function partsOf(name: string): readonly string[] {
  const block = name.slice(0, name.lastIndexOf(".") + 1);
  if (name.endsWith(".qkv")) return [`${block}attn_q`, `${block}attn_k`, `${block}attn_v`];
  if (name.endsWith(".gate_up")) return [`${block}ffn_gate`, `${block}ffn_up`];
  return [name];
}
