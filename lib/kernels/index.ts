/**
 * The engine's kernels over the caller's typed arrays, usable without the recommender: embedding lookups and bags,
 * attention over sequences, exact top-k.
 *
 * @packageDocumentation
 */
export {
  type CpuInfo,
  type CudaDevice,
  type CudaInfo,
  cpuInfo,
  cudaInfo,
  setThreads,
  threads,
} from "../native/addon.js";
export type { AsyncOptions } from "../native/asyncCall.js";
export {
  type AsyncTopKOptions,
  Catalogue,
  selectTopK,
  type TopK,
  type TopKFilter,
  type TopKOptions,
  topKRow,
} from "../native/catalogue.js";
export { type ErrorCode, Llama4RecError } from "../native/errors.js";
export * from "./attention.js";
export type { Device, KernelOptions } from "./device.js";
export * from "./embedding.js";
export * from "./topK.js";
