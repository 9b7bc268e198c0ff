import { encodeGguf, type GgufMetadataValue } from "../../lib/llm/gguf/writer.js";
import { uniform } from "./random.js";

/** Shape of the tiny Llama that the tests write themselves. */
export const TINY = {
  context: 256,
  width: 64,
  layers: 2,
  hidden: 128,
  heads: 4,
  kvHeads: 2,
  headWidth: 16,
  ropeBase: 10_000,
  epsilon: 1e-5,
  /** <unk> <s> </s>, 256 bytes, the space. */
  vocabulary: 260,
} as const;

const BOS = 1;
const EOS = 2;
const FIRST_BYTE = 3;
const SPACE = 259;

/** The tiny model's tokenizer, written down independently: one token a byte, one for the space, `<s>` first. */
export function tinyTokens(text: string): number[] {
  return [...Buffer.from(text, "utf8")].map((byte) => (byte === 0x20 ? SPACE : FIRST_BYTE + byte));
}

/** Tokens of a text at the start of the context. */
export function tinyPrefix(text: string): number[] {
  return [BOS, ...tinyTokens(text)];
}

/** Weights by GGUF name; a matrix is row-major `[outputs x inputs]`. */
export type TinyWeights = ReadonlyMap<
  string,
  { readonly shape: readonly number[]; readonly data: Float32Array }
>;

/** Random weights, large enough that the logits differ. */
export function tinyWeights(seed: number): TinyWeights {
  const next = uniform(seed);
  const weights = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  const add = (name: string, inputs: number, outputs: number): void => {
    const scale = 4 / Math.sqrt(inputs);
    const data = Float32Array.from({ length: inputs * outputs }, () => (next() - 0.5) * scale);
    weights.set(name, { shape: [inputs, outputs], data });
  };
  const addNorm = (name: string): void => {
    weights.set(name, {
      shape: [TINY.width],
      data: Float32Array.from({ length: TINY.width }, () => 0.5 + next()),
    });
  };
  const kvWidth = TINY.kvHeads * TINY.headWidth;
  add("token_embd.weight", TINY.width, TINY.vocabulary);
  for (let layer = 0; layer < TINY.layers; layer++) {
    const block = `blk.${layer}`;
    addNorm(`${block}.attn_norm.weight`);
    add(`${block}.attn_q.weight`, TINY.width, TINY.width);
    add(`${block}.attn_k.weight`, TINY.width, kvWidth);
    add(`${block}.attn_v.weight`, TINY.width, kvWidth);
    add(`${block}.attn_output.weight`, TINY.width, TINY.width);
    addNorm(`${block}.ffn_norm.weight`);
    add(`${block}.ffn_gate.weight`, TINY.width, TINY.hidden);
    add(`${block}.ffn_up.weight`, TINY.width, TINY.hidden);
    add(`${block}.ffn_down.weight`, TINY.hidden, TINY.width);
  }
  addNorm("output_norm.weight");
  add("output.weight", TINY.width, TINY.vocabulary);
  return weights;
}

/** A GGUF v3 file of these weights; `override` replaces or, with undefined, omits metadata. */
export function tinyGguf(
  weights: TinyWeights,
  override: Readonly<Record<string, GgufMetadataValue | undefined>> = {},
): Buffer {
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${hex(byte)}>`);
  const pieces = ["<unk>", "<s>", "</s>", ...bytes, "▁"];
  const metadata = {
    "general.architecture": "llama",
    "general.file_type": { uint32: 0 },
    "llama.context_length": { uint32: TINY.context },
    "llama.embedding_length": { uint32: TINY.width },
    "llama.block_count": { uint32: TINY.layers },
    "llama.feed_forward_length": { uint32: TINY.hidden },
    "llama.attention.head_count": { uint32: TINY.heads },
    "llama.attention.head_count_kv": { uint32: TINY.kvHeads },
    "llama.attention.layer_norm_rms_epsilon": { float32: TINY.epsilon },
    "llama.rope.dimension_count": { uint32: TINY.headWidth },
    "llama.rope.freq_base": { float32: TINY.ropeBase },
    "llama.vocab_size": { uint32: TINY.vocabulary },
    "tokenizer.ggml.model": "llama",
    "tokenizer.ggml.pre": "default",
    "tokenizer.ggml.tokens": pieces,
    "tokenizer.ggml.scores": Float32Array.from(pieces, (_, id) => -id),
    "tokenizer.ggml.token_type": Int32Array.from(pieces, (_, id) =>
      id === 0 ? 2 : id < FIRST_BYTE ? 3 : id === SPACE ? 1 : 6,
    ),
    "tokenizer.ggml.bos_token_id": { uint32: BOS },
    "tokenizer.ggml.eos_token_id": { uint32: EOS },
    "tokenizer.ggml.unknown_token_id": { uint32: 0 },
    "tokenizer.ggml.add_bos_token": true,
    "tokenizer.ggml.add_space_prefix": false,
    ...override,
  };
  const present = Object.entries(metadata).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, value] as const],
  );
  const tensors = [...weights].map(([name, { shape, data }]) => ({
    name,
    shape,
    type: "F32" as const,
    values: data,
  }));
  return Buffer.concat(encodeGguf({ metadata: Object.fromEntries(present), tensors }));
}

const hex = (byte: number): string => byte.toString(16).toUpperCase().padStart(2, "0");
