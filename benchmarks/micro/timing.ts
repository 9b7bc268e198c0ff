import { Bench } from "tinybench";

/** Median seconds of one call of each task; every task ran before anything is timed. */
export async function medianSeconds<Name extends string>(
  tasks: Readonly<Record<Name, () => unknown>>,
  milliseconds = 400,
): Promise<Record<Name, number>> {
  const bench = new Bench({ time: milliseconds, warmupTime: milliseconds / 4, iterations: 5 });
  const names = Object.keys(tasks) as Name[];
  for (const name of names) bench.add(name, () => void tasks[name]());
  await bench.run();
  const medians = {} as Record<Name, number>;
  for (const name of names) {
    const result = bench.getTask(name)?.result;
    if (result?.state !== "completed") throw new Error(`${name}: ${result?.state ?? "did not run"}`);
    medians[name] = result.latency.p50 / 1000;
  }
  return medians;
}

/** Seconds as a person reads them. */
export function duration(seconds: number): string {
  if (seconds < 1e-3) return `${(seconds * 1e6).toFixed(1)} µs`;
  return seconds < 1 ? `${(seconds * 1e3).toFixed(2)} ms` : `${seconds.toFixed(2)} s`;
}
