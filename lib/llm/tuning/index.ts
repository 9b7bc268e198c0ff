export type { LoraOptions } from "../pocket/lora.js";
export type { AdaptedLayer } from "../pocket/network.js";
export {
  type ExportOptions,
  type ExportResult,
  exportInstructions,
} from "./export.js";
export { EXPORT_FORMATS, type ExportFormat } from "./exportFormats.js";
export { HintReader, type RankingFold, type SequenceFolds, type TuningHints } from "./hints.js";
export {
  DEFAULT_TOKENS,
  defaultStages,
  EVEN_MIX,
  INSTRUCTION_TASKS,
  type InstructionKind,
  type InstructionTask,
  type KindCounts,
  type TaskMix,
  type TuningStage,
} from "./mix.js";
export { POCKET_SHAPE, TUNE_SETTINGS } from "./options.js";
export { type Recipe, recipeFor } from "./recipe.js";
export * from "./tune.js";
export {
  type AdapterFactors,
  type AdapterWeights,
  type PocketWeights,
  type TunedWeights,
  type WriteTunedOptions,
  writeTuned,
} from "./tunedModel.js";
