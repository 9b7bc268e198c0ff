/** What a call costs beside its work. */

import { native } from "../../lib/native/addon.js";
import { Catalogue } from "../../lib/native/catalogue.js";
import { asyncCalls } from "./asyncCalls.js";
import { eventLoop } from "./eventLoop.js";
import type { Part, Parts } from "./part.js";
import { allowed } from "./row.js";
import { start } from "./start.js";
import { perOne, race } from "./timing.js";

/** Calls timed as one: the clock is too coarse for a single one. */
const calls = 1000;

/** Into the engine and back, with next to no work. */
const binding: Part = async (bench) => {
  using catalogue = new Catalogue(Float32Array.of(1), { dimension: 1 });
  const query = Float32Array.of(1);
  const into = catalogue.topK(query, { k: 1 });
  const addon = native();
  const repeated = (body: () => unknown) => (): void => {
    for (let i = 0; i < calls; i++) body();
  };
  const times = await race(
    { cross: repeated(() => addon.threads()), topK: repeated(() => catalogue.topK(query, { k: 1, into })) },
    bench.race,
  );
  return [
    allowed("into the engine and back", perOne(times.cross, calls), 1e-6),
    allowed("top-1 of 1 item into reused arrays", perOne(times.topK, calls), 1e-6),
  ];
};

export const callParts: Parts = {
  "calls/binding": binding,
  "calls/async": asyncCalls,
  "calls/start": start,
  "calls/event-loop": eventLoop,
};
