/** What an asynchronous call costs, and what it spares the event loop. */

import { Catalogue } from "../../lib/native/catalogue.js";
import type { Part } from "./part.js";
import { normalTable } from "./random.js";
import { allowed } from "./row.js";
import { race, timingOf } from "./timing.js";

const dimension = 64;
const k = 10;

/** Calls whose gaps are looked at. */
const calls = 20;

/**
 * How much later than due a timer of one millisecond came at worst, in seconds, from before `body` until its promise is
 * settled. A loop that never rests would measure how the system shares cores among busy threads instead.
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
  return Math.max(longest, performance.now() - due) / 1000;
}

/** One query of 10,000 items, and the gap that 32 queries of a million leave: at best of several, since other work adds to it. */
export const asyncCalls: Part = async (bench) => {
  const queries = normalTable(32, dimension, 2);
  const one = queries.subarray(0, dimension);
  using small = new Catalogue(normalTable(10_000, dimension, 1), { dimension });
  const times = await race(
    { sync: () => small.topK(one, { k }), async: () => small.topKAsync(one, { k }) },
    bench.race,
  );
  using large = new Catalogue(normalTable(1_000_000, dimension, 1), { dimension });
  await large.topKAsync(queries, { k });
  const gaps: number[] = [];
  for (let call = 0; call < calls; call++) gaps.push(await longestGap(() => large.topKAsync(queries, { k })));
  const gap = timingOf(gaps, 0);
  return [
    {
      name: "top-10 of 10k awaited, one query",
      unit: "s",
      ours: times.async,
      limit: { name: "the same call made at once", seconds: times.sync.median },
    },
    allowed(
      "event loop's longest gap in 32 queries of 1M awaited, best of 20",
      { ...gap, median: gap.best },
      1e-3,
    ),
  ];
};
