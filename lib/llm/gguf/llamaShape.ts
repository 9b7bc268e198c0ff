import { Llama4RecError } from "../../native/errors.js";
import type { GgufHeader } from "./header.js";

/** Sizes of a Llama. */
export interface LlamaShape {
  /** Pieces of its tokenizer, V. */
  readonly vocabulary: number;
  /** Tokens that it was trained to see at once. */
  readonly context: number;
  /** Width of its states, d. */
  readonly dimension: number;
  /** Blocks of attention and feed-forward. */
  readonly blocks: number;
  /** Width of the feed-forward layers, f. */
  readonly hidden: number;
  /** Query heads. */
  readonly heads: number;
  /** Key and value heads, a divisor of `heads`. */
  readonly kvHeads: number;
  /** Width of a head, w = d / heads, even: all of it is rotated. */
  readonly width: number;
  /** Base of the rotation's frequencies. */
  readonly ropeBase: number;
  /** Added to the mean square in RMS norms. */
  readonly epsilon: number;
}

/**
 * Every tensor of a Llama by its name in a GGUF, fastest-running dimension first: a matrix `[out x in]` has shape
 * `[in, out]`. Only `output.weight`, the head that is not tied to the embeddings, may be absent.
 */
export function llamaTensors(shape: LlamaShape): ReadonlyMap<string, readonly number[]> {
  const { vocabulary, dimension, blocks, hidden, kvHeads, width } = shape;
  const tensors = new Map<string, readonly number[]>([["token_embd.weight", [dimension, vocabulary]]]);
  for (let block = 0; block < blocks; block++) {
    const add = (name: string, ...sizes: number[]) => tensors.set(`blk.${block}.${name}.weight`, sizes);
    add("attn_norm", dimension);
    add("attn_q", dimension, dimension);
    add("attn_k", dimension, kvHeads * width);
    add("attn_v", dimension, kvHeads * width);
    add("attn_output", dimension, dimension);
    add("ffn_norm", dimension);
    add("ffn_gate", dimension, hidden);
    add("ffn_up", dimension, hidden);
    add("ffn_down", hidden, dimension);
  }
  return tensors.set("output_norm.weight", [dimension]).set("output.weight", [dimension, vocabulary]);
}

/** Largest sizes that keys may name. */
const SIZES = { context: 2 ** 31, dimension: 2 ** 20, blocks: 512, hidden: 2 ** 24, heads: 2 ** 16 } as const;

/**
 * The shape of a Llama that the package's own forward pass can run: plain rotation, no biases, no experts.
 * @throws Llama4RecError `E_GGUF` for another architecture, a key out of range, scaled rotation, and tensors that are
 *   absent, of another shape or unknown.
 */
export function llamaShape(header: GgufHeader): LlamaShape {
  const { path, metadata } = header;
  const expect = (condition: boolean, expected: string, received: unknown): void => {
    if (!condition)
      throw new Llama4RecError("E_GGUF", `${path}: expected ${expected}, got ${String(received)}`);
  };
  const architecture = metadata.get("general.architecture");
  expect(architecture === "llama", 'general.architecture "llama"', architecture);
  const number = (key: string, low: number, high: number, fallback?: number): number => {
    const value = metadata.get(`llama.${key}`) ?? fallback;
    const inRange = typeof value === "number" && value >= low && value <= high;
    expect(inRange, `llama.${key} in ${low}..${high}`, value);
    return Number(value);
  };
  const size = (key: string, high: number, fallback?: number): number => {
    const value = number(key, 1, high, fallback);
    expect(Number.isInteger(value), `llama.${key}, an integer`, value);
    return value;
  };
  const pieces = metadata.get("tokenizer.ggml.tokens");
  const vocabulary = Array.isArray(pieces) ? pieces.length : 0;
  expect(vocabulary > 0, "a tokenizer (tokenizer.ggml.tokens)", "none");
  const named = size("vocab_size", 2 ** 31, vocabulary);
  expect(named === vocabulary, `llama.vocab_size ${vocabulary}, one for each token`, named);
  const dimension = size("embedding_length", SIZES.dimension);
  const heads = size("attention.head_count", SIZES.heads);
  const kvHeads = size("attention.head_count_kv", SIZES.heads, heads);
  const width = dimension / heads;
  expect(width % 2 === 0, "llama.embedding_length, an even width for each head", `${dimension} for ${heads}`);
  expect(heads % kvHeads === 0, "llama.attention.head_count_kv, a divisor of head_count", kvHeads);
  for (const key of ["rope.dimension_count", "attention.key_length", "attention.value_length"]) {
    const value = size(key, 2 ** 16, width);
    expect(value === width, `llama.${key} ${width}, the width of a head`, value);
  }
  for (const [key, value] of metadata)
    expect(
      !/^llama\.rope\.scal/.test(key) || value === "none",
      `no scaled rotation, as ${key} asks for`,
      value,
    );
  expect(Number(metadata.get("llama.expert_count") ?? 0) === 0, "no experts (llama.expert_count)", "some");

  const shape: LlamaShape = {
    vocabulary,
    context: size("context_length", SIZES.context),
    dimension,
    blocks: size("block_count", SIZES.blocks),
    hidden: size("feed_forward_length", SIZES.hidden),
    heads,
    kvHeads,
    width,
    ropeBase: number("rope.freq_base", 1, 1e12, 10_000),
    epsilon: number("attention.layer_norm_rms_epsilon", Number.MIN_VALUE, 1),
  };
  checkTensors(header, shape, expect);
  return shape;
}

function checkTensors(
  { tensors }: GgufHeader,
  shape: LlamaShape,
  expect: (condition: boolean, expected: string, received: unknown) => void,
): void {
  const wanted = llamaTensors(shape);
  const found = new Map(tensors.map((tensor) => [tensor.name, tensor.shape]));
  for (const name of found.keys()) {
    expect(!name.startsWith("rope_"), "no scaled rotation", `a tensor ${name}`);
    expect(wanted.has(name), "only tensors of a plain Llama", name);
  }
  for (const [name, sizes] of wanted) {
    if (name === "output.weight" && !found.has(name)) continue;
    const received = found.get(name);
    expect(
      `${received}` === `${sizes}`,
      `${name} of shape [${sizes.join(", ")}]`,
      received ? `[${received.join(", ")}]` : "none",
    );
  }
}
