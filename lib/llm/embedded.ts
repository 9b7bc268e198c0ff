import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The pocket Llama that the package carries: tuned on the generated demonstration shop, knows nothing else. */
export interface EmbeddedModel {
  readonly name: string;
  readonly modelPath: string;
  /** SHA-256 of the file, in hexadecimal. */
  readonly sha256: string;
}

/**
 * Made by `LLAMA4REC_CPU=avx2 npx llama4rec tune --seed 1 --type Q8_0 --out models/shop.gguf` from the generated shop
 * alone; the same command makes the same bytes.
 */
const SHOP_MODEL: EmbeddedModel = {
  name: "shop.gguf",
  modelPath: fileURLToPath(new URL("../../../models/shop.gguf", import.meta.url)),
  sha256: "eb8dc9eef2e8528b7cdbb273dfd72048874e0eeee6807216f5842435ec9520f0",
};

/** The embedded model, or null where the package was packed without it. */
export function embeddedModel(): EmbeddedModel | null {
  return existsSync(SHOP_MODEL.modelPath) ? SHOP_MODEL : null;
}
