/**
 * A recommender that lives inside a Node process.
 *
 * @packageDocumentation
 */
export * from "./aggregation/aggregate.js";
export * from "./aggregation/choice.js";
export * from "./aggregation/crossFit.js";
export * from "./aggregation/features.js";
export * from "./aggregation/harm.js";
export * from "./aggregation/historyEntropy.js";
export * from "./aggregation/hybrid.js";
export * from "./aggregation/learnedWeight.js";
export * from "./aggregation/ratingMix.js";
export * from "./aggregation/tuning.js";
export * from "./aggregation/utility.js";
export * from "./aggregation/weight.js";
export * from "./aggregation/weightModel.js";
export * from "./augmentation/artefact.js";
export * from "./augmentation/attributeAugmentation.js";
export * from "./augmentation/outOfFold.js";
export * from "./augmentation/pairAugmentation.js";
export * from "./augmentation/promptAugmentation.js";
export * from "./augmentation/ratingPromptAugmentation.js";
export * from "./augmentation/records.js";
export * from "./augmentation/sequenceAugmentation.js";
export * from "./augmentation/similarUsers.js";
export * from "./data/index.js";
export * from "./data/shop/index.js";
export * from "./evaluation/experiment.js";
export * from "./evaluation/positionBias.js";
export * from "./evaluation/ratingExperiment.js";
export * from "./evaluation/ratingRivals.js";
export * from "./evaluation/refinement.js";
export * from "./evaluation/report.js";
export {
  chooseEaseLambda,
  chooseRecencyEase,
  type EaseLambdaOptions,
  easeLambdas,
  easeRecencies,
  type RecencyChoice,
} from "./evaluation/rivals.js";
export type { StageProgress } from "./evaluation/stages.js";
export * from "./evaluation/summary.js";
export * from "./llm/index.js";
export * from "./metrics/names.js";
export * from "./metrics/ranking.js";
export * from "./models/backbone.js";
export type { Factors } from "./models/factorRanker.js";
export * from "./models/frozen.js";
export { evaluateRanking, type Masking, type RankingEvaluation } from "./models/fullRanking.js";
export { loadModel, type ModelAbout, saveModel, verifyModel } from "./models/modelFile.js";
export {
  type AsyncRankOptions,
  type Ranker,
  type RankOptions,
  rowsOf,
  type TrainedRanker,
} from "./models/ranker.js";
export type { FeatureBatch, RatingBatch, SideRows } from "./models/rating/featureBatch.js";
export type { FeatureRow, KnownAttributes } from "./models/rating/featureRows.js";
export {
  type EncodingColumns,
  type EncodingOptions,
  encodeView,
  FeatureEncoding,
  type Field,
  type FieldSide,
} from "./models/rating/features.js";
export type { NewUser, NewUserRater, ResidualFit } from "./models/rating/userFoldIn.js";
export * from "./models/ratingModelFile.js";
export * from "./models/ratingPredictor.js";
export { evaluateRatings, type Rater, type RatingEvaluation } from "./models/ratings.js";
export * from "./models/reference/bias.js";
export { type EaseInput, type EaseOptions, ease } from "./models/reference/ease.js";
export * from "./models/reference/popularity.js";
export * from "./models/reference/residualFactors.js";
export { type DefinitionOf, findBackbone, findTask, listBackbones } from "./models/registry.js";
export { isSequenceRanker, type SequenceRanker } from "./models/sequenceRanker.js";
export {
  readTunedConfig,
  readTunedEntry,
  type TunedConfig,
  type TunedEntry,
  type TunedValidation,
  writeTunedEntry,
} from "./models/tunedConfig.js";
export { type CpuInfo, cpuInfo, setThreads, threads } from "./native/addon.js";
export type { AsyncOptions } from "./native/asyncCall.js";
export * from "./native/autograd.js";
export {
  type AsyncTopKOptions,
  Catalogue,
  selectTopK,
  type TopK,
  type TopKFilter,
  type TopKOptions,
  topKRow,
} from "./native/catalogue.js";
export { type ErrorCode, Llama4RecError } from "./native/errors.js";
export * from "./native/graph.js";
export * from "./native/linalg.js";
export * from "./native/optimizer.js";
export * from "./native/pairSampler.js";
export * from "./native/parameter.js";
export {
  type EncoderBlock,
  type EncoderModel,
  type EncoderShape,
  type Histories,
  SequenceEncoder,
} from "./native/sequenceEncoder.js";
export * from "./native/sequenceSampler.js";
export * from "./search/index.js";
export * from "./serving/index.js";
export * from "./serving/save.js";
export { openCatalogue, saveCatalogue, verifyCatalogue } from "./storage/catalogueFile.js";
export * from "./training/train.js";
export * from "./training/trainRating.js";
