/**
 * What a service needs that answers from a saved recommender or a saved catalogue, and no more: it is imported in
 * milliseconds. All of it is in `llama4rec` as well.
 *
 * @packageDocumentation
 */
export { type CpuInfo, cpuInfo, setThreads, threads } from "./native/addon.js";
export type { AsyncOptions } from "./native/asyncCall.js";
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
export * from "./serving/index.js";
export { openCatalogue, saveCatalogue, verifyCatalogue } from "./storage/catalogueFile.js";
