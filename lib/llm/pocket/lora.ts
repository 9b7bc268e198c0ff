import { add, dense, matmul, scale, type Tensor } from "../../native/autograd.js";
import { Parameter } from "../../native/parameter.js";
import type { LlamaShape } from "../gguf/llamaShape.js";
import type { AdaptedLayer } from "./network.js";

/** Low-rank factors of one layer: `b a`, `a [rank x in]`, `b [out x rank]`. */
interface Factors {
  readonly a: Parameter;
  readonly b: Parameter;
}

/** Rank of the factors, unless the caller says otherwise. */
export const LORA_RANK = 8;

/** How an adapter is made. */
export interface LoraOptions {
  /** Rank of the factors. Default 8. */
  readonly rank?: number;
  /** The factors' product counts `alpha / rank` times. Default: twice the rank. */
  readonly alpha?: number;
}

const layers: readonly AdaptedLayer[] = ["qkv", "out", "gateUp", "down"];

/**
 * A low-rank adapter of all linear layers (Hu et al., LoRA, ICLR 2022, Eq. 3): `y + alpha / rank * x a^T b^T`. `a` begins
 * random and `b` at zero, so an untrained adapter changes nothing. The parts of a joined layer (queries, keys, values)
 * share `a`.
 */
export class LoraLayers implements Disposable {
  readonly rank: number;
  readonly alpha: number;
  readonly parameters: readonly Parameter[];
  readonly #blocks: readonly Readonly<Record<AdaptedLayer, Factors>>[];

  constructor(shape: LlamaShape, seed: number, { rank = LORA_RANK, alpha = 2 * rank }: LoraOptions = {}) {
    const { dimension, blocks, hidden, heads, kvHeads } = shape;
    const width = dimension / heads;
    const sizes: Readonly<Record<AdaptedLayer, readonly [out: number, inner: number]>> = {
      qkv: [(heads + 2 * kvHeads) * width, dimension],
      out: [dimension, dimension],
      gateUp: [2 * hidden, dimension],
      down: [dimension, hidden],
    };
    const made: Parameter[] = [];
    const factors = (block: number, layer: AdaptedLayer): Factors => {
      const [out, inner] = sizes[layer];
      const a = new Parameter(`blk.${block}.${layer}.a`, rank, inner).fillXavier(seed, made.length + 1);
      const b = new Parameter(`blk.${block}.${layer}.b`, out, rank);
      made.push(a, b);
      return { a, b };
    };
    this.rank = rank;
    this.alpha = alpha;
    this.#blocks = Array.from({ length: blocks }, (_, block) => ({
      qkv: factors(block, "qkv"),
      out: factors(block, "out"),
      gateUp: factors(block, "gateUp"),
      down: factors(block, "down"),
    }));
    this.parameters = made;
  }

  /** `y`, the output of a layer for `x`, with what the adapter adds. */
  add(y: Tensor, x: Tensor, block: number, layer: AdaptedLayer): Tensor {
    const { a, b } = this.#blocks[block][layer];
    const inner = matmul(x, dense(a), { transposeB: true });
    return add(y, scale(matmul(inner, dense(b), { transposeB: true }), this.alpha / this.rank));
  }

  /** Copies of the factors, block by block and layer by layer. */
  factors(): { block: number; layer: AdaptedLayer; a: Float32Array; b: Float32Array }[] {
    return this.#blocks.flatMap((block, index) =>
      layers.map((layer) => ({ block: index, layer, a: block[layer].a.read(), b: block[layer].b.read() })),
    );
  }

  [Symbol.dispose](): void {
    for (const parameter of this.parameters) parameter.dispose();
  }
}
