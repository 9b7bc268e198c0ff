import { execFile } from "node:child_process";
import { type FileHandle, open } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import type { LlamaShape } from "../../lib/llm/gguf/llamaShape.js";
import { llamaTensors } from "../../lib/llm/gguf/llamaShape.js";
import { readGguf } from "../../lib/llm/gguf/reader.js";
import { encodeGguf, type GgufMetadata, type GgufMetadataValue } from "../../lib/llm/gguf/writer.js";
import { uniform } from "./random.js";

/** The shape of Llama-3.2-1B, with a shorter context. */
export const ONE_BILLION: LlamaShape = {
  vocabulary: 128_256,
  context: 1024,
  dimension: 2048,
  blocks: 16,
  hidden: 8192,
  heads: 32,
  kvHeads: 8,
  width: 64,
  ropeBase: 500_000,
  epsilon: 1e-5,
};

const run = promisify(execFile);

/** Copies files of llama.cpp's own tree, of which node-llama-cpp carries a git bundle, into `folder`. */
export async function bundledFiles(folder: string, names: readonly string[]): Promise<Buffer[]> {
  const entry = createRequire(import.meta.url).resolve("node-llama-cpp");
  const bundle = join(dirname(entry), "..", "llama", "gitRelease.bundle");
  const tree = join(folder, "llama.cpp.git");
  await run("git", ["clone", "--quiet", "--bare", bundle, tree]);
  const show = (name: string): Promise<{ stdout: Buffer }> =>
    run("git", ["-C", tree, "cat-file", "blob", `HEAD:${name}`], { encoding: "buffer", maxBuffer: 2 ** 27 });
  return (await Promise.all(names.map(show))).map(({ stdout }) => stdout);
}

/** Blocks of the random bytes that all tensors are cut from: a prime, so that no two rows are the same. */
const BLOCKS = 262_139;
const Q4_0 = { number: 2, elements: 32, bytes: 18 };
const F32 = { number: 0, elements: 1, bytes: 4 };
/** 0.005 in half precision: weights of about 1 / sqrt(2048). */
const SCALE = 0x1d1f;

/**
 * Writes a Llama of random 4-bit weights with the vocabulary of another GGUF, a few bytes at a time.
 *
 * @returns bytes of the file
 */
export async function writeLargeLlama(
  path: string,
  shape: LlamaShape,
  vocabulary: string,
  metadata: GgufMetadata,
): Promise<number> {
  const tensors = [...llamaTensors(shape)].filter(([name]) => name !== "output.weight");
  const infos: Buffer[] = [];
  let size = 0;
  for (const [name, sizes] of tensors) {
    const type = sizes.length === 1 ? F32 : Q4_0;
    const bytes = (sizes.reduce((product, n) => product * n) / type.elements) * type.bytes;
    infos.push(numbers64(name.length), Buffer.from(name), numbers32(sizes.length), numbers64(...sizes));
    infos.push(numbers32(type.number), numbers64(size));
    size += padded(bytes);
  }
  const entries = { ...(await vocabularyOf(vocabulary)), ...shapeOf(shape), ...metadata };
  const [bare] = encodeGguf({ metadata: entries, tensors: [] });
  const header = Buffer.concat([bare, ...infos]);
  header.writeBigUInt64LE(BigInt(tensors.length), 8);

  const file = await open(path, "w");
  try {
    await file.write(Buffer.concat([header, Buffer.alloc(padded(header.length) - header.length)]));
    for (const [, sizes] of tensors) await writeTensor(file, sizes);
  } finally {
    await file.close();
  }
  return padded(header.length) + size;
}

let random: Buffer | undefined;
let at = 0;

async function writeTensor(file: FileHandle, sizes: readonly number[]): Promise<void> {
  if (sizes.length === 1) {
    await file.write(Buffer.from(new Float32Array(sizes[0]).fill(1).buffer));
    return;
  }
  random ??= randomBlocks();
  const bytes = (sizes.reduce((product, n) => product * n) / Q4_0.elements) * Q4_0.bytes;
  for (let left = bytes; left > 0; ) {
    const part = random.subarray(at, at + left);
    await file.write(part);
    left -= part.length;
    at = (at + part.length) % random.length;
  }
  await file.write(Buffer.alloc(padded(bytes) - bytes));
}

function randomBlocks(): Buffer {
  const next = uniform(1);
  const blocks = Buffer.alloc(BLOCKS * Q4_0.bytes);
  for (let byte = 0; byte < blocks.length; byte++) blocks[byte] = next() * 256;
  for (let block = 0; block < BLOCKS; block++) blocks.writeUInt16LE(SCALE, block * Q4_0.bytes);
  return blocks;
}

async function vocabularyOf(path: string): Promise<GgufMetadata> {
  const { metadata } = await readGguf(path);
  const entries = [...metadata].filter(([key]) => key.startsWith("tokenizer."));
  return Object.fromEntries(
    entries.map(([key, value]) => [
      key,
      typeof value === "number" ? { uint32: value } : (value as GgufMetadataValue),
    ]),
  );
}

function shapeOf(shape: LlamaShape): GgufMetadata {
  return {
    "general.architecture": "llama",
    "general.file_type": { uint32: 2 },
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

const padded = (bytes: number): number => Math.ceil(bytes / 32) * 32;
const numbers32 = (...n: number[]): Buffer => Buffer.from(Uint32Array.from(n).buffer);
const numbers64 = (...n: number[]): Buffer => Buffer.from(BigUint64Array.from(n, BigInt).buffer);
