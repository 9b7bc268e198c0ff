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
  readonly peers: readonly SearchPeer[];
  /** In float64 by query, where they were needed. */
  readonly scores: Map<number, Float64Array>;
  /** "10k items" */
  readonly text: string;
}

export const topKParts: Parts = {
  "topk/10k/single": single(10_000, "10k items"),
  "topk/10k/batch": batches(10_000, "10k items"),
  "topk/100k/single": single(100_000, "100k items"),
  "topk/100k/batch": batches(100_000, "100k items"),
  "topk/1M/single": single(1_000_000, "1M items"),
  "topk/1M/batch": batches(1_000_000, "1M items"),
};

/** One query at a time: all rivals. */
function single(count: number, text: string): Part {
  return overTable(count, text, [openOnnxSearch, openUsearch, openHnswlib], async (search) => [
    await oneQuery(search),
  ]);
}

/** Batches: the rival that gains from them. The others take as long as for their queries one by one. */
function batches(count: number, text: string): Part {
  return overTable(count, text, [openOnnxSearch], async (search) => {
    const works: Work[] = [];
    for (const k of [10, 100]) for (const size of [32, 256]) works.push(await batch(search, { k, size }));
    return works;
  });
}

/** Opens a table with its rivals, and closes them. */
function overTable(
  count: number,
  text: string,
  opens: readonly OpenPeer[],
  body: (search: Search) => Promise<Work[]>,
): Part {
  return async (bench) => {
    const items = normalTable(count, d, 42);
    const queries = normalTable(256, d, 43);
    const peers: SearchPeer[] = [];
    try {
      for (const open of opens) {
        const peer = await open(items, d, bench.machine.threads);
        if ("missing" in peer) bench.note(peer.missing);
        else peers.push(peer);
      }
      using catalogue = new Catalogue(items, { dimension: d });
      return await body({ bench, items, queries, catalogue, peers, scores: new Map(), text });
    } finally {
      for (const peer of peers) await peer.close();
    }
  };
}

/** One query: against the rivals, and against reading the float32 table once. */
async function oneQuery(search: Search): Promise<Work> {
  const { items, bench, text } = search;
  const rates: number[] = [];
  const { threads } = bench.machine;
  const times = await timed(search, { k: 10, size: 1 }, () =>
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
  const { multiplyBytes } = bench.machine.limits;
  return {
    name: `top-${k} of ${text}, ${size} queries`,
    ...(await timed(search, asked)),
    limit: { name: "int8 multiply limit", seconds: (2 * items.length * size) / multiplyBytes / 1e9 },
    goals: { peer: k === 10 ? 3 : 4 },
  };
}

interface Asked {
  readonly k: number;
  readonly size: number;
}

/** Checks everybody's answers, then times them in turns; `probe` takes its turn too. */
async function timed(search: Search, { k, size }: Asked, probe?: Task): Promise<Duel> {
  const { catalogue, bench, peers } = search;
  const queries = search.queries.subarray(0, size * d);
  await check(search, { k, size });
  const into = catalogue.topK(queries, { k });
  const rivals = peers.map((peer) => [peer.name, () => peer.search(queries, k)] as const);
  return duel(() => catalogue.topK(queries, { k, into }), new Map(rivals), bench.race, probe);
}

async function check(search: Search, { k, size }: Asked): Promise<void> {
  const { catalogue, queries, peers, text } = search;
  const asked = queries.subarray(0, size * d);
  const ours = catalogue.topK(asked, { k });
  const theirs: ArrayLike<number | bigint>[] = [];
  for (const peer of peers) theirs.push(await peer.search(asked, k));
  for (const row of CHECKED.filter((checked) => checked < size)) {
    const scores = scoresOfQuery(search, row);
    const best = bestOf(scores, k);
    checkSame(`llama4rec, ${text}, query ${row}`, topKRow(ours, row), best);
    for (const [n, { name }] of peers.entries()) {
      const found = Array.from(theirs[n], Number).slice(row * k, (row + 1) * k);
      checkClose(`${name}, ${text}, query ${row}`, found, { best, scores, tolerance: TOLERANCE });
    }
  }
}

function scoresOfQuery({ items, queries, scores }: Search, row: number): Float64Array {
  const known = scores.get(row) ?? scoresOf(items, queries.subarray(row * d, (row + 1) * d));
  scores.set(row, known);
  return known;
}
