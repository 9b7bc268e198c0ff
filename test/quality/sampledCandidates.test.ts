import test from "ava";
import {
  type CandidateRow,
  candidateMetrics,
  fusedOrder,
  rankedBy,
  sampleCandidates,
} from "../../benchmarks/quality/sampledCandidates.js";
import { Random } from "../../lib/data/random.js";
import { popularity } from "../../lib/models/reference/popularity.js";
import { Llama4RecError } from "../../lib/native/errors.js";
import { viewOf } from "../models/planted.js";

const ones = (count: number): number[] => Array.from({ length: count }, () => 1);
const nothingKnown = (): boolean => false;

/** `count` rows, one a user, of item 0. */
const rowsOf = (count: number) => ({
  users: Array.from({ length: count }, (_, user) => user),
  items: ones(count).map(() => 0),
});

test("a row holds the target once and negatives that the user does not have, each once", (t) => {
  const has = (user: number, item: number): boolean => (user + item) % 3 === 0;
  const rows = sampleCandidates(rowsOf(50), { weights: ones(20), isKnown: has, seed: 1 });
  for (const { user, target, candidates } of rows) {
    t.is(candidates.length, 10);
    t.is(new Set(candidates).size, 10);
    t.true(candidates.includes(target));
    for (const item of candidates) t.true(item === target || !has(user, item));
  }
});

test("the target stands in every place", (t) => {
  const rows = sampleCandidates(rowsOf(2000), { weights: ones(30), isKnown: nothingKnown, seed: 2 });
  const places = new Int32Array(10);
  for (const { target, candidates } of rows) places[candidates.indexOf(target)]++;
  for (const count of places) t.true(count > 140 && count < 260, `${places}`);
});

test("negatives are drawn by weight; an item without weight never is", (t) => {
  const weights = [5, 0, 1, 3, 6];
  const rows = sampleCandidates(rowsOf(5000), { weights, isKnown: nothingKnown, negatives: 1, seed: 3 });
  const drawn = new Int32Array(5);
  for (const { candidates } of rows) for (const item of candidates) drawn[item]++;
  t.is(drawn[0], 5000);
  t.is(drawn[1], 0);
  for (const [item, share] of [
    [2, 0.1],
    [3, 0.3],
    [4, 0.6],
  ])
    t.true(Math.abs(drawn[item] / 5000 - share) < 0.03, `item ${item}: ${drawn[item]}`);
});

test("a user's draws depend on seed and user alone", (t) => {
  const options = { weights: ones(40), isKnown: nothingKnown, seed: 4 };
  const all = sampleCandidates(rowsOf(30), options);
  const one = sampleCandidates({ users: [17], items: [0] }, options);
  t.deepEqual(one[0], all[17]);
  t.notDeepEqual(sampleCandidates(rowsOf(30), { ...options, seed: 5 }), all);
  t.notDeepEqual(all[16].candidates, all[17].candidates);
});

test("a user who has nearly everything is refused", (t) => {
  const rows = { users: [3], items: [0] };
  const isKnown = (_: number, item: number): boolean => item > 4;
  const error = t.throws(() => sampleCandidates(rows, { weights: ones(30), isKnown, seed: 1 }), {
    instanceOf: Llama4RecError,
    code: "E_ARGUMENT",
  });
  t.regex(error?.message ?? "", /negatives: expected at most the 4 items that user 3/);
});

test("a ranker orders the candidates of a row alone", (t) => {
  using ranker = popularity(viewOf([[3, 1], [3, 2], [2, 3, 4], [1]], 6));
  const row = { user: 0, target: 2, candidates: Int32Array.of(5, 2, 4, 3) };
  t.deepEqual([...rankedBy(ranker, row)], [3, 2, 4, 5]);
});

test("orders are fused by the sum of places; equal sums as the first one has them", (t) => {
  t.deepEqual([...fusedOrder(Int32Array.of(1, 2, 3), Int32Array.of(3, 2, 1))], [1, 2, 3]);
  t.deepEqual([...fusedOrder(Int32Array.of(4, 7, 9, 5), Int32Array.of(9, 7, 5, 4))], [7, 9, 4, 5]);
});

test("metrics by hand: places 1, 3, 4 and a row without an answer", (t) => {
  const row = (target: number): CandidateRow => ({ user: 0, target, candidates: Int32Array.of(0, 1, 2, 3) });
  const order = Int32Array.of(0, 1, 2, 3);
  const metrics = candidateMetrics([row(0), row(2), row(3), row(1)], [order, order, order, null]);
  t.is(metrics["hr@3"], 2 / 4);
  t.is(metrics["ndcg@3"], (1 + 1 / 2) / 4);
  t.is(metrics.auc, (1 + 1 / 3 + 0) / 4);
});

test("an order drawn at random finds its target by chance", (t) => {
  const random = new Random(6);
  const rows = sampleCandidates(rowsOf(4000), { weights: ones(50), isKnown: nothingKnown, seed: 6 });
  const metrics = candidateMetrics(
    rows,
    rows.map(({ candidates }) => random.shuffle(candidates.slice())),
  );
  t.true(Math.abs(metrics["hr@3"] - 0.3) < 0.03);
  t.true(Math.abs(metrics.auc - 0.5) < 0.03);
});
