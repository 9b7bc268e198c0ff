import { type LlamaShape, llamaTensors } from "../../lib/llm/gguf/llamaShape.js";
import { uniform } from "./random.js";

/** A shape of two blocks with grouped heads, for a vocabulary of any size. */
export function smallShape(vocabulary: number): LlamaShape {
  return {
    vocabulary,
    context: 128,
    dimension: 64,
    blocks: 2,
    hidden: 96,
    heads: 4,
    kvHeads: 2,
    width: 16,
    ropeBase: 10_000,
    epsilon: 1e-5,
  };
}

/** Random weights of a shape, the head tied to the embeddings. */
export function smallWeights(shape: LlamaShape, seed: number): Map<string, Float32Array> {
  const next = uniform(seed);
  const weights = new Map<string, Float32Array>();
  for (const [name, [inputs, outputs]] of llamaTensors(shape))
    if (outputs === undefined)
      weights.set(
        name,
        Float32Array.from({ length: inputs }, () => 0.5 + next()),
      );
    else if (name !== "output.weight")
      weights.set(
        name,
        Float32Array.from({ length: inputs * outputs }, () => ((next() - 0.5) * 4) / Math.sqrt(inputs)),
      );
  return weights;
}
