import { POCKET_FORMAT } from "../../../lib/llm/chat.js";
import { writeLlamaFile } from "../../../lib/llm/gguf/llamaFile.js";
import type { LlamaShape } from "../../../lib/llm/gguf/llamaShape.js";
import type { TensorType } from "../../../lib/llm/gguf/tensorTypes.js";
import { trainTokenizer } from "../../../lib/llm/tokenizer/trainer.js";
import { uniform } from "../random.js";
import { smallShape, smallWeights } from "../smallLlama.js";

const words = [
  "The",
  "Red",
  "Alien",
  "House",
  "of",
  "Dune",
  "River",
  "Lost",
  "Heidi",
  "Summer",
  "Return",
  "Night",
];

/** Invented titles, the same for the same seed. */
export function inventedTitles(count: number, seed: number): string[] {
  const next = uniform(seed);
  const word = (): string => words[Math.floor(next() * words.length)];
  return Array.from(
    { length: count },
    () => `${word()} ${word()} ${word()} (${1950 + Math.floor(next() * 60)})`,
  );
}

/** A vocabulary for them with one-token labels and ratings. */
const tokenizer = trainTokenizer({
  texts: inventedTitles(200, 1).map((title) => ({ text: ` ${title}`, weight: 1 })),
  size: 512,
  control: ["[INST]", "[/INST]"],
  required: [..."ABCDEFGHIJ12345"].map((name) => ` ${name}`),
});

/** Writes a model with random weights. Its shape. */
export async function writePocketModel(path: string, type: TensorType, context = 256): Promise<LlamaShape> {
  const shape = { ...smallShape(tokenizer.size), context };
  const weights = smallWeights(shape, 5);
  await writeLlamaFile(path, {
    shape,
    tokenizer,
    weights,
    type,
    metadata: { "llama4rec.format": POCKET_FORMAT },
  });
  return shape;
}
