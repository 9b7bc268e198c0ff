import { argumentError, Llama4RecError } from "../../native/errors.js";
import type { GgufHeader } from "../gguf/header.js";
import { type LlamaShape, llamaShape, llamaTensors } from "../gguf/llamaShape.js";
import { type GgufFile, readGguf } from "../gguf/reader.js";
import { tensorTypes } from "../gguf/tensorTypes.js";
import { Tokenizer } from "../tokenizer/tokenizer.js";
import { LlamaNetwork } from "./network.js";

/** Beyond it llama.cpp is the faster by far: it computes with the quantized numbers. */
const MOST_PARAMETERS = 50_000_000;

/** A model that this package's own engine runs. */
export interface PocketFile {
  readonly path: string;
  /** SHA-256 of the file, in hexadecimal. */
  readonly sha256: string;
  readonly header: GgufHeader;
  readonly shape: LlamaShape;
  readonly tokenizer: Tokenizer;
}

/** What {@link pocketModel} finds: the parts of a model, or why the engine does not run it. */
export type PocketModel =
  | {
      readonly runs: true;
      readonly parameters: number;
      readonly shape: LlamaShape;
      readonly tokenizer: Tokenizer;
    }
  | { readonly runs: false; readonly reason: string };

/** Looks whether a GGUF is a plain Llama, small, in F32, F16 or Q8_0 and with an SPM vocabulary. */
export function pocketModel(header: GgufHeader): PocketModel {
  try {
    const shape = llamaShape(header);
    const parameters = header.tensors.reduce(
      (sum, { shape: sizes }) => sum + sizes.reduce((a, b) => a * b, 1),
      0,
    );
    if (parameters > MOST_PARAMETERS)
      return { runs: false, reason: `${parameters.toLocaleString("en")} parameters` };
    const other = header.tensors
      .map(({ type }) => tensorTypes.get(type)?.name)
      .find((name) => !computed.has(name));
    if (other !== undefined) return { runs: false, reason: `tensors in ${other}` };
    return { runs: true, parameters, shape, tokenizer: Tokenizer.fromGguf(header) };
  } catch (error) {
    if (error instanceof Llama4RecError && error.code === "E_GGUF")
      return { runs: false, reason: error.message };
    throw error;
  }
}

/** Names of the types that {@link readGguf} decodes. */
const computed: ReadonlySet<string | undefined> = new Set(["F32", "F16", "Q8_0"]);

/**
 * Reads all of a model but its weights.
 * @throws Llama4RecError `E_ARGUMENT` when the engine does not run it; `E_FILE`, `E_GGUF`.
 */
export async function openPocketFile(path: string, sha256: string | undefined): Promise<PocketFile> {
  const header = await readGguf(path, { sha256 });
  const model = pocketModel(header);
  if (!model.runs) {
    const expected =
      'a plain Llama of at most 50 million parameters in F32, F16 or Q8_0 with an SPM vocabulary (runner "llama.cpp" runs others)';
    throw argumentError("modelPath", expected, model.reason);
  }
  return { path, sha256: header.sha256, header, shape: model.shape, tokenizer: model.tokenizer };
}

/**
 * The network of a model, on the calling thread.
 * @throws Llama4RecError `E_FILE`, `E_GGUF`, also when the file is no longer the one that was hashed.
 */
export async function readNetwork(path: string, sha256: string): Promise<LlamaNetwork> {
  const file = await readGguf(path, { sha256 });
  return networkOf(file, llamaShape(file));
}

/** The network of a file that has been read, with its shape. */
export function networkOf(file: GgufFile, shape: LlamaShape): LlamaNetwork {
  const names = [...llamaTensors(shape).keys()].filter((name) => file.has(name));
  return LlamaNetwork.of(shape, new Map(names.map((name) => [name, file.tensor(name)])));
}
