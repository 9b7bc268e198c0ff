/** Asynchronous forms of the rankers: the same bits, all faults as rejections. */
import test from "ava";
import { rankerOf } from "../../lib/models/frozen.js";
import { isSequenceRanker } from "../../lib/models/sequenceRanker.js";
import { Llama4RecError } from "../../lib/native/errors.js";
import { train } from "../../lib/training/train.js";
import { view } from "../training/fitModel.js";

const users = Int32Array.of(3, 0, 3, 39);
const options = { k: 7, denied: Int32Array.of(1, 2) };
const history = { offsets: Int32Array.of(0, 3, 3), items: Int32Array.of(4, 9, 1) };

for (const backbone of ["MF", "SASRec"]) {
  const trained = train({ backbone, view, worker: false, seed: 1, hyperparameters: { epochs: 1 } });

  test(`${backbone}: lists and states are those of the synchronous calls, bit for bit`, async (t) => {
    const { ranker } = await trained;
    t.deepEqual(await ranker.topKAsync(users, options), ranker.topK(users, options));
    t.is(isSequenceRanker(ranker), backbone === "SASRec");
    if (!isSequenceRanker(ranker)) return;
    const after = { k: 5, excluded: history };
    t.deepEqual(await ranker.topKAfterAsync(history, after), ranker.topKAfter(history, after));
    t.deepEqual(await ranker.encodeAsync(history), ranker.encode(history));
  });

  test(`${backbone}: it may be disposed and its users changed while it runs`, async (t) => {
    const { ranker } = await trained;
    const expected = ranker.topK(users, options);
    const other = rankerOf(ranker.model);
    const asked = users.slice();
    const promise = other.topKAsync(asked, options);
    asked.fill(0);
    other.dispose();
    t.deepEqual(await promise, expected);
  });

  test(`${backbone}: faults and an abort are rejections`, async (t) => {
    const { ranker } = await trained;
    const fault = { instanceOf: Llama4RecError, code: "E_ARGUMENT" };
    await t.throwsAsync(ranker.topKAsync(Int32Array.of(40), options), {
      ...fault,
      message: /users\[0\]: expected a user in 0\.\.39, got 40/,
    });
    await t.throwsAsync(ranker.topKAsync(users, { k: 0 }), { ...fault, message: /^k: / });
    const reason = new Error("enough");
    await t.throwsAsync(ranker.topKAsync(users, { ...options, signal: AbortSignal.abort(reason) }), {
      is: reason,
    });
  });
}
