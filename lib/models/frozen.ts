import type { EncoderModel, Histories } from "../native/sequenceEncoder.js";
import type { Hyperparameters } from "./backbone.js";
import { type Factors, factorRanker } from "./factorRanker.js";
import type { TrainedRanker } from "./ranker.js";
import type { EncodingColumns } from "./rating/features.js";
import type { ResidualFit } from "./rating/userFoldIn.js";
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

/** Values of one parameter. */
export interface ParameterValues {
  readonly rows: number;
  readonly columns: number;
  /** `[rows x columns]` row-major. */
  readonly values: Float32Array;
}

/** A trained rating model as plain data. Its backbone's definition makes it run: see {@link predictorOf}. */
export interface RatingModel {
  readonly kind: "rating";
  /** Of the backbone. */
  readonly name: string;
  readonly hyperparameters: Hyperparameters;
  /** The fields of users and items, and the mean and range of the training ratings. */
  readonly encoding: EncodingColumns;
  /** By name. */
  readonly parameters: Readonly<Record<string, ParameterValues>>;
  /** How new users are folded in, as training users chose it; absent: nobody has asked them. */
  readonly foldIn?: ResidualFit;
}

/** A trained model that ranks, as plain data. */
export type RankingModel = FactorModel | SequenceModel;

/** A trained model as plain data: what files and worker threads carry. Arrays, numbers and texts only. */
export type FrozenModel = RankingModel | RatingModel;

/**
 * The ranker over a frozen model. The arrays are taken over, not copied: do not change them.
 * @param shared Id of the native catalogue or encoder of this very model, which another thread holds: it is shared.
 * @throws Llama4RecError `E_ARGUMENT` when sizes do not fit or a number is not finite.
 */
export function rankerOf(model: RankingModel, shared?: number): TrainedRanker {
  return model.kind === "factors" ? factorRanker(model, shared) : sequenceRanker(model, shared);
}
