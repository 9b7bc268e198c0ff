import { argumentError } from "../native/errors.js";
import type { RatingDefinition } from "./backbone.js";
import type { ModelAbout } from "./modelAbout.js";
import { loadFrozenModel, orCorrupt, otherKind } from "./modelFile.js";
import { predictorOf, type RatingPredictor } from "./ratingPredictor.js";
import { findBackbone } from "./registry.js";

/**
 * Opens the file of a rating model as {@link loadModel} opens one that ranks. It runs on the definition of its backbone, whose parameters are
 * checked against those in the file.
 * @param options `backbone`: the definition, where the registry has none of that name.
 * @throws Llama4RecError As {@link loadModel}; `E_BACKBONE` when the registry has no rating backbone of that name and none
 *   is given, or the definition fails; `E_ARGUMENT` when the definition given is another's.
 * @example
 * ```ts
 * await saveModel("ratings.safetensors", predictor);
 * using loaded = (await loadRatingModel("ratings.safetensors")).predictor;
 * loaded.predict(Int32Array.of(0), Int32Array.of(7));
 * ```
 */
export async function loadRatingModel(
  path: string,
  options: { verify?: boolean; backbone?: RatingDefinition } = {},
): Promise<{ predictor: RatingPredictor; about: ModelAbout }> {
  const { model, about } = await loadFrozenModel(path, { verify: options.verify });
  if (model.kind !== "rating") throw otherKind(path, "rates", "ranks, which loadModel opens");
  const { backbone = findBackbone(model.name, "rating") } = options;
  if (backbone.name !== model.name)
    throw argumentError("backbone", `the definition of rating backbone ${model.name}`, backbone.name);
  return orCorrupt(path, () => ({ predictor: predictorOf(model, backbone), about }));
}
