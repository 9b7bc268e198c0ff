export {
  type GgufArray,
  type GgufHeader,
  type GgufTensor,
  type GgufValue,
  readGgufHeader,
} from "./header.js";
export { type LlamaFile, writeLlamaFile } from "./llamaFile.js";
export { type LlamaShape, llamaShape } from "./llamaShape.js";
export {
  type LoraAdapter,
  type LoraBase,
  type LoraFileOptions,
  type LoraPair,
  readLora,
  writeLora,
} from "./lora.js";
export { type GgufFile, readGguf } from "./reader.js";
export type { TensorType } from "./tensorTypes.js";
export {
  type GgufContent,
  type GgufMetadata,
  type GgufMetadataValue,
  type GgufTensorData,
  writeGguf,
} from "./writer.js";
