import { argumentError } from "../../native/errors.js";
import { POCKET_FORMAT } from "../chat.js";
import { type LlamaFile, writeLlamaFile } from "../gguf/llamaFile.js";
import type { LlamaShape } from "../gguf/llamaShape.js";
import { BASE_HASH, type LoraPair, writeLora } from "../gguf/lora.js";
import type { TensorType } from "../gguf/tensorTypes.js";
import type { GgufMetadata } from "../gguf/writer.js";
import { LORA_RANK, type LoraOptions } from "../pocket/lora.js";
import type { AdaptedLayer } from "../pocket/network.js";
import type { Vocabulary } from "../tokenizer/pieces.js";
import { Tokenizer } from "../tokenizer/tokenizer.js";

/** A Jinja template of the format, for other programs: one user turn. */
const CHAT_TEMPLATE =
  "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}[INST]{{ message['content'] }}[/INST]" +
  "{% elif message['role'] == 'assistant' %}{{ message['content'] }}{{ eos_token }}{% endif %}{% endfor %}";

/** A model trained from scratch. Plain data. */
export interface PocketWeights {
  readonly kind: "pocket";
  readonly shape: LlamaShape;
  readonly vocabulary: Vocabulary;
  /** By name in a GGUF file, row-major `[out x in]`. */
  readonly weights: ReadonlyMap<string, Float32Array>;
}

/** A LoRA adapter of a base. Plain data. */
export interface AdapterWeights {
  readonly kind: "adapter";
  /** SHA-256 of the base's file, in hexadecimal: it goes with no other. */
  readonly baseSha256: string;
  readonly shape: LlamaShape;
  readonly rank: number;
  readonly alpha: number;
  readonly factors: readonly AdapterFactors[];
}

/** Factors of one adapted layer, `b a`; `a [rank x in]`, `b [out x rank]`. */
export interface AdapterFactors {
  readonly block: number;
  readonly layer: AdaptedLayer;
  readonly a: Float32Array;
  readonly b: Float32Array;
}

/** What a tuning made. */
export type TunedWeights = PocketWeights | AdapterWeights;

/** How a tuned model is written. */
export interface WriteTunedOptions {
  /** Type of the matrices. Default F16; of an adapter F32. */
  readonly type?: TensorType;
  /** Name in the file. Default "pocket". */
  readonly name?: string;
  /** More entries, such as how it was made. */
  readonly metadata?: GgufMetadata;
}

/**
 * Checks before a training that what it makes can be written in a type, if one was named: Q8_0 takes rows of multiples of
 * 32.
 * @param shape Of the model, or of the base.
 * @param lora Of an adapter; null for a whole model.
 * @throws Llama4RecError `E_ARGUMENT` naming the size that does not fit.
 */
export function checkTunedType(
  type: TensorType | undefined,
  { dimension, hidden }: Pick<LlamaShape, "dimension" | "hidden">,
  lora: LoraOptions | null,
): void {
  if (type !== "Q8_0") return;
  const rows: Readonly<Record<string, number>> =
    lora === null
      ? { "shape.dimension": dimension, "shape.hidden": hidden }
      : { "lora.rank": lora.rank ?? LORA_RANK, "base, its dimension": dimension, "base, its hidden": hidden };
  for (const [name, row] of Object.entries(rows))
    if (row % 32 !== 0) throw argumentError(name, "a multiple of 32 for type Q8_0", row);
}

/**
 * Writes a GGUF: a whole model, or an adapter that llama.cpp applies to its base.
 * @throws Llama4RecError `E_ARGUMENT` when the sizes do not fit the type (Q8_0 takes rows of multiples of 32), `E_FILE`.
 */
export async function writeTuned(
  path: string,
  tuned: TunedWeights,
  { type, name = "pocket", metadata = {} }: WriteTunedOptions = {},
): Promise<void> {
  const entries: GgufMetadata = { "general.name": name, ...metadata };
  if (tuned.kind === "adapter") {
    const pairs = new Map(tuned.factors.flatMap((factors) => pairsOf(factors, tuned)));
    const metadata = { ...entries, [BASE_HASH]: tuned.baseSha256 };
    await writeLora(path, { alpha: tuned.alpha, pairs }, { type, metadata });
    return;
  }
  const file: LlamaFile = {
    shape: tuned.shape,
    tokenizer: new Tokenizer(tuned.vocabulary),
    weights: tuned.weights,
    type: type ?? "F16",
    chatTemplate: CHAT_TEMPLATE,
    metadata: { "llama4rec.format": POCKET_FORMAT, ...entries },
  };
  await writeLlamaFile(path, file);
}

/** One pair for each matrix of a joined layer: they share `a`, each has its rows of `b`. */
function pairsOf(
  { block, layer, a, b }: AdapterFactors,
  { shape, rank }: AdapterWeights,
): [string, LoraPair][] {
  const { dimension, hidden, kvHeads, width } = shape;
  const matrices: Readonly<Record<AdaptedLayer, readonly (readonly [name: string, outputs: number])[]>> = {
    qkv: [
      ["attn_q", dimension],
      ["attn_k", kvHeads * width],
      ["attn_v", kvHeads * width],
    ],
    out: [["attn_output", dimension]],
    gateUp: [
      ["ffn_gate", hidden],
      ["ffn_up", hidden],
    ],
    down: [["ffn_down", dimension]],
  };
  const inputs = a.length / rank;
  if (!Number.isInteger(inputs)) throw argumentError("a", `a multiple of rank ${rank} numbers`, a.length);
  let at = 0;
  return matrices[layer].map(([name, outputs]) => {
    const pair = { rank, inputs, outputs, a, b: b.slice(at, at + outputs * rank) };
    at += outputs * rank;
    return [`blk.${block}.${name}.weight`, pair];
  });
}
