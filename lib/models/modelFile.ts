import { argumentError, Llama4RecError } from "../native/errors.js";
import { readTensorFile, type TensorFile, writeTensorFile } from "../storage/safetensors.js";
import { type FrozenModel, rankerOf } from "./frozen.js";
import { aboutOf, aboutTexts, type ModelAbout } from "./modelAbout.js";
import { modelOf, tensorsOf } from "./modelTensors.js";
import type { TrainedRanker } from "./ranker.js";
import type { RatingPredictor } from "./ratingPredictor.js";

export type { ModelAbout } from "./modelAbout.js";

const kind = "model";

/**
 * Writes a model as one safetensors file, which other programs read too, with checksums over all of it. Atomic and
 * crash-safe: a reader sees the old file or the new one, whole.
 * @param model Its arrays are not copied: do not change them before the promise settles.
 * @throws Llama4RecError `E_FILE` when it cannot be written: nothing is left behind. `E_ARGUMENT` when a number is not
 *   finite, sizes do not fit each other, or `about` does not fit the model.
 * @example
 * ```ts
 * await saveModel("model.safetensors", ranker, { backbone: "MF", items: dataset.items });
 * const { ranker: loaded, about } = await loadModel("model.safetensors");
 * ```
 */
export async function saveModel(
  path: string,
  model: FrozenModel | TrainedRanker | RatingPredictor,
  about: ModelAbout = {},
): Promise<void> {
  const frozen = "model" in model ? model.model : model;
  const { texts, tensors } = tensorsOf(frozen);
  checkFit(frozen, about);
  await writeTensorFile(path, { kind, metadata: { ...texts, ...aboutTexts(about) }, tensors });
}

/**
 * Opens a file of {@link saveModel}. Nothing in it is trusted: sizes, the header's checksum, and texts and shapes
 * against each other, all before native memory is taken.
 * @param options `verify` also checks the checksum of every block of weights (default: false).
 * @throws Llama4RecError `E_FILE` when it cannot be read, `E_CORRUPT` when it is not what was written, `E_VERSION` for
 *   another version of the layout, `E_MISMATCH` for a file of another kind or program, `E_NO_MEMORY`.
 */
export async function loadModel(
  path: string,
  options: { verify?: boolean } = {},
): Promise<{ ranker: TrainedRanker; about: ModelAbout }> {
  const file = await readTensorFile(path, { kind, verify: options.verify, finite: true });
  return orCorrupt(path, () => {
    const { model, about } = contentOf(file);
    if (model.kind === "rating") throw otherKind(path, "ranks", "rates, which loadRatingModel opens");
    return { ranker: rankerOf(model), about };
  });
}

/**
 * Opens a file of {@link saveModel} as plain data, of a model of any kind.
 * @throws Llama4RecError As {@link loadModel}.
 * @internal
 */
export async function loadFrozenModel(
  path: string,
  options: { verify?: boolean } = {},
): Promise<{ model: FrozenModel; about: ModelAbout }> {
  const file = await readTensorFile(path, { kind, verify: options.verify, finite: true });
  return orCorrupt(path, () => contentOf(file));
}

/** @internal */
export const otherKind = (path: string, expected: string, received: string): Llama4RecError =>
  new Llama4RecError("E_MISMATCH", `${path}: expected a model that ${expected}, got one that ${received}`);

/**
 * Checks every byte of a model file and all that {@link loadModel} checks.
 * @throws Llama4RecError As {@link loadModel}; `E_CORRUPT` names what is wrong.
 */
export async function verifyModel(path: string): Promise<void> {
  const file = await readTensorFile(path, { kind, verify: true, finite: true });
  orCorrupt(path, () => contentOf(file));
}

/** @param file Read with `finite`. */
function contentOf({ metadata, tensors }: TensorFile): { model: FrozenModel; about: ModelAbout } {
  const model = modelOf({ texts: metadata, tensors }, { finite: true });
  const about = aboutOf(metadata);
  checkFit(model, about);
  return { model, about };
}

/** One id for every user and item, where there are ids. */
function checkFit(model: FrozenModel, { users, items }: ModelAbout): void {
  const { userCount, itemCount } = countsOf(model);
  if (users !== undefined && users.size !== userCount)
    throw argumentError("about.users", `${userCount} ids`, users.size);
  if (items !== undefined && items.size !== itemCount)
    throw argumentError("about.items", `${itemCount} ids`, items.size);
}

function countsOf(model: FrozenModel): { readonly userCount: number; readonly itemCount: number } {
  if (model.kind === "rating") return model.encoding;
  if (model.kind === "sequence") {
    const { encoder, histories } = model;
    const itemCount = encoder.items.length / encoder.shape.dimension;
    return { userCount: histories.offsets.length - 1, itemCount };
  }
  const { users, items, dimension } = model.factors;
  return { userCount: users.length / dimension, itemCount: items.length / dimension };
}

/**
 * What is a bad argument to a maker of objects is a bad file to a reader.
 * @internal
 */
export function orCorrupt<T>(path: string, body: () => T): T {
  try {
    return body();
  } catch (cause) {
    if (!(cause instanceof Llama4RecError) || cause.code !== "E_ARGUMENT") throw cause;
    throw new Llama4RecError("E_CORRUPT", `${path}: expected a whole model file, but ${cause.message}`, {
      cause,
    });
  }
}
