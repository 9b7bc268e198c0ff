import type { FrozenModel } from "../models/frozen.js";
import { modelOf, tensorsOf } from "../models/modelTensors.js";
import { argumentError } from "../native/errors.js";
import { elementsOf } from "../storage/header.js";

/**
 * A copy of a model that a backbone handed over: its known fields alone, in arrays of its own, so that they can be moved
 * to another thread and the backbone keeps what it keeps.
 * @throws Llama4RecError `E_ARGUMENT` naming the tensor whose size, type or numbers do not fit.
 */
export function frozenCopy(model: FrozenModel): FrozenModel {
  const { texts, tensors } = tensorsOf(model);
  const copies = [...tensors].map(([name, { shape, values }]) => {
    if (values.length !== elementsOf(shape))
      throw argumentError(
        `tensor ${name}`,
        `${elementsOf(shape)} numbers for shape [${shape.join(", ")}]`,
        values.length,
      );
    return [name, { shape, values: values.slice() }] as const;
  });
  return modelOf({ texts, tensors: new Map(copies) });
}
