import { bytePieces } from "../tokenizer/pieces.js";
import type { GgufHeader } from "./header.js";

/** Where a GGUF keeps the pieces of its tokenizer. */
export const vocabularyKey = "tokenizer.ggml.tokens";

/** What a header should have held, and what it holds. */
export class Malformed extends Error {
  constructor(expected: string, received: string) {
    super(`expected ${expected}, got ${received}`);
  }
}

/** @throws Malformed unless the condition holds. */
export function expect(condition: boolean, expected: string, received: unknown): void {
  if (!condition) throw new Malformed(expected, String(received));
}

/** Keys of the architecture outside whose range llama.cpp aborts the process: [key, low, high, may be absent]. */
const RANGES: readonly (readonly [string, number, number, "required" | "optional"])[] = [
  ["block_count", 1, 512, "required"],
  ["embedding_length", 1, 2 ** 20, "required"],
  ["feed_forward_length", 1, 2 ** 24, "required"],
  ["context_length", 1, 2 ** 31, "required"],
  ["attention.head_count", 1, 2 ** 16, "required"],
  ["attention.head_count_kv", 1, 2 ** 16, "optional"],
  ["attention.layer_norm_rms_epsilon", 0, 1, "optional"],
  ["rope.dimension_count", 1, 2 ** 16, "optional"],
  ["rope.freq_base", 1, 1e12, "optional"],
];

/**
 * Checks what llama.cpp asserts rather than checks.
 * @throws Malformed
 */
export function checkModel({ metadata, tensors }: GgufHeader): void {
  const architecture = metadata.get("general.architecture");
  expect(typeof architecture === "string", "general.architecture, a string", typeof architecture);
  expect(tensors.length > 0, "a model with weights", "no tensors");
  checkVocabulary(metadata);
  for (const [key, low, high, presence] of RANGES) {
    const size = metadata.get(`${architecture}.${key}`);
    // One value per layer in some models.
    if (typeof size === "object" || (size === undefined && presence === "optional")) continue;
    expect(Number(size) >= low && Number(size) <= high, `${architecture}.${key} in ${low}..${high}`, size);
  }
}

function checkVocabulary(metadata: GgufHeader["metadata"]): void {
  const pieces = metadata.get(vocabularyKey);
  if (typeof pieces !== "object") throw new Malformed(`${vocabularyKey}, an array`, typeof pieces);
  for (const key of ["scores", "token_type"]) {
    const list = metadata.get(`tokenizer.ggml.${key}`);
    if (list === undefined) continue;
    const length = typeof list === "object" ? list.length : Number.NaN;
    expect(length === pieces.length, `tokenizer.ggml.${key} of ${pieces.length} entries`, length);
  }
  for (const [key, id] of metadata) {
    if (!/^tokenizer\.ggml\.\w+_token_id$/.test(key)) continue;
    expect(typeof id === "number" && id < pieces.length, `${key} below ${pieces.length}`, id);
  }
  if (metadata.get("tokenizer.ggml.model") !== "llama") return;
  const known = new Set<unknown>(pieces);
  const missing = bytePieces.find((piece) => !known.has(piece));
  expect(missing === undefined, `${vocabularyKey} with a piece for every byte`, `none for ${missing}`);
}
