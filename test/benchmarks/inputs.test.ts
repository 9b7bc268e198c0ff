import test from "ava";
import { encoderSizes, randomEncoder, referenceState } from "../../benchmarks/micro/encoderModel.js";
import { uniformIds, zipfIds } from "../../benchmarks/micro/random.js";
import { bestOf, checkClose, checkSame, scoresOf } from "../../benchmarks/micro/reference.js";
import { syntheticView } from "../../benchmarks/micro/trainingData.js";
import { message } from "../../benchmarks/peers/onnx/message.js";
import { SequenceEncoder } from "../../lib/native/sequenceEncoder.js";

test("ids of a seed are the same, in range, uniform or by Zipf's law", (t) => {
  const [count, rows] = [200_000, 1000];
  for (const draw of [uniformIds, zipfIds]) {
    const ids = draw(count, rows, 1);
    t.deepEqual(ids, draw(count, rows, 1));
    t.notDeepEqual(ids, draw(count, rows, 2));
    t.true(ids.every((id) => id >= 0 && id < rows));
  }
  const most = (ids: Int32Array): number[] => {
    const counts = new Int32Array(rows);
    for (const id of ids) counts[id]++;
    return [...counts].sort((a, b) => b - a).map((times) => times / count);
  };
  t.true(most(uniformIds(count, rows, 3))[0] < 2 / rows);
  const zipf = most(zipfIds(count, rows, 3));
  const harmonic = Array.from({ length: rows }, (_, n) => 1 / (n + 1)).reduce((sum, x) => sum + x, 0);
  for (const rank of [1, 2, 10]) t.true(Math.abs(zipf[rank - 1] * harmonic * rank - 1) < 0.1, `rank ${rank}`);
});

test("a synthetic view has the size it is named by, and no item twice for a user", (t) => {
  const view = syntheticView("MovieLens-100K");
  t.like(view, { userCount: 943, itemCount: 1682, interactionCount: 100_000 });
  for (let user = 0; user < view.userCount; user++) {
    const own = view.items.subarray(view.offsets[user], view.offsets[user + 1]);
    t.true(own.length >= 20 && new Set(own).size === own.length);
  }
});

test("the reference orders by score, then by id, and refuses what differs", (t) => {
  const items = Float32Array.of(1, 0, 0, 1, 1, 0, 2, 0); // items 0 and 2 are the same
  const scores = scoresOf(items, [1, 0.5]);
  t.deepEqual([...scores], [1, 0.5, 1, 2]);
  const best = bestOf(scores, 3);
  t.deepEqual([...best.ids], [3, 0, 2]);
  t.notThrows(() => checkSame("ours", [3, 0, 2], best));
  t.throws(() => checkSame("ours", [3, 2, 0], best), { message: "ours: expected item 0 at place 1, got 2" });
  t.throws(() => checkSame("ours", [3, 0], best), { message: /expected 3 ids, got 2/ });
  const near = { best, scores, tolerance: 1e-5 };
  t.notThrows(() => checkClose("rival", [3n, 2n, 0n], near));
  t.throws(() => checkClose("rival", [3, 2, 1], near), { message: /got 0.5 of item 1/ });
  t.throws(() => checkClose("rival", [3, 2, 2], near), { message: /expected 3 different ids/ });
});

test("the float64 states are those of the encoder", (t) => {
  const model = randomEncoder(40);
  using encoder = new SequenceEncoder(model);
  const items = uniformIds(encoderSizes.length, 40, 5);
  const found = encoder.encode({ offsets: Int32Array.of(0, items.length), items });
  const expected = referenceState(model, items);
  t.is(found.length, expected.length);
  for (const [j, value] of expected.entries()) t.true(Math.abs(found[j] - value) < 1e-4, `${j}`);
});

test("fields of a message as protocol buffers have them", (t) => {
  t.deepEqual([...message([1, 150])], [0x08, 0x96, 0x01]);
  t.deepEqual([...message([2, "ok"])], [0x12, 2, 0x6f, 0x6b]);
  t.deepEqual([...message([3, message([1, 1])])], [0x1a, 2, 0x08, 1]);
  t.deepEqual([...message([3, -1])], [0x18, ...new Array(9).fill(0xff), 0x01]);
  t.deepEqual([...message([16, { float: 1 }])], [0x85, 0x01, 0, 0, 0x80, 0x3f]);
});
