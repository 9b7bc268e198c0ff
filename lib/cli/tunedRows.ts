import type { Dataset } from "../data/dataset.js";
import type { HoldOut } from "../data/split.js";
import type { TrainView } from "../data/trainView.js";
import { readAnyGgufHeader } from "../llm/gguf/header.js";
import type { GgufMetadata } from "../llm/gguf/writer.js";
import { Llama4RecError } from "../native/errors.js";
import { tuningViewOf } from "./tuningData.js";

/** Entries of a GGUF that say which rows its model learnt from: a digest of them, and how the others were held out. */
const VIEW = "llama4rec.tuned_view";
const HOLD_OUT = "llama4rec.tuned_hold_out";

/** What {@link checkTunedRows} reads, for the file of a model tuned on `view`. */
export function tunedRowsMetadata(view: TrainView, holdOut: HoldOut): GgufMetadata {
  return { [VIEW]: view.digest, [HOLD_OUT]: holdOut };
}

/**
 * Refuses a model that was tuned on other rows than those that a way of holding out leaves: it may know the answers. A file that
 * does not say passes: it is another program's.
 * @param path A model or an adapter, GGUF.
 * @throws Llama4RecError `E_MISMATCH`; `E_FILE` and `E_GGUF` for a file that cannot be read.
 */
export async function checkTunedRows(path: string, dataset: Dataset, holdOut: HoldOut): Promise<void> {
  const { metadata } = await readAnyGgufHeader(path);
  const tuned = metadata.get(VIEW);
  if (tuned === undefined || tuned === tuningViewOf(dataset, holdOut).digest) return;
  throw new Llama4RecError(
    "E_MISMATCH",
    `${path}: expected a model tuned on what ${holdOut} leaves of ${dataset.name}, got one tuned on other rows, of ${String(metadata.get(HOLD_OUT))}; "llama4rec tune --hold-out ${holdOut}" makes one`,
  );
}
