/** Times the steps of a training that is stopped when enough of them are done. */

import type { StepReport } from "../../lib/training/options.js";
import { type Timing, timingOf } from "./timing.js";

/** What a training is started with. */
export interface Hooks {
  readonly onStep: (report: StepReport) => void;
  readonly signal: AbortSignal;
}

/** Of one step, sampling, optimizer and the ends of epochs included. */
export interface StepTimes {
  readonly timing: Timing;
  /** Steps of an epoch. */
  readonly batches: number;
}

/** Share of the time that warms caches and the arena. */
const WARM_UP = 0.2;

/**
 * @param run Starts a training of more epochs than it will come to; what it rejects with after the abort is expected.
 * @param seconds Of timed steps.
 */
export async function timeSteps(
  run: (hooks: Hooks) => Promise<unknown>,
  seconds: number,
): Promise<StepTimes> {
  const controller = new AbortController();
  const start = performance.now();
  const times: number[] = [];
  let from: Mark | null = null; // where the timed steps begin
  let last: Mark | null = null;
  let batches = 0;
  const onStep = (report: StepReport): void => {
    const mark = markOf(report.step);
    batches = report.batches;
    if (from === null) {
      if (mark.wall - start < WARM_UP * seconds * 1000) return;
      from = mark;
    } else if (last !== null) times.push((mark.wall - last.wall) / 1000 / (mark.steps - last.steps));
    last = mark;
    if (mark.wall - from.wall > seconds * 1000 && times.length >= 3) controller.abort();
  };
  await run({ onStep, signal: controller.signal }).catch((error: unknown) => {
    if (!controller.signal.aborted) throw error;
  });
  return { timing: timingOf(times, cpuBetween(from, last)), batches };
}

/** Where a training was at some time. */
interface Mark {
  readonly steps: number;
  readonly wall: number;
  /** Microseconds of all threads. */
  readonly cpu: number;
}

function markOf(steps: number): Mark {
  const { user, system } = process.cpuUsage();
  return { steps, wall: performance.now(), cpu: user + system };
}

function cpuBetween(from: Mark | null, to: Mark | null): number {
  if (from === null || to === null || from.steps === to.steps)
    throw new Error("expected steps to time, the training ended before");
  return (to.cpu - from.cpu) / 1e6 / (to.steps - from.steps);
}
