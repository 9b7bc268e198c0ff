import { receivedError, type SentError } from "../../training/messages.js";
import { runThread, type ThreadLink } from "../../training/ownThread.js";
import type { TuneJob, TuneReport } from "./options.js";
import type { TunedWeights } from "./tunedModel.js";

/** What a tuning thread is given. */
export interface TuneThreadJob extends TuneJob, ThreadLink {
  readonly threads: number;
}

/** What a tuning thread says. */
export type FromTuneThread =
  | { readonly type: "progress"; readonly report: TuneReport }
  | { readonly type: "result"; readonly tuned: TunedWeights }
  | { readonly type: "failed"; readonly error: SentError };

/** What the starting thread does meanwhile. */
export interface TuneCaller {
  readonly signal?: AbortSignal;
  readonly onProgress?: (report: TuneReport) => void;
  readonly threads: number;
}

/**
 * Tunes on a thread of its own, which has ended when the promise settles, however it does.
 * @throws Llama4RecError `E_WORKER` when the thread died, and what the tuning threw there; the signal's reason; whatever
 *   the callback threw; `E_ARGUMENT` when the options cannot be cloned.
 */
export function tuneInWorker(
  job: TuneJob,
  { signal, onProgress, threads }: TuneCaller,
): Promise<TunedWeights> {
  return runThread<TuneThreadJob, FromTuneThread, TunedWeights>({
    module: new URL("./thread.js", import.meta.url),
    name: "tuning",
    job: { ...job, threads },
    unchecked: "options: expected plain data, and titles of texts in the view",
    signal,
    async receive(message) {
      if (message.type === "result") return message.tuned;
      if (message.type === "failed") throw receivedError(message.error);
      onProgress?.(message.report);
      return null;
    },
  });
}
