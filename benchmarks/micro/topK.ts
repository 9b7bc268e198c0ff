/** Exact top-k by inner product over tables of 64 columns. */

import { Catalogue, topKRow } from "../../lib/native/catalogue.js";
import type { OpenPeer, SearchPeer } from "../peers/search.js";
import { openHnswlib, openOnnxSearch, openUsearch } from "../peers/search.js";
import { type Duel, duel } from "./duel.js";
import { readRate } from "./machine.js";
import type { Bench, Part, Parts } from "./part.js";
import { normalTable } from "./random.js";
import { bestOf, checkClose, checkSame, scoresOf } from "./reference.js";
import type { Work } from "./row.js";
import type { Task } from "./timing.js";

const d = 64;
/** Queries of the largest batch that are checked: more would take longer than what is measured. */
const CHECKED = [0, 1, 31, 100, 255];
/** Of float32 products of 64 terms, far above what rounding does. */
const TOLERANCE = 1e-5;

/** A table with its queries and what opened over it. */
interface Search {
  readonly bench: Bench;
  readonly items: Float32Array;
  readonly queries: Float32Array;
  readonly catalogue: Catalogue;
  /** "10k items" */
  readonly text: string;
}

export const topKParts: Parts = {
  "topk/10k": part(10_000, "10k items"),
  "topk/100k": part(100_000, "100k items"),
  "topk/1M": part(1_000_000, "1M items"),
};

function part(count: number, text: string): Part {
  return async (bench) => {
    const items = normalTable(count, d, 42);
    const queries = normalTable(256, d, 43);
    using catalogue = new Catalogue(items, { dimension: d });
    const search = { bench, items, queries, catalogue, text };
    return await withPeers(await opened(search, [openOnnxSearch]), async (onnx) => {
      // The others gain nothing from a batch, so that they are asked one query at a time only.
      const others = await opened(search, [openUsearch, openHnswlib]);
      const works = [await withPeers(others, () => single(search, [...onnx, ...others]))];
      for (const k of [10, 100])
        for (const size of [32, 256]) works.push(await batch(search, { k, size, peers: onnx }));
      return works;
    });
  };
}

async function opened({ bench, items }: Search, opens: readonly OpenPeer[]): Promise<SearchPeer[]> {
  const peers: SearchPeer[] = [];
  for (const open of opens) {
    const peer = await open(items, d, bench.machine.threads);
    if ("missing" in peer) bench.note(peer.missing);
    else peers.push(peer);
  }
  return peers;
}

async function withPeers<T>(
  peers: readonly SearchPeer[],
  body: (peers: readonly SearchPeer[]) => Promise<T>,
): Promise<T> {
  try {
    return await body(peers);
  } finally {
    for (const peer of peers) await peer.close();
  }
}

/** One query: against the rivals, and against reading the float32 table once. */
async function single(search: Search, peers: readonly SearchPeer[]): Promise<Work> {
  const { items, bench, text } = search;
  const rates: number[] = [];
  const { threads } = bench.machine;
  const times = await timed(search, { k: 10, size: 1, peers }, () =>
    rates.push(readRate(items.byteLength, threads)),
  );
  const rate = rates.sort((a, b) => a - b)[rates.length >> 1];
  return {
    name: `top-10 of ${text}, 1 query`,
    ...times,
    limit: { name: "float32 read limit", seconds: items.byteLength / rate / 1e9 },
    goals: { peer: 5, limit: 2.5 },
  };
}

async function batch(search: Search, asked: Asked): Promise<Work> {
  const { items, bench, text } = search;
  const { k, size } = asked;
  const { fma } = bench.machine.limits;
  return {
    name: `top-${k} of ${text}, ${size} queries`,
    ...(await timed(search, asked)),
    limit: { name: "float32 FMA limit", seconds: (2 * items.length * size) / fma / 1e9 },
    goals: { peer: k === 10 ? 3 : 4 },
  };
}

interface Asked {
  readonly k: number;
  readonly size: number;
  readonly peers: readonly SearchPeer[];
}

/** Checks everybody's answers, then times them in turns; `probe` takes its turn too. */
async function timed(search: Search, { k, size, peers }: Asked, probe?: Task): Promise<Duel> {
  const { catalogue, bench } = search;
  const queries = search.queries.subarray(0, size * d);
  const into = catalogue.topK(queries, { k });
  await check(search, { k, size, peers });
  const rivals = peers.map((peer) => [peer.name, () => peer.search(queries, k)] as const);
  return duel(() => catalogue.topK(queries, { k, into }), new Map(rivals), bench.race, probe);
}

async function check({ catalogue, items, queries, text }: Search, { k, size, peers }: Asked): Promise<void> {
  const asked = queries.subarray(0, size * d);
  const ours = catalogue.topK(asked, { k });
  const theirs = await Promise.all(peers.map((peer) => peer.search(asked, k)));
  for (const row of CHECKED.filter((row) => row < size)) {
    const scores = scoresOf(items, queries.subarray(row * d, (row + 1) * d));
    const best = bestOf(scores, k);
    checkSame(`llama4rec, ${text}, query ${row}`, topKRow(ours, row), best);
    for (const [n, { name }] of peers.entries()) {
      const found = Array.from(theirs[n], Number).slice(row * k, (row + 1) * k);
      checkClose(`${name}, ${text}, query ${row}`, found, { best, scores, tolerance: TOLERANCE });
    }
  }
}
