import test from "ava";
import { Random } from "../../../lib/data/random.js";
import { type ViewOptions, viewsOf } from "../../../lib/models/sequential/sequenceViews.js";
import type { Tokens } from "../../../lib/models/sequential/transformer.js";

const maskToken = 1000;
const last = 19;
const off = { crop: 0, mask: 0, reorder: 0, maskToken, last };

/** Sequences of 1 to 20 items, which count up from 100 times the sequence. */
const lists = Array.from({ length: 20 }, (_, s) => Array.from({ length: s + 1 }, (_, t) => 30 * s + t));
const batch: Tokens = {
  offsets: Int32Array.from({ length: 21 }, (_, s) => (s * (s + 1)) / 2),
  inputs: Int32Array.from(lists.flat()),
  positions: new Int32Array(210),
};

/** Both views of each sequence, after a check of their positions. */
function views(options: Partial<ViewOptions>, seed = 1): number[][][] {
  const { offsets, inputs, positions } = viewsOf(batch, { ...off, ...options }, new Random(seed));
  const rows = Array.from({ length: 40 }, (_, row) => {
    const [begin, end] = [offsets[row], offsets[row + 1]];
    for (let t = begin; t < end; t++)
      if (positions[t] !== last - (end - 1 - t)) throw new Error(`position ${positions[t]} at ${t}`);
    return [...inputs.subarray(begin, end)];
  });
  return lists.map((_, s) => [rows[s], rows[20 + s]]);
}

const sorted = (items: readonly number[]): number[] => [...items].sort((a, b) => a - b);

test("a crop is one stretch of half the sequence, at least one item, anywhere in it", (t) => {
  const begins = new Set<number>();
  for (let seed = 0; seed < 60; seed++)
    for (const [s, both] of views({ crop: 0.5 }, seed).entries())
      for (const view of both) {
        t.is(view.length, Math.max(1, Math.floor((s + 1) / 2)));
        t.deepEqual(
          view,
          Array.from(view, (_, i) => view[0] + i),
          "one stretch",
        );
        t.true(lists[s].includes(view[0]) && lists[s].includes(view[view.length - 1]));
        if (s === 19) begins.add(view[0] - lists[s][0]);
      }
  t.deepEqual(
    sorted([...begins]),
    Array.from({ length: 11 }, (_, i) => i),
  );
});

test("a mask hides its share of the items, each place as likely as another", (t) => {
  const times = new Array<number>(20).fill(0);
  for (let seed = 0; seed < 100; seed++)
    for (const [s, both] of views({ mask: 0.3 }, seed).entries())
      for (const view of both) {
        const hidden = view.flatMap((item, place) => (item === maskToken ? [place] : []));
        t.is(hidden.length, Math.floor(0.3 * (s + 1)));
        t.deepEqual(
          view.map((item, place) => (item === maskToken ? lists[s][place] : item)),
          lists[s],
        );
        if (s === 19) for (const place of hidden) times[place]++;
      }
  for (const count of times) t.true(Math.abs(count / 200 - 0.3) < 0.12, `${count} of 200`);
});

test("reordering shuffles one stretch and leaves the rest", (t) => {
  let moved = 0;
  for (let seed = 0; seed < 40; seed++)
    for (const [s, both] of views({ reorder: 0.4 }, seed).entries())
      for (const view of both) {
        t.deepEqual(sorted(view), lists[s]);
        const changed = view.flatMap((item, place) => (item === lists[s][place] ? [] : [place]));
        moved += changed.length;
        if (changed.length > 0) t.true(changed[changed.length - 1] - changed[0] < Math.floor(0.4 * (s + 1)));
      }
  t.true(moved > 1000);
});

test("each view is made in one of the ways that are on; without any it is the sequence", (t) => {
  t.deepEqual(
    views({}),
    lists.map((list) => [list, list]),
  );
  const seen = new Set<string>();
  for (let seed = 0; seed < 40; seed++)
    seen.add(
      views({ crop: 0.5, mask: 0.5, reorder: 0.9 }, seed)[19]
        .map((view) => (view.length === 10 ? "crop" : view.includes(maskToken) ? "mask" : "reorder"))
        .join(" and "),
    );
  t.is(seen.size, 9, [...seen].join(", "));
});

test("same draws for the same seed; the batch stays as it is", (t) => {
  const before = batch.inputs.slice();
  const all = { crop: 0.5, mask: 0.5, reorder: 0.5 };
  t.deepEqual(views(all), views(all));
  t.notDeepEqual(views(all), views(all, 2));
  t.deepEqual(batch.inputs, before);
});
