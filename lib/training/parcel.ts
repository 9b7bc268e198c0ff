import type { FrozenModel } from "../models/frozen.js";
import { Catalogue } from "../native/catalogue.js";
import { SequenceEncoder } from "../native/sequenceEncoder.js";

/** A frozen model on its way to another thread of the process. Its arrays are moved, its native object is shared. */
export interface Parcel {
  readonly model: FrozenModel;
  /** Id of the native object that serves the model; null: none does, for the model runs as it was trained. */
  readonly engine: number | null;
}

/** A parcel with the sender's lease on the native object: hold it until the receiver has taken its own. */
export interface PackedModel extends Disposable {
  readonly parcel: Parcel;
  /** Memory to transfer with the message. */
  readonly transfer: ArrayBuffer[];
}

/** Builds what serves the model, so that the receiver need not. */
export function pack(model: FrozenModel): PackedModel {
  const engine = engineOf(model);
  return {
    parcel: { model, engine: engine?.id ?? null },
    transfer: [...memoryOf(model, new Set())],
    [Symbol.dispose]: () => engine?.dispose(),
  };
}

function engineOf(model: FrozenModel): Catalogue | SequenceEncoder | null {
  if (model.kind === "rating") return null;
  if (model.kind === "sequence") return new SequenceEncoder(model.encoder);
  const { items, dimension, itemBiases } = model.factors;
  return new Catalogue(items, { dimension, biases: itemBiases });
}

/** The memory of all arrays in a plain object. */
function memoryOf(value: unknown, found: Set<ArrayBuffer>): Set<ArrayBuffer> {
  if (ArrayBuffer.isView(value)) {
    if (value.buffer instanceof ArrayBuffer) found.add(value.buffer);
  } else if (typeof value === "object" && value !== null)
    for (const part of Object.values(value)) memoryOf(part, found);
  return found;
}
