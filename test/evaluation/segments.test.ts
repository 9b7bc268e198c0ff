/** Tail and head: test users cut at the median of their training interactions, every figure from those rows alone. */
import test from "ava";
import { HeldOut } from "../../lib/data/heldOut.js";
import { TrainView } from "../../lib/data/trainView.js";
import {
  measureRanks,
  measureSegments,
  type SegmentedMetrics,
  segmentsOf,
  summarizeSegment,
} from "../../lib/evaluation/segments.js";

/** A view in which user u has `counts[u]` items. */
function viewOf(counts: readonly number[]): TrainView {
  const offsets = new Int32Array(counts.length + 1);
  for (const [user, count] of counts.entries()) offsets[user + 1] = offsets[user] + count;
  const itemCount = Math.max(...counts);
  return new TrainView({
    userCount: counts.length,
    itemCount,
    offsets,
    items: Int32Array.from(counts.flatMap((count) => Array.from({ length: count }, (_, item) => item))),
    ratings: new Float32Array(offsets[counts.length]),
    titles: Array.from({ length: itemCount }, (_, item) => `item ${item}`),
    itemAttributes: {},
    userAttributes: {},
  });
}

const testRows = (users: readonly number[]): HeldOut =>
  new HeldOut("test", Int32Array.from(users), new Int32Array(users.length));

test("the tail are the rows with at most the median number of training interactions of the rows' users", (t) => {
  // Users 0 and 5 have no test row: what they have does not move the median.
  const view = viewOf([100, 7, 2, 9, 2, 100, 3]);
  const { cut, all, tail, head } = segmentsOf(testRows([1, 2, 3, 4, 6]), view);
  t.is(cut, 3);
  t.deepEqual([...all], [0, 1, 2, 3, 4]);
  t.deepEqual([...tail], [1, 3, 4]);
  t.deepEqual([...head], [0, 2]);
});

test("of two counts in the middle the lower one cuts; ties at the median are tail", (t) => {
  t.like(segmentsOf(testRows([0, 1, 2, 3]), viewOf([1, 2, 8, 9])), {
    cut: 2,
    tail: Int32Array.of(0, 1),
    head: Int32Array.of(2, 3),
  });
  t.like(segmentsOf(testRows([0, 1, 2]), viewOf([4, 4, 5])), { cut: 4, tail: Int32Array.of(0, 1) });
  t.like(segmentsOf(testRows([0, 1]), viewOf([4, 4])), { tail: Int32Array.of(0, 1), head: new Int32Array() });
  t.like(segmentsOf(testRows([1]), viewOf([4, 4])), { cut: 4, tail: Int32Array.of(0) });
});

test("metrics of a segment are means over its rows alone", (t) => {
  const segments = segmentsOf(testRows([0, 1, 2, 3]), viewOf([1, 2, 8, 9]));
  const { all, tail, head } = measureRanks(segments, Int32Array.of(1, 0, 4, 2));
  t.like(tail, { "hr@3": 0.5, "ndcg@3": 0.5, "hr@10": 0.5 });
  t.like(head, { "hr@3": 0.5, "hr@5": 1, "ndcg@3": 1 / Math.log2(3) / 2 });
  t.like(all, { "hr@3": 0.5, "hr@5": 0.75 });
});

/** The same value everywhere within a segment. */
const level = (all: number, tail: number, head: number): SegmentedMetrics => {
  const metrics = (value: number) => ({
    "hr@3": value,
    "ndcg@3": value,
    "hr@5": value,
    "ndcg@5": value,
    "hr@10": value,
    "ndcg@10": value,
  });
  return { all: metrics(all), tail: metrics(tail), head: metrics(head) };
};

test("the table of a segment holds the rivals' figures and means over seeds", (t) => {
  const rivals = { popularity: level(0.1, 0.2, 0.3), ease: level(0.4, 0.5, 0.6), recencyEase: null };
  const seeds = [0.25, 0.75].map((value) => ({
    base: level(value, value / 2, value / 4),
    augmented: level(value, value, value),
    llm: null,
    llama4rec: level(1, value, 0),
  }));
  const { mean, spread } = summarizeSegment("tail", rivals, seeds);
  t.like(mean, {
    popularity: { "hr@3": 0.2 },
    ease: { "hr@3": 0.5 },
    recencyEase: null,
    base: { "hr@3": 0.25 },
    augmented: { "hr@3": 0.5 },
    llm: null,
    llama4rec: { "hr@3": 0.5 },
  });
  t.is(spread?.llm, null);
  t.true(Math.abs((spread?.augmented?.["hr@3"] ?? 0) - Math.SQRT1_2 / 2) < 1e-15);
  t.is(summarizeSegment("head", rivals, seeds.slice(1)).spread, null, "one seed has no spread");
});

test("each segment is measured once, on its rows", (t) => {
  const segments = segmentsOf(testRows([0, 1, 2]), viewOf([1, 2, 8]));
  const seen: number[][] = [];
  measureSegments(segments, (rows) => {
    seen.push([...rows]);
    return level(0, 0, 0).all;
  });
  t.deepEqual(seen, [[0, 1, 2], [0, 1], [2]]);
});
