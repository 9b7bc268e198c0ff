import { Llama4RecError } from "../native/errors.js";
import { attempt, CallCounter } from "./attempt.js";
import { Lanes } from "./lanes.js";
import type { CallOptions, NoAnswer } from "./languageModel.js";

/** The calls of a language model that does as many things at a time as it has lanes: queue, deadlines, counters, disposal. */
export class Calls<Lane> {
  readonly counter: CallCounter;
  readonly #lanes: Lanes<Lane>;
  readonly #running = new Set<AbortController>();
  #disposal: Promise<void> | null = null;

  constructor(lanes: readonly Lane[], counter = new CallCounter()) {
    this.counter = counter;
    this.#lanes = new Lanes(lanes);
  }

  /** @throws Llama4RecError `E_DISPOSED` after {@link Calls.dispose}. */
  ensureOpen(): void {
    if (this.#disposal) throw new Llama4RecError("E_DISPOSED", "language model: used after dispose()");
  }

  /**
   * Does `work` once a lane is free. Its signal fires with the caller's, at the deadline and on disposal.
   *
   * @throws Llama4RecError `E_ARGUMENT`, `E_DISPOSED`; anything else that `work` throws becomes a fault.
   */
  async call<A extends { readonly answered: true }>(
    options: CallOptions,
    work: (signal: AbortSignal, lane: Lane) => Promise<A | NoAnswer>,
  ): Promise<A | NoAnswer> {
    this.ensureOpen();
    const controller = new AbortController();
    this.#running.add(controller);
    const onLane = (signal: AbortSignal): Promise<A | NoAnswer> =>
      this.#lanes.run(async (lane) => {
        signal.throwIfAborted();
        return work(signal, lane);
      });
    try {
      return this.counter.count(await attempt(options, onLane, controller));
    } finally {
      this.#running.delete(controller);
    }
  }

  /** Refuses further calls and frees the model after the running ones, whose signals fire. Twice is fine. */
  dispose(free: () => Promise<void>): Promise<void> {
    if (this.#disposal === null) {
      this.#disposal = this.#lanes.drain().then(free);
      const reason = new DOMException("the language model was disposed", "AbortError");
      for (const controller of this.#running) controller.abort(reason);
    }
    return this.#disposal;
  }
}
