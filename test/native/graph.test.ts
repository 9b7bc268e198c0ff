/** The native graph of users and items and what runs over it, against the plainest code. */
import test from "ava";
import {
  backward,
  bprLoss,
  constant,
  gradient,
  hopMix,
  propagate,
  rowDot,
  step,
  values,
} from "../../lib/native/autograd.js";
import { Graph } from "../../lib/native/graph.js";
import { PairSampler } from "../../lib/native/pairSampler.js";
import { raises } from "./raises.js";

/** User 0 has items 0 and 2, user 1 has item 2, user 2 nothing; nobody has item 1. */
const rows = {
  userCount: 3,
  itemCount: 3,
  offsets: Int32Array.of(0, 2, 3, 3),
  items: Int32Array.of(0, 2, 2),
} as const;

test("propagate weighs each edge by the degrees of its ends; who has no edge gets zeros", (t) => {
  using graph = Graph.of(rows);
  t.is(graph.edges, 3);
  step(() => {
    const x = constant(Float32Array.of(1, 2, 4, 8, 16, 32), 6, 1);
    const y = values(propagate(graph, x));
    const half = Math.SQRT1_2;
    const expected = [8 * half + 32 / 2, 32 * half, 0, 1 * half, 0, 1 / 2 + 2 * half];
    for (const [node, value] of expected.entries()) t.true(Math.abs(y[node] - value) < 1e-5, `node ${node}`);
  });
});

test("a thinned graph is one of its own: same seed, same edges, and it outlives the whole one", (t) => {
  const items = Int32Array.from({ length: 400 }, (_, i) => i % 20);
  const offsets = Int32Array.from({ length: 21 }, (_, user) => 20 * user);
  const graph = Graph.of({ userCount: 20, itemCount: 20, offsets, items });
  using thinned = graph.dropEdges(0.25, 3, 1);
  using again = graph.dropEdges(0.25, 3, 1);
  raises(t, () => graph.dropEdges(1, 3, 1), "E_ARGUMENT", /rate: expected a number in \[0, 1\), got 1/);
  graph.dispose();
  t.true(thinned.edges > 200 && thinned.edges < 400);
  const seen = (of: Graph) =>
    step(() => values(propagate(of, constant(new Float32Array(40 * 3).fill(1), 40, 3))));
  t.deepEqual(seen(thinned), seen(again));
});

test("malformed rows, an x of another size and a disposed graph are refused", (t) => {
  const wrong: [change: object, message: RegExp][] = [
    [{ items: Int32Array.of(2, 0, 2) }, /items\[1\]: expected 3\.\.2 \(items of user 0 ascend\), got 0/],
    [{ items: Int32Array.of(0, 3, 2) }, /items\[1\]: expected 1\.\.2/],
    [{ offsets: Int32Array.of(0, 2, 3) }, /offsets: expected 4 numbers, got 3/],
    [{ userCount: -1 }, /userCount: expected/],
  ];
  for (const [change, message] of wrong)
    raises(t, () => Graph.of({ ...rows, ...change }), "E_ARGUMENT", message);
  const graph = Graph.of(rows);
  step(() => {
    const x = constant(new Float32Array(5), 5, 1);
    raises(t, () => propagate(graph, x), "E_ARGUMENT", /each of 6 nodes, got 5 x 1/);
  });
  graph.dispose();
  graph.dispose();
  raises(t, () => graph.edges, "E_DISPOSED");
  raises(t, () => graph.dropEdges(0.5, 1, 1), "E_DISPOSED");
  step(() => raises(t, () => propagate(graph, constant(new Float32Array(6), 6, 1)), "E_DISPOSED"));
});

test("hopMix mixes the candidate that the user likes best into the positive", (t) => {
  step(() => {
    const x = constant(Float32Array.of(1, 0, 0, 1, 4, 4, -1, -1), 4, 2);
    const users = constant(Float32Array.of(1, 0, 0, -1), 2, 2);
    const mixed = hopMix(x, users, Int32Array.of(0, 0), Int32Array.of(1, 2, 1, 3));
    t.deepEqual([...values(mixed)], [2.5, 2, 0, -0.5]);
    backward(bprLoss(rowDot(users, mixed), constant(new Float32Array(2), 2, 1)));
    const [, , b0, , c0, , d0, d1] = gradient(x);
    t.is(b0, 0, "never chosen");
    t.true(c0 < 0 && d0 === 0 && d1 > 0, "raised along its user");
    raises(
      t,
      () => hopMix(x, users, Int32Array.of(0, 4), Int32Array.of(1, 2)),
      "E_ARGUMENT",
      /positives\[1\]/,
    );
  });
});

test("the sampler gives as many negatives as asked for, and leaves out nothing without any", (t) => {
  using many = new PairSampler({ ...rows, negatives: 3, extra: Int32Array.of(0, 2, 0), seed: 1 });
  t.is(many.examples, 4);
  for (const { users, positives, negatives } of many.epoch(1, 3)) {
    t.is(negatives.length, 3 * users.length);
    for (const [place, negative] of negatives.entries()) {
      const example = Math.floor(place / 3);
      const seen = rows.items.subarray(rows.offsets[users[example]], rows.offsets[users[example] + 1]);
      const given = positives[example] === 2 && place % 3 === 0 && negative === 0;
      t.true(given || !seen.includes(negative));
    }
  }
  using none = new PairSampler({
    userCount: 1,
    itemCount: 2,
    offsets: Int32Array.of(0, 2),
    items: Int32Array.of(0, 1),
    negatives: 0,
    seed: 1,
  });
  const [batch] = [...none.epoch(1, 8)];
  t.deepEqual([[...batch.positives].sort(), batch.negatives.length], [[0, 1], 0]);
});
