/** Progress of {@link runExperiment}. */
export interface StageProgress {
  /** What is being done, for a person: "train MF, seed 1". */
  readonly stage: string;
  /** Steps done of this stage. */
  readonly done: number;
  /** Steps that this stage may take. */
  readonly total: number;
  /** A few words beside the bar. */
  readonly note?: string;
}

/** Wall-clock seconds by stage, and where progress is told. */
export class StageClock {
  readonly #stages: Record<string, number> = {};
  readonly #start = performance.now();

  constructor(readonly report: (progress: StageProgress) => void) {}

  /** Runs a stage and adds its seconds to those of the same name. */
  async time<T>(stage: string, body: () => T | Promise<T>): Promise<T> {
    const from = performance.now();
    const result = await body();
    this.#stages[stage] = (this.#stages[stage] ?? 0) + (performance.now() - from) / 1000;
    return result;
  }

  /** Seconds by stage and since the clock was made. */
  finish(): { stages: Readonly<Record<string, number>>; total: number } {
    return { stages: this.#stages, total: (performance.now() - this.#start) / 1000 };
  }
}
