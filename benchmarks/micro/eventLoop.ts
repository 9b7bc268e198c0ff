/** How long the caller's event loop is held up while work runs elsewhere. */

import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { generateShop } from "../../lib/data/shop/index.js";
import { type Split, split } from "../../lib/data/split.js";
import { train } from "../../lib/training/train.js";
import type { Part } from "./part.js";
import type { Work } from "./row.js";
import type { Timing } from "./timing.js";

/** Training with validation in a worker, its start included. */
export const eventLoop: Part = async () => {
  const parts = split(generateShop({ users: 3000, items: 3700, interactions: 200_000 }));
  parts.train.sortedItems(); // made here, not counted
  return [await delay(parts, "MF", 20), await delay(parts, "SASRec", 1)];
};

/** Milliseconds between two looks at the event loop. What is reported is what comes on top of them. */
const resolution = 1;

/** Delay of this thread's event loop while `body` runs; `cpu` is that of the process in all. */
async function delayDuring(body: () => Promise<unknown>): Promise<Timing> {
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

/** The 99th percentile of the delay of this thread's event loop while a worker trains, beside an idle one. */
async function delay(parts: Split, backbone: string, epochs: number): Promise<Work> {
  const idle = await delayDuring(() => sleep(2000));
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
  return {
    name: `event loop's delay while ${backbone} trains in a worker, p99`,
    unit: "s",
    ours: { ...training, median: training.p99 },
    limit: { name: "its delay while idle", seconds: idle.p99 },
  };
}
