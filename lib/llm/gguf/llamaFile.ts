import { argumentError } from "../../native/errors.js";
import type { Tokenizer } from "../tokenizer/tokenizer.js";
import { type LlamaShape, llamaTensors } from "./llamaShape.js";
import type { TensorType } from "./tensorTypes.js";
import { type GgufContent, type GgufMetadata, writeGguf } from "./writer.js";

/** A Llama to write. */
export interface LlamaFile {
  readonly shape: LlamaShape;
  readonly tokenizer: Tokenizer;
  /** By name in the file, a matrix row-major `[out x in]`; without `output.weight` the head is tied to the embeddings. */
  readonly weights: ReadonlyMap<string, Float32Array>;
  /** Type of the matrices; norms are always F32. */
  readonly type: TensorType;
  /** A chat template in Jinja. */
  readonly chatTemplate?: string;
  /** The writer's own entries. */
  readonly metadata?: GgufMetadata;
}

/** llama.cpp's names of what most tensors of a file are. */
const FILE_TYPES: Readonly<Record<TensorType, number>> = { F32: 0, F16: 1, Q8_0: 7 };

/**
 * Writes a Llama as a GGUF that llama.cpp runs, atomically. Queries and keys rotate neighbouring pairs, as there.
 * @throws Llama4RecError `E_ARGUMENT` when weights are absent, unknown, of another size, or do not fit the type, or the
 *   tokenizer is not the shape's; `E_FILE` when it cannot be written.
 *
 * @example
 * ```ts
 * await writeLlamaFile("pocket.gguf", { shape, tokenizer, weights, type: "F16" });
 * ```
 */
export async function writeLlamaFile(path: string, file: LlamaFile): Promise<void> {
  await writeGguf(path, llamaContent(file));
}

/** What the file of a Llama holds. */
export function llamaContent(file: LlamaFile): GgufContent {
  const { shape, tokenizer, weights, type, chatTemplate, metadata } = file;
  if (tokenizer.size !== shape.vocabulary)
    throw argumentError("tokenizer", `one of ${shape.vocabulary} pieces`, tokenizer.size);
  const wanted = llamaTensors(shape);
  for (const name of weights.keys())
    if (!wanted.has(name)) throw argumentError("weights", "tensors of this shape", name);
  const tensors = [...wanted].flatMap(([name, sizes]) => {
    const values = weights.get(name);
    if (values === undefined && name === "output.weight") return [];
    if (values === undefined) throw argumentError("weights", `a tensor ${name}`, undefined);
    return { name, shape: sizes, type: sizes.length === 1 ? ("F32" as const) : type, values };
  });
  return {
    metadata: {
      "general.architecture": "llama",
      "general.type": "model",
      "general.file_type": { uint32: FILE_TYPES[type] },
      ...shapeMetadata(shape),
      ...tokenizer.toGguf(),
      ...(chatTemplate === undefined ? {} : { "tokenizer.chat_template": chatTemplate }),
      ...metadata,
    },
    tensors,
  };
}

function shapeMetadata(shape: LlamaShape): GgufMetadata {
  return {
    "llama.vocab_size": { uint32: shape.vocabulary },
    "llama.context_length": { uint32: shape.context },
    "llama.embedding_length": { uint32: shape.dimension },
    "llama.block_count": { uint32: shape.blocks },
    "llama.feed_forward_length": { uint32: shape.hidden },
    "llama.attention.head_count": { uint32: shape.heads },
    "llama.attention.head_count_kv": { uint32: shape.kvHeads },
    "llama.attention.layer_norm_rms_epsilon": { float32: shape.epsilon },
    "llama.rope.dimension_count": { uint32: shape.width },
    "llama.rope.freq_base": { float32: shape.ropeBase },
  };
}
