/** Rating backbones of one's own, loaded by name, as a worker thread does. */
import type { RatingDefinition } from "../../lib/models/backbone.js";
import { DEEPFM } from "../../lib/models/rating/deepfm.js";
import { poison } from "./backbones.js";

/** DeepFM under another name, as third parties have theirs. */
export const ownBackbone: RatingDefinition = { ...DEEPFM, name: "Own" };
/** Its numbers leave float32 in step 20. */
export const explodes: RatingDefinition = {
  ...DEEPFM,
  name: "Explodes",
  create(...args) {
    const model = DEEPFM.create(...args);
    let steps = 0;
    return {
      parameters: model.parameters,
      predict: (batch) => model.predict(batch),
      loss(batch) {
        if (++steps === 20) poison(model.parameters[0]);
        return model.loss(batch);
      },
    };
  },
};

/** Models of `holds` that were made, and how often one was freed, with its parameters still there. */
export const held = { made: 0, freed: 0 };
/** It holds something beside its parameters. */
export const holds: RatingDefinition = {
  ...DEEPFM,
  name: "Holds",
  create(...args) {
    const model = DEEPFM.create(...args);
    held.made++;
    return {
      parameters: model.parameters,
      predict: (batch) => model.predict(batch),
      loss: (batch) => model.loss(batch),
      [Symbol.dispose]() {
        model.parameters[0].read(); // throws once it is freed
        held.freed++;
      },
    };
  },
};
