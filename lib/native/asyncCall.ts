import { type Addon, call } from "./addon.js";
import { argumentError, type ErrorCode, Llama4RecError } from "./errors.js";

/** What every asynchronous call takes. */
export interface AsyncOptions {
  /**
   * When it aborts, the promise rejects with its reason. Work that has not started never will; what runs goes on in its
   * thread, and its results are forgotten.
   */
  readonly signal?: AbortSignal;
}

/**
 * How the addon ends an asynchronous call: with nothing when the results are in their arrays, else with an error.
 * @internal
 */
export type Done = (code?: ErrorCode, message?: string) => void;

/** What to do when a signal aborts. One listener a signal serves all calls: Node warns of more than ten. */
const aborts = new WeakMap<
  AbortSignal,
  { readonly bodies: Set<() => void>; readonly listener: () => void }
>();

/**
 * Runs `body` when the signal aborts, unless what is returned is called before.
 * @internal
 */
export function onAbort(signal: AbortSignal, body: () => void): () => void {
  let entry = aborts.get(signal);
  if (entry === undefined) {
    const bodies = new Set<() => void>();
    const listener = (): void => {
      for (const each of bodies) each();
    };
    entry = { bodies, listener };
    aborts.set(signal, entry);
    signal.addEventListener("abort", listener, { once: true });
  }
  const { bodies, listener } = entry;
  bodies.add(body);
  return () => {
    bodies.delete(body);
    if (bodies.size > 0) return;
    aborts.delete(signal);
    signal.removeEventListener("abort", listener);
  };
}

/**
 * A call of the addon that leaves the event loop free, as a promise.
 * @param start Starts it and returns its number; what it throws rejects the promise.
 * @internal
 */
export function asyncCall(
  start: (addon: Addon, done: Done) => number,
  { signal }: AsyncOptions,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal !== undefined && !(signal instanceof AbortSignal))
      throw argumentError("signal", "an AbortSignal", signal);
    signal?.throwIfAborted();
    let forget = (): void => {};
    const number = call((addon) =>
      start(addon, (code, message) => {
        forget();
        if (code === undefined) resolve();
        else reject(new Llama4RecError(code, message ?? ""));
      }),
    );
    if (signal === undefined) return;
    forget = onAbort(signal, () => {
      forget();
      call((addon) => addon.asyncDrop(number));
      reject(signal.reason);
    });
  });
}
