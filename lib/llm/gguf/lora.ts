import { argumentError, Llama4RecError } from "../../native/errors.js";
import type { GgufHeader } from "./header.js";
import { readGguf } from "./reader.js";
import type { TensorType } from "./tensorTypes.js";
import { type GgufMetadata, type GgufTensorData, writeGguf } from "./writer.js";

/** Entry of an adapter: the SHA-256 of the base's file it was made for, in hexadecimal. */
export const BASE_HASH = "llama4rec.base.sha256";

/** A base as {@link readLora} needs it, such as {@link readGguf} gives. */
export interface LoraBase extends GgufHeader {
  /** SHA-256 of the whole file, in hexadecimal; without it, adapters that name their base are not held to it. */
  readonly sha256?: string;
}

/** Low-rank change of one matrix `[out x in]`: `W + alpha / rank * B A`. */
export interface LoraPair {
  readonly rank: number;
  readonly inputs: number;
  readonly outputs: number;
  /** A, `[rank x in]`. */
  readonly a: Float32Array;
  /** B, `[out x rank]`. */
  readonly b: Float32Array;
}

/** A LoRA adapter (Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022, eq. 3). */
export interface LoraAdapter {
  /** What the product counts, divided by the rank. */
  readonly alpha: number;
  /** By the name of the changed matrix in its GGUF, such as `blk.0.attn_q.weight`. */
  readonly pairs: ReadonlyMap<string, LoraPair>;
}

/** How an adapter is written. */
export interface LoraFileOptions {
  /** Type of the factors. Default F32. */
  readonly type?: TensorType;
  /** Architecture of the base. Default `llama`. */
  readonly architecture?: string;
  /** The writer's own entries. */
  readonly metadata?: GgufMetadata;
}

/**
 * Writes an adapter as the GGUF that llama.cpp applies, atomically.
 * @throws Llama4RecError `E_ARGUMENT` when factors do not fit their sizes or the type; `E_FILE` when it cannot be written.
 */
export async function writeLora(
  path: string,
  { alpha, pairs }: LoraAdapter,
  { type = "F32", architecture = "llama", metadata }: LoraFileOptions = {},
): Promise<void> {
  if (!(alpha > 0 && alpha < Number.POSITIVE_INFINITY))
    throw argumentError("alpha", "a positive number", alpha);
  if (pairs.size === 0) throw argumentError("pairs", "at least one pair", 0);
  const tensors = [...pairs].flatMap(([name, { rank, inputs, outputs, a, b }]): GgufTensorData[] => [
    { name: `${name}.lora_a`, shape: [inputs, rank], type, values: a },
    { name: `${name}.lora_b`, shape: [rank, outputs], type, values: b },
  ]);
  const entries: GgufMetadata = {
    "general.type": "adapter",
    "general.architecture": architecture,
    "adapter.type": "lora",
    "adapter.lora.alpha": { float32: alpha },
    ...metadata,
  };
  await writeGguf(path, { metadata: entries, tensors });
}

/**
 * Reads an adapter and checks that it fits its base: every pair changes a matrix that is there, of its shape, and the
 * base is the file that the adapter names, if it names one (`llama4rec.base.sha256`).
 * @param options `sha256`: what the file must hash to, in hexadecimal.
 * @throws Llama4RecError `E_FILE`; `E_GGUF` when it is no sound GGUF or no LoRA adapter; `E_MISMATCH`, naming the tensor
 *   or the entry, when it belongs to another base.
 *
 * @example
 * ```ts
 * const base = await readGguf("base.gguf");
 * const adapter = await readLora("adapter.gguf", base);
 * ```
 */
export async function readLora(
  path: string,
  base: LoraBase,
  options: { readonly sha256?: string } = {},
): Promise<LoraAdapter> {
  const file = await readGguf(path, options);
  const refuse = (expected: string, received: unknown): Llama4RecError =>
    new Llama4RecError("E_GGUF", `${path}: expected ${expected}, got ${String(received)}`);
  for (const [key, wanted] of [
    ["general.type", "adapter"],
    ["adapter.type", "lora"],
  ])
    if (file.metadata.get(key) !== wanted) throw refuse(`${key} "${wanted}"`, file.metadata.get(key));
  const alpha = file.metadata.get("adapter.lora.alpha");
  if (typeof alpha !== "number" || !(alpha > 0)) throw refuse("adapter.lora.alpha above 0", alpha);

  const shapes = new Map(file.tensors.map(({ name, shape }) => [name, shape]));
  const pairs = new Map<string, LoraPair>();
  for (const name of shapes.keys()) {
    const target = /^(.+)\.lora_[ab]$/.exec(name)?.[1];
    if (target === undefined) throw refuse("only tensors .lora_a and .lora_b", name);
    if (pairs.has(target)) continue;
    const [a, b] = [shapes.get(`${target}.lora_a`), shapes.get(`${target}.lora_b`)];
    if (a?.length !== 2 || b?.length !== 2 || a[1] !== b[0])
      throw refuse(`matrices ${target}.lora_a [in, rank] and .lora_b [rank, out]`, `[${a}] and [${b}]`);
    const factors = { a: file.tensor(`${target}.lora_a`), b: file.tensor(`${target}.lora_b`) };
    pairs.set(target, { rank: a[1], inputs: a[0], outputs: b[1], ...factors });
  }
  if (pairs.size === 0) throw refuse("a pair of tensors", "none");
  checkBase(file, pairs, base);
  return { alpha, pairs };
}

function checkBase(file: GgufHeader, pairs: LoraAdapter["pairs"], base: LoraBase): void {
  const refuse = (expected: string, received: unknown): Llama4RecError =>
    new Llama4RecError(
      "E_MISMATCH",
      `${file.path}: expected ${expected} as in ${base.path}, got ${String(received)}`,
    );
  const architecture = base.metadata.get("general.architecture");
  const own = file.metadata.get("general.architecture");
  if (own !== architecture) throw refuse(`general.architecture ${String(architecture)}`, own);
  const shapes = new Map(base.tensors.map(({ name, shape }) => [name, shape]));
  for (const [name, { inputs, outputs }] of pairs) {
    const shape = shapes.get(name);
    if (shape === undefined) throw refuse(`only changes of tensors`, `one of ${name}, which is not there`);
    if (shape.length !== 2 || shape[0] !== inputs || shape[1] !== outputs)
      throw refuse(`${name} to be [${shape.join(", ")}]`, `[${inputs}, ${outputs}]`);
  }
  const madeFor = file.metadata.get(BASE_HASH);
  if (madeFor !== undefined && base.sha256 !== undefined && madeFor !== base.sha256)
    throw refuse(`${BASE_HASH} ${base.sha256}`, madeFor);
}
