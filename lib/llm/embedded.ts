import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The pocket Llama that the package carries: tuned on the generated demonstration shop, knows nothing else. */
export interface EmbeddedModel {
  readonly name: string;
  readonly modelPath: string;
  /** SHA-256 of the file, in hexadecimal. */
  readonly sha256: string;
}

const SHOP_MODEL: EmbeddedModel = {
  name: "shop.gguf",
  modelPath: fileURLToPath(new URL("../../../models/shop.gguf", import.meta.url)),
  sha256: "",
};

/** The embedded model, or null where the package was packed without it. */
export function embeddedModel(): EmbeddedModel | null {
  return existsSync(SHOP_MODEL.modelPath) ? SHOP_MODEL : null;
}
