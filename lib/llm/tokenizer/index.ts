export type { Vocabulary } from "./pieces.js";
export { Tokenizer } from "./tokenizer.js";
export { type TokenizerTraining, trainTokenizer } from "./trainer.js";
