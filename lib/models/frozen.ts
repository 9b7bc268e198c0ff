import type { EncoderModel, Histories } from "../native/sequenceEncoder.js";
import { type Factors, factorRanker } from "./factorRanker.js";
import type { TrainedRanker } from "./ranker.js";
import { sequenceRanker } from "./sequenceRanker.js";

/** A trained factor model as plain data. */
export interface FactorModel {
  readonly kind: "factors";
  readonly name: string;
  readonly factors: Factors;
}

/** A trained sequential model as plain data. */
export interface SequenceModel {
  readonly kind: "sequence";
  readonly name: string;
  readonly encoder: EncoderModel;
  /** What the model's known users chose, oldest first: row `u` is user `u`. */
  readonly histories: Histories;
}

/** A trained model as plain data: what files and worker threads carry. Arrays and numbers only. */
export type FrozenModel = FactorModel | SequenceModel;

/**
 * The ranker over a frozen model. The arrays are taken over, not copied: do not change them.
 * @param shared Id of the native catalogue or encoder of this very model, which another thread holds: it is shared.
 * @throws Llama4RecError `E_ARGUMENT` when sizes do not fit or a number is not finite.
 */
export function rankerOf(model: FrozenModel, shared?: number): TrainedRanker {
  return model.kind === "factors" ? factorRanker(model, shared) : sequenceRanker(model, shared);
}
