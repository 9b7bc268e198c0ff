import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { generateShop } from "../../lib/data/shop/index.js";
import { split } from "../../lib/data/split.js";
import { train } from "../../lib/training/train.js";

/** Milliseconds between two looks at the event loop. What is reported is what comes on top of them. */
const resolution = 1;

/** Delay of this thread's event loop while `body` runs, in milliseconds. */
async function delayDuring(body: () => Promise<unknown>): Promise<{ p99: number; max: number }> {
  const histogram = monitorEventLoopDelay({ resolution });
  histogram.enable();
  await body();
  histogram.disable();
  const milliseconds = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - resolution);
  return { p99: milliseconds(histogram.percentile(99)), max: milliseconds(histogram.max) };
}

/** How long this thread's event loop is held up while a backbone trains and validates in a worker, and while nothing happens. */
export async function eventLoopLine(backbone: string, epochs: number): Promise<string> {
  const parts = split(generateShop({ users: 6000, items: 3700, interactions: 500_000 }));
  parts.train.sortedItems(); // made here, not counted
  const idle = await delayDuring(() => sleep(2000));
  const start = performance.now();
  const training = await delayDuring(async () => {
    const { ranker } = await train({
      backbone,
      view: parts.train,
      hyperparameters: { epochs },
      seed: 1,
      validation: { heldOut: parts.validation },
    });
    ranker.dispose();
  });
  const seconds = (performance.now() - start) / 1000;
  const text = ({ p99, max }: { p99: number; max: number }): string =>
    `p99 ${p99.toFixed(2)} ms, longest ${max.toFixed(1)} ms`;
  return (
    `Event loop of the caller while ${backbone} trains in a worker for ${seconds.toFixed(0)} s on ` +
    `${parts.train.interactionCount.toLocaleString("en")} interactions (start and validation included): ` +
    `${text(training)}; idle: ${text(idle)}`
  );
}
