/** Runs work on a fixed number of lanes, one work a lane at a time, in the order it was asked for. */
export class Lanes<Lane> {
  readonly #count: number;
  /** The lane that came free last is taken first. */
  readonly #free: Lane[];
  readonly #waiting: ((lane: Lane) => void)[] = [];

  constructor(lanes: readonly Lane[]) {
    this.#count = lanes.length;
    this.#free = [...lanes];
  }

  /** Resolves or rejects as `work` does, once a lane is free. */
  async run<T>(work: (lane: Lane) => Promise<T>): Promise<T> {
    const lane = this.#free.pop() ?? (await new Promise<Lane>((resolve) => this.#waiting.push(resolve)));
    try {
      return await work(lane);
    } finally {
      const next = this.#waiting.shift();
      if (next) next(lane);
      else this.#free.push(lane);
    }
  }

  /** Resolves when everything asked for before has finished. */
  async drain(): Promise<void> {
    let taken = 0;
    let release: (() => void) | undefined;
    const all = new Promise<void>((resolve) => {
      release = resolve;
    });
    const wait = (): Promise<void> => {
      if (++taken === this.#count) release?.();
      return all;
    };
    await Promise.all(Array.from({ length: this.#count }, () => this.run(wait)));
  }
}
