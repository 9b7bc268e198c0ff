/**
 * `npm run bench -- service`: the recommender behind HTTP, in a process of its own, with load from this one.
 */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import autocannon from "autocannon";
import { Random } from "../../lib/data/random.js";
import { saveService, serviceSizes, serviceText } from "./folder.js";
import { closedLoad, openLoad, percentile } from "./inlineLoad.js";
import type { Ask } from "./server.js";

/** What the benchmark gives with `--json`; times in milliseconds. */
export interface ServiceResults {
  readonly conventional: { readonly perSecond: number; readonly p50: number; readonly p99: number };
  readonly constantRoute: { readonly perSecond: number };
  readonly mixed: {
    readonly conventionalPerSecond: number;
    readonly conventionalP99: number;
    readonly inlineP99: number;
    readonly refined: number;
    readonly offered: number;
    readonly lost: number;
  };
  readonly overload: {
    readonly offeredPerSecond: number;
    readonly capacityPerSecond: number;
    readonly refinedPerSecond: number;
    readonly p99: number;
    readonly lost: number;
  };
  /** The worst of all phases. */
  readonly eventLoopP99: number;
}

/** Connections of the load, and milliseconds of inline requests. */
const connections = 12;
const deadlineMs = 30;

const random = new Random(7);
const known = (): number => random.below(serviceSizes.users);
/** A history that nobody had before. */
const fresh = (): number[] =>
  Array.from({ length: 5 + random.below(40) }, () => random.below(serviceSizes.items));
const conventionalBody = (): string => JSON.stringify({ user: known(), k: 10 });
const inlineBody = (whom: object): string => JSON.stringify({ ...whom, k: 10, mode: "inline", deadlineMs });

/** Posts bodies in turns, as many as are answered. */
async function load(port: number, seconds: number): Promise<autocannon.Result> {
  const bodies = Array.from({ length: 2000 }, conventionalBody);
  return autocannon({
    url: `http://127.0.0.1:${port}/recommend`,
    ...{ connections, duration: seconds },
    requests: bodies.map((body) => ({
      method: "POST" as const,
      headers: { "content-type": "application/json" },
      body,
    })),
  });
}

/** All phases one after the other, each with the lateness of the event loop in it. */
async function measure(port: number, child: ChildProcess, scale: number): Promise<ServiceResults> {
  const delays: number[] = [];
  const ask = async (what: Ask): Promise<unknown> => {
    child.send(what);
    return (await once(child, "message"))[0];
  };
  const phase = async <T>(work: () => Promise<T>): Promise<T> => {
    await ask("delay");
    const result = await work();
    delays.push(Number(await ask("delay")));
    return result;
  };
  await load(port, 2); // both sides are compiled by now
  await closedLoad(port, { callers: 2, seconds: 2, body: () => inlineBody({ history: fresh() }) });

  const constant = await phase(() =>
    autocannon({ url: `http://127.0.0.1:${port}/constant`, connections, duration: 5 * scale }),
  );
  const conventional = await phase(() => load(port, 10 * scale));
  const seconds = 10 * scale;
  const returning = Array.from({ length: 50 }, known);
  const [beside, inline] = await phase(() =>
    Promise.all([
      openLoad(port, { perSecond: 1000, seconds, body: conventionalBody }),
      openLoad(port, {
        ...{ perSecond: 30, seconds },
        body: (n) =>
          inlineBody(n % 3 === 0 ? { history: fresh() } : { user: returning[n % returning.length] }),
      }),
    ]),
  );
  const capacity = await closedLoad(port, {
    ...{ callers: 3, seconds: 5 * scale },
    body: () => JSON.stringify({ history: fresh(), k: 10, mode: "inline", deadlineMs: 1000 }),
  });
  const overload = await phase(() =>
    openLoad(port, { perSecond: 1000, seconds, body: () => inlineBody({ history: fresh() }) }),
  );
  const refinedOf = (answered: readonly { refined: boolean }[]): number =>
    answered.filter(({ refined }) => refined).length;
  const times = (answered: readonly { milliseconds: number }[]): number[] =>
    answered.map(({ milliseconds }) => milliseconds);
  return {
    conventional: {
      perSecond: conventional.requests.average,
      p50: conventional.latency.p50,
      p99: conventional.latency.p99,
    },
    constantRoute: { perSecond: constant.requests.average },
    mixed: {
      conventionalPerSecond: beside.answered.length / seconds,
      conventionalP99: percentile(times(beside.answered), 0.99),
      inlineP99: percentile(times(inline.answered), 0.99),
      refined: refinedOf(inline.answered.filter(({ milliseconds }) => milliseconds <= deadlineMs + 5)),
      offered: inline.offered,
      lost: inline.lost + beside.lost,
    },
    overload: {
      offeredPerSecond: overload.offered / seconds,
      capacityPerSecond: refinedOf(capacity.answered) / (5 * scale),
      refinedPerSecond: refinedOf(overload.answered) / seconds,
      p99: percentile(times(overload.answered), 0.99),
      lost: overload.lost,
    },
    eventLoopP99: Math.max(...delays),
  };
}

const table = ({ conventional, constantRoute, mixed, overload, eventLoopP99 }: ServiceResults): string =>
  [
    `conventional        ${conventional.perSecond.toFixed(0)} a second, p50 ${conventional.p50} ms, p99 ${conventional.p99} ms (goal: 5,000 at 5 ms)`,
    `a constant          ${constantRoute.perSecond.toFixed(0)} a second`,
    `mixed, conventional ${mixed.conventionalPerSecond.toFixed(0)} a second, p99 ${mixed.conventionalP99.toFixed(1)} ms (goal: 10)`,
    `mixed, inline       ${mixed.refined} of ${mixed.offered} refined in time (goal: 90 %), p99 ${mixed.inlineP99.toFixed(1)} ms (goal: 35), ${mixed.lost} lost`,
    `overload            ${overload.refinedPerSecond.toFixed(0)} refined a second of ${overload.offeredPerSecond.toFixed(0)} offered, capacity ${overload.capacityPerSecond.toFixed(0)} (goal: 80 %), p99 of all ${overload.p99.toFixed(1)} ms, ${overload.lost} lost`,
    `event loop          p99 ${eventLoopP99.toFixed(1)} ms late (goal: 5)`,
  ].join("\n");

/** Runs the benchmark. @param json Whether to print one JSON document instead of a table. */
export async function runService(json: boolean, scale = 1): Promise<ServiceResults> {
  const path = await mkdtemp(join(tmpdir(), "llama4rec-service-"));
  try {
    if (!json) console.log(`${serviceText}; load from a second process on loopback`);
    const folder = await saveService(path);
    const child = fork(fileURLToPath(new URL("./server.js", import.meta.url)), [folder]);
    try {
      const [port] = await once(child, "message");
      const results = await measure(Number(port), child, scale);
      console.log(json ? JSON.stringify(results, null, 2) : table(results));
      child.send("close" satisfies Ask);
      await once(child, "exit");
      return results;
    } finally {
      child.kill("SIGKILL");
    }
  } finally {
    await rm(path, { recursive: true, force: true });
  }
}
