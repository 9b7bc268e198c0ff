import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Timing } from "./timing.js";

/** Milliseconds between two looks at the event loop. What is reported is what comes on top of them. */
const resolution = 1;

/** Delay of this thread's event loop while `body` runs; `cpu` is that of the process in all. */
export async function delayDuring(body: () => Promise<unknown>): Promise<Timing> {
  const histogram = monitorEventLoopDelay({ resolution });
  const start = process.cpuUsage();
  histogram.enable();
  await body();
  histogram.disable();
  const { user, system } = process.cpuUsage(start);
  const seconds = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e9 - resolution / 1000);
  return {
    median: seconds(histogram.percentile(50)),
    best: seconds(histogram.min),
    p99: seconds(histogram.percentile(99)),
    cpu: (user + system) / 1e6,
  };
}
