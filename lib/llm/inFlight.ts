import { setMaxListeners } from "node:events";

/** Questions asked at a time: enough to keep a model busy while answers are stored and prompts are written. */
const QUESTIONS = 8;

/** Options of {@link inFlight}. */
export interface InFlightOptions {
  /** Most that run at a time, default 8. */
  readonly limit?: number;
  readonly signal?: AbortSignal;
}

/**
 * Asks about all entries, so many at a time, begun in their order.
 * @param ask Its signal fires with the caller's, and when another one has failed.
 * @returns The answers in the order of the entries.
 * @throws What the first one to fail threw, once those that run have ended; the signal's reason when aborted, also during
 *   the last one: what was asked when the signal fired is not a model without an answer.
 */
export async function inFlight<Entry, Answer>(
  entries: readonly Entry[],
  { limit = QUESTIONS, signal }: InFlightOptions,
  ask: (entry: Entry, signal: AbortSignal, index: number) => Promise<Answer>,
): Promise<Answer[]> {
  const failed = new AbortController();
  const ending = AbortSignal.any(signal === undefined ? [failed.signal] : [signal, failed.signal]);
  setMaxListeners(0, ending); // every question listens to it
  const answers = new Array<Answer>(entries.length);
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < entries.length && !ending.aborted) {
      const index = next++;
      try {
        answers[index] = await ask(entries[index], ending, index);
      } catch (error) {
        failed.abort(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, entries.length) }, lane));
  ending.throwIfAborted();
  return answers;
}
