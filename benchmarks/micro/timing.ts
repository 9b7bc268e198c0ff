/** Calls timed in turns: what else runs on the machine then hits all of them alike. */

/** Seconds of one call. */
export interface Timing {
  readonly median: number;
  /** The fastest call: one that nothing interrupted. */
  readonly best: number;
  readonly p99: number;
  /** CPU time of all threads of the process, mean. */
  readonly cpu: number;
}

/** How long {@link race} goes on. */
export interface RaceOptions {
  /** Seconds of timed calls of each task, less where the first call shows that few fit. */
  readonly seconds?: number;
  /** Turns of each task. */
  readonly rounds?: number;
}

/** A call: native work, or a promise of a rival that runs its own thread. */
export type Task = () => unknown;

/** Fewest turns: what is slow is timed at least so often. */
const FEWEST_ROUNDS = 3;

/**
 * Times every task in turns of `seconds / rounds`. The first call of a turn is not timed: it brings back into the caches
 * what the others pushed out. A call longer than its turn fills the caches by itself and is timed at once.
 */
export async function race<Name extends string>(
  tasks: Readonly<Record<Name, Task>>,
  { seconds = 0.5, rounds = 10 }: RaceOptions = {},
): Promise<Record<Name, Timing>> {
  const runners = (Object.keys(tasks) as Name[]).map((name) => new Runner(name, tasks[name]));
  const turn = seconds / rounds;
  let longest = 0;
  for (const runner of runners) longest = Math.max(longest, await runner.warmUp());
  const most = Math.max(FEWEST_ROUNDS, Math.min(rounds, Math.ceil((4 * seconds) / longest)));
  for (let round = 0; round < most; round++) {
    for (const runner of runners) await runner.turn(turn);
    runners.push(...runners.splice(0, 1)); // nobody is always first
  }
  return Object.fromEntries(runners.map((runner) => [runner.name, runner.timing()])) as Record<Name, Timing>;
}

/** A task with the times of its calls. */
class Runner<Name extends string> {
  readonly #times: number[] = [];
  #cpu = 0;
  #first = 0;

  constructor(
    readonly name: Name,
    readonly task: Task,
  ) {}

  /** Seconds of a call after the first, which also sets things up. */
  async warmUp(): Promise<number> {
    await this.#call();
    this.#first = await this.#call();
    return this.#first;
  }

  async turn(seconds: number): Promise<void> {
    if (this.#first < seconds) await this.#call();
    const cpu = process.cpuUsage();
    const end = performance.now() + seconds * 1000;
    do this.#times.push(await this.#call());
    while (performance.now() < end);
    const { user, system } = process.cpuUsage(cpu);
    this.#cpu += (user + system) / 1e6;
  }

  timing(): Timing {
    return timingOf(this.#times, this.#cpu / this.#times.length);
  }

  /** What returns no promise is not awaited, which would cost it a turn of the microtask queue. */
  #call(): number | Promise<number> {
    const start = performance.now();
    const result = this.task();
    if (result instanceof Promise) return result.then(() => (performance.now() - start) / 1000);
    return (performance.now() - start) / 1000;
  }
}

/** @param times Seconds of each call, at least one. */
export function timingOf(times: readonly number[], cpu: number): Timing {
  const sorted = Float64Array.from(times).sort();
  const quantile = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return { median: quantile(0.5), best: sorted[0], p99: quantile(0.99), cpu };
}

/** Of a part of the work, where a call does `count` of them. */
export function perOne({ median, best, p99, cpu }: Timing, count: number): Timing {
  return { median: median / count, best: best / count, p99: p99 / count, cpu: cpu / count };
}

/** Seconds as a person reads them. */
export function duration(seconds: number): string {
  if (seconds < 1e-6) return `${(seconds * 1e9).toFixed(0)} ns`;
  if (seconds < 1e-3) return `${(seconds * 1e6).toFixed(1)} µs`;
  return seconds < 1 ? `${(seconds * 1e3).toFixed(2)} ms` : `${seconds.toFixed(2)} s`;
}
