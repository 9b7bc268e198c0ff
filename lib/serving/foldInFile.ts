import { argumentError, Llama4RecError } from "../native/errors.js";
import { jsonOf } from "../storage/json.js";
import { readTensorFile, writeTensorFile } from "../storage/safetensors.js";
import type { FoldInMap } from "./foldIn.js";

const kind = "fold-in";

/** Writes it as one safetensors file. */
export async function saveFoldIn(path: string, { matrix, recency, floor }: FoldInMap): Promise<void> {
  const dimension = Math.sqrt(matrix.length);
  const tensors = new Map([["matrix", { shape: [dimension, dimension], values: matrix }]]);
  const metadata = { recency: JSON.stringify(recency), floor: JSON.stringify(floor) };
  await writeTensorFile(path, { kind, metadata, tensors });
}

/**
 * Reads the file of {@link saveFoldIn}; nothing in it is trusted.
 * @throws Llama4RecError as `readTensorFile`; `E_CORRUPT` when it does not fit vectors of that length.
 */
export async function readFoldIn(path: string, dimension: number): Promise<FoldInMap> {
  const { metadata, tensors } = await readTensorFile(path, { kind });
  try {
    const { shape, values } = tensors.get("matrix") ?? { shape: [] };
    if (shape.length !== 2 || shape[0] !== dimension || shape[1] !== dimension)
      throw argumentError("matrix", `shape [${dimension}, ${dimension}]`, `[${shape.join(", ")}]`);
    if (!(values instanceof Float32Array) || !values.every(Number.isFinite))
      throw argumentError("matrix", "finite numbers in float32", values);
    const recency = jsonOf(metadata.recency ?? "null");
    if (typeof recency !== "number" || !(recency > 0 && recency <= 1))
      throw argumentError("recency", "a number above 0, at most 1", recency);
    const floor = jsonOf(metadata.floor ?? "null");
    if (typeof floor !== "number" || !(floor >= 0 && Number.isFinite(floor)))
      throw argumentError("floor", "a finite number of at least 0", floor);
    return { matrix: values, recency, floor };
  } catch (cause) {
    if (!(cause instanceof Llama4RecError) || cause.code !== "E_ARGUMENT") throw cause;
    throw new Llama4RecError(
      "E_CORRUPT",
      `${path}: expected how new users get a vector, but ${cause.message}`,
      {
        cause,
      },
    );
  }
}
