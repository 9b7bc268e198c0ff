import { type FrozenModel, rankerOf } from "../models/frozen.js";
import type { TrainedRanker } from "../models/ranker.js";
import { Catalogue } from "../native/catalogue.js";
import { SequenceEncoder } from "../native/sequenceEncoder.js";

/** A frozen model on its way to another thread of the process. Its arrays are moved, its native object is shared. */
export interface Parcel {
  readonly model: FrozenModel;
  /** Id of the native object that serves the model. */
  readonly engine: number;
}

/** A parcel with the sender's lease on the native object: hold it until the receiver has taken its own. */
export interface PackedModel extends Disposable {
  readonly parcel: Parcel;
  /** Memory to transfer with the message. */
  readonly transfer: ArrayBuffer[];
}

/** Builds what serves the model, so that the receiver need not. */
export function pack(model: FrozenModel): PackedModel {
  const engine =
    model.kind === "factors"
      ? new Catalogue(model.factors.items, {
          dimension: model.factors.dimension,
          biases: model.factors.itemBiases,
        })
      : new SequenceEncoder(model.encoder);
  return {
    parcel: { model, engine: engine.id },
    transfer: [...memoryOf(model, new Set())],
    [Symbol.dispose]: () => engine.dispose(),
  };
}

/** The ranker of a received parcel: takes a lease of its own and copies nothing. */
export function unpack({ model, engine }: Parcel): TrainedRanker {
  return rankerOf(model, engine);
}

/** The memory of all arrays in a plain object. */
function memoryOf(value: unknown, found: Set<ArrayBuffer>): Set<ArrayBuffer> {
  if (ArrayBuffer.isView(value)) {
    if (value.buffer instanceof ArrayBuffer) found.add(value.buffer);
  } else if (typeof value === "object" && value !== null)
    for (const part of Object.values(value)) memoryOf(part, found);
  return found;
}
