import { argumentError, Llama4RecError } from "../native/errors.js";
import type { CallOptions, ModelStats, NoAnswer, NoAnswerReason } from "./languageModel.js";

/** Builds a {@link NoAnswer}. */
export function noAnswer(reason: NoAnswerReason, detail: string): NoAnswer {
  return { answered: false, reason, detail };
}

/** Counts what a model did. */
export class CallCounter {
  calls = 0;
  answers = 0;
  evaluatedTokens = 0;
  reusedTokens = 0;
  cacheHits = 0;
  readonly noAnswers: Record<NoAnswerReason, number> = {
    fault: 0,
    timeout: 0,
    invalid: 0,
    "too-long": 0,
    aborted: 0,
  };

  /** Counts one finished call and passes its result on. */
  count<A extends { readonly answered: true }>(result: A | NoAnswer): A | NoAnswer {
    this.calls++;
    if (result.answered) this.answers++;
    else this.noAnswers[result.reason]++;
    return result;
  }

  /** A copy that no longer changes. */
  snapshot(): ModelStats {
    const { calls, answers, evaluatedTokens, reusedTokens, cacheHits } = this;
    return { calls, answers, evaluatedTokens, reusedTokens, cacheHits, noAnswers: { ...this.noAnswers } };
  }
}

const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Runs one model call under its deadline and signal. Resolves at the deadline even when the work hangs; the signal
 * handed to the work then tells it to stop. What the work throws becomes a fault, except programmer errors.
 *
 * @param controller of the signal handed to the work; whoever aborts it ends the work with reason "aborted"
 * @throws Llama4RecError `E_ARGUMENT`, `E_DISPOSED`.
 */
export async function attempt<A extends { readonly answered: true }>(
  options: CallOptions,
  work: (signal: AbortSignal) => Promise<A | NoAnswer>,
  controller = new AbortController(),
): Promise<A | NoAnswer> {
  const { signal, deadlineMs } = options;
  if (deadlineMs !== undefined && !(deadlineMs > 0 && deadlineMs <= LONGEST_TIMER_MS)) {
    throw argumentError("deadlineMs", `a number of milliseconds in (0, ${LONGEST_TIMER_MS}]`, deadlineMs);
  }
  if (signal?.aborted) return noAnswer("aborted", "aborted before it began");

  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  const stopped = new Promise<NoAnswer>((resolve) => {
    const stop = (reason: NoAnswer): void => {
      resolve(reason);
      controller.abort();
    };
    if (deadlineMs !== undefined) {
      timer = setTimeout(() => stop(noAnswer("timeout", `no answer within ${deadlineMs} ms`)), deadlineMs);
    }
    onAbort = () => stop(noAnswer("aborted", "aborted by the caller"));
    signal?.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([stopped, guarded(() => work(controller.signal))]);
  } finally {
    clearTimeout(timer);
    if (onAbort) signal?.removeEventListener("abort", onAbort);
  }
}

async function guarded<A>(work: () => Promise<A | NoAnswer>): Promise<A | NoAnswer> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Llama4RecError && (error.code === "E_ARGUMENT" || error.code === "E_DISPOSED")) {
      throw error;
    }
    if (error instanceof Error && error.name === "AbortError") return noAnswer("aborted", error.message);
    return noAnswer("fault", error instanceof Error ? error.message : String(error));
  }
}
