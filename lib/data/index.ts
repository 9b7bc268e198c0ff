export { readBookCrossing } from "./bookCrossing.js";
export { type BuilderOptions, DatasetBuilder } from "./builder.js";
export {
  type Attributes,
  type AttributeValue,
  Dataset,
  type DatasetParts,
  type DatasetSummary,
  type Interactions,
} from "./dataset.js";
export { HeldOut } from "./heldOut.js";
export { type ExternalId, IdMap } from "./idMap.js";
export { withInsertions } from "./insertions.js";
export { readMovieLens1M } from "./movielens1m.js";
export { readMovieLens100K } from "./movielens100k.js";
export { type OpenOptions, openDataset, resolveDataFolder } from "./open.js";
export { Random, type Shuffleable } from "./random.js";
export type { ReadOptions, ReadProgress, TextEncoding } from "./rows.js";
export {
  type HoldOut,
  type Protocol,
  type Split,
  type SplitCounts,
  type SplitOptions,
  split,
  wholeView,
} from "./split.js";
export {
  type ItemColumns,
  type ItemTable,
  readTable,
  type TableColumns,
  type TableFormat,
  type TableOptions,
} from "./table.js";
export { requireTitles } from "./titles.js";
export { type TrainColumns, TrainView, type UserItems } from "./trainView.js";
export { tuningView } from "./tuningView.js";
export { withItemAttributes } from "./withItemAttributes.js";
