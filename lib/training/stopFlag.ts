/** Slots of the shared memory. */
const ABORTED = 0;
const WRITING = 1;

/**
 * What a training thread and the one that started it tell each other without messages: that it shall stop, and that it
 * must not be ended just now. Each side sets its own slot before it reads the other's, so that one of them always sees.
 */
export class StopFlag {
  /** What crosses to the other thread. */
  readonly memory: SharedArrayBuffer;
  readonly #slots: Int32Array;

  constructor(memory = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT)) {
    this.memory = memory;
    this.#slots = new Int32Array(memory);
  }

  /** Tells the other thread to stop. */
  abort(): void {
    Atomics.store(this.#slots, ABORTED, 1);
  }

  get aborted(): boolean {
    return Atomics.load(this.#slots, ABORTED) === 1;
  }

  /** Whether the other thread is in the middle of a file and has to be waited for. */
  get writing(): boolean {
    return Atomics.load(this.#slots, WRITING) === 1;
  }

  /** Runs what must not be cut off in the middle, unless the training was aborted before. */
  async whole(body: () => Promise<void>): Promise<void> {
    Atomics.store(this.#slots, WRITING, 1);
    try {
      if (!this.aborted) await body();
    } finally {
      Atomics.store(this.#slots, WRITING, 0);
    }
  }
}
