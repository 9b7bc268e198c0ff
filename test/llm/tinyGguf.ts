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
  override: Readonly<Record<string, Buffer | undefined>> = {},
): Buffer {
  const pieces = [
    "<unk>",
    "<s>",
    "</s>",
    ...Array.from({ length: 256 }, (_, byte) => `<0x${hex(byte)}>`),
    "▁",
  ];
  const types = pieces.map((_, id) => (id === 0 ? 2 : id < FIRST_BYTE ? 3 : id === SPACE ? 1 : 6));
  const metadata: Record<string, Buffer | undefined> = {
    "general.architecture": string("llama"),
    "general.file_type": u32(0),
    "llama.context_length": u32(TINY.context),
    "llama.embedding_length": u32(TINY.width),
    "llama.block_count": u32(TINY.layers),
    "llama.feed_forward_length": u32(TINY.hidden),
    "llama.attention.head_count": u32(TINY.heads),
    "llama.attention.head_count_kv": u32(TINY.kvHeads),
    "llama.attention.layer_norm_rms_epsilon": f32(TINY.epsilon),
    "llama.rope.dimension_count": u32(TINY.headWidth),
    "llama.rope.freq_base": f32(TINY.ropeBase),
    "llama.vocab_size": u32(TINY.vocabulary),
    "tokenizer.ggml.model": string("llama"),
    "tokenizer.ggml.pre": string("default"),
    "tokenizer.ggml.tokens": array(8, pieces.map(bareString)),
    "tokenizer.ggml.scores": array(
      6,
      pieces.map((_, id) => bareF32(-id)),
    ),
    "tokenizer.ggml.token_type": array(5, types.map(bareU32)),
    "tokenizer.ggml.bos_token_id": u32(BOS),
    "tokenizer.ggml.eos_token_id": u32(EOS),
    "tokenizer.ggml.unknown_token_id": u32(0),
    "tokenizer.ggml.add_bos_token": bool(true),
    "tokenizer.ggml.add_space_prefix": bool(false),
    ...override,
  };
  const pairs = Object.entries(metadata).flatMap(([key, value]) => (value ? [bareString(key), value] : []));
  const infos: Buffer[] = [];
  const blocks: Buffer[] = [];
  let offset = 0;
  for (const [name, { shape, data }] of weights) {
    infos.push(bareString(name), bareU32(shape.length), ...shape.map(bareU64), bareU32(0), bareU64(offset));
    const block = padded(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
    blocks.push(block);
    offset += block.length;
  }
  const counts = [bareU32(3), bareU64(weights.size), bareU64(pairs.length / 2)];
  return Buffer.concat([
    padded(Buffer.concat([Buffer.from("GGUF"), ...counts, ...pairs, ...infos])),
    ...blocks,
  ]);
}

/** A metadata value of type uint32. */
export const u32 = (n: number): Buffer => Buffer.concat([bareU32(4), bareU32(n)]);
/** A metadata value of type string. */
export const string = (text: string): Buffer => Buffer.concat([bareU32(8), bareString(text)]);
/** An element of an array of strings. */
export const piece = (text: string): Buffer => bareString(text);
/** A metadata value of type array. */
export const array = (type: number, items: readonly Buffer[]): Buffer =>
  Buffer.concat([bareU32(9), bareU32(type), bareU64(items.length), ...items]);

/** A metadata value of type float32. */
export const f32 = (x: number): Buffer => Buffer.concat([bareU32(6), bareF32(x)]);
const bool = (flag: boolean): Buffer => Buffer.concat([bareU32(7), Buffer.from([flag ? 1 : 0])]);
const hex = (byte: number): string => byte.toString(16).toUpperCase().padStart(2, "0");

function bareU32(n: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(n);
  return bytes;
}

function bareU64(n: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(n));
  return bytes;
}

function bareF32(x: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(x);
  return bytes;
}

function bareString(text: string): Buffer {
  const bytes = Buffer.from(text, "utf8");
  return Buffer.concat([bareU64(bytes.length), bytes]);
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((32 - (bytes.length % 32)) % 32)]);
}
