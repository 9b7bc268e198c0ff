import type { CommonTrainOptions } from "./options.js";
import type { Outcome } from "./outcome.js";

/** What the starting thread does meanwhile. Its signal says all that ends the training early. */
export interface Caller<Served> extends Pick<CommonTrainOptions, "onEpoch" | "onStep" | "onCheckpoint"> {
  readonly validate?: (candidate: Served) => number | Promise<number>;
  readonly signal: AbortSignal;
}

/**
 * Trains for a caller: its own signal and a rejected promise of a callback both end the training, and promises that
 * callbacks have returned are waited for.
 * @throws The signal's reason, or what the promise rejected with.
 */
export async function withCaller<Served extends Disposable, Result>(
  options: CommonTrainOptions & Pick<Caller<Served>, "validate">,
  outcome: Outcome<Served, Result>,
  body: (caller: Caller<Served>) => Promise<Result>,
): Promise<Result> {
  const { signal, validate } = options;
  const ending = new AbortController();
  const onAbort = (): void => ending.abort(signal?.reason);
  const pending = new Set<Promise<void>>();
  const watched =
    <Report>(callback: ((report: Report) => unknown) | undefined) =>
    (report: Report): void => {
      const returned = callback?.(report);
      if (!isThenable(returned)) return;
      const settled = Promise.resolve(returned).then(
        () => {},
        (reason) => ending.abort(reason),
      );
      pending.add(settled);
      void settled.then(() => pending.delete(settled));
    };

  signal?.throwIfAborted();
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    const result = await body({
      validate,
      onEpoch: watched(options.onEpoch),
      onStep: watched(options.onStep),
      onCheckpoint: watched(options.onCheckpoint),
      signal: ending.signal,
    });
    try {
      await unlessAborted(Promise.all(pending), ending.signal);
      ending.signal.throwIfAborted();
      return result;
    } catch (error) {
      outcome.discard(result);
      throw error;
    }
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}

/** Longest delay of a timer, in milliseconds. */
const longestDelay = 2 ** 31 - 1;

/**
 * Waits for what may never come, but no longer than until the abort. The process stays alive meanwhile, as it does for a
 * training thread: the timer of `AbortSignal.timeout` alone would let it end.
 * @throws The signal's reason.
 */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const alive = setInterval(() => {}, longestDelay);
  let onAbort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    clearInterval(alive);
    signal.removeEventListener("abort", onAbort);
  }
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
