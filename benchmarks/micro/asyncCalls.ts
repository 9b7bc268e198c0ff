import { Catalogue } from "../../lib/native/catalogue.js";
import { Parameter } from "../../lib/native/parameter.js";
import { medianSeconds } from "./timing.js";

const dimension = 64;
const k = 10;

/** What an asynchronous call costs, and what it spares the event loop. */
export interface AsyncCallFigures {
  /** Of one awaited call over a synchronous one: one query against 10,000 items of 64 numbers, medians. */
  readonly overheadMicroseconds: number;
  /**
   * Longest time the event loop stood still while 32 queries ran against a million items: the least of 20 calls, since what
   * a call blocks shows in each of them and what other processes take does not.
   */
  readonly longestGapMs: number;
  /** That call done synchronously: the gap it would leave. */
  readonly syncMs: number;
}

function catalogueOf(items: number): Catalogue {
  using table = new Parameter("items", items, dimension);
  return new Catalogue(table.fillNormal(1, 1, 0).read(), { dimension });
}

function queriesOf(count: number): Float32Array {
  using table = new Parameter("queries", count, dimension);
  return table.fillNormal(1, 2, 0).read();
}

/**
 * How much later than due a timer of one millisecond came at worst, from before `body` until its promise is settled. A loop
 * that never rests would measure how the system shares cores among busy threads instead.
 */
async function longestGap(body: () => Promise<unknown>): Promise<number> {
  let longest = 0;
  let due = performance.now() + 1;
  const interval = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - due);
    due = now + 1;
  }, 1);
  await body();
  clearInterval(interval);
  return Math.max(longest, performance.now() - due);
}

/** Overhead and event-loop gap of asynchronous top-k calls, on a catalogue that fits the caches and on one that does not. */
export async function asyncCallFigures(): Promise<AsyncCallFigures> {
  const query = queriesOf(1);
  const batch = queriesOf(32);
  using small = catalogueOf(10_000);
  using large = catalogueOf(1_000_000);

  const sync = (await medianSeconds({ sync: () => small.topK(query, { k }) })).sync;
  const times: number[] = [];
  for (let call = 0; call < 2000; call++) {
    const start = performance.now();
    await small.topKAsync(query, { k });
    times.push(performance.now() - start);
  }
  const median = times.slice(200).sort((a, b) => a - b)[Math.floor((times.length - 200) / 2)];

  const syncMs = 1e3 * (await medianSeconds({ sync: () => large.topK(batch, { k }) })).sync;
  const gaps: number[] = [];
  for (let call = 0; call < 20; call++) gaps.push(await longestGap(() => large.topKAsync(batch, { k })));
  return { overheadMicroseconds: 1e3 * median - 1e6 * sync, longestGapMs: Math.min(...gaps), syncMs };
}
