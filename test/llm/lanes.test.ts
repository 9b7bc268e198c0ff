import { setTimeout as later } from "node:timers/promises";
import test from "ava";
import { Lanes } from "../../lib/llm/lanes.js";

test("as many at a time as there are lanes, never two on one, in the order asked for", async (t) => {
  const lanes = new Lanes(["a", "b"]);
  const busy = new Set<string>();
  const begun: number[] = [];
  let most = 0;
  const work = Array.from({ length: 7 }, (_, i) =>
    lanes.run(async (lane) => {
      t.false(busy.has(lane));
      busy.add(lane);
      begun.push(i);
      most = Math.max(most, busy.size);
      await later((i * 7) % 5);
      busy.delete(lane);
      return i;
    }),
  );
  t.deepEqual(await Promise.all(work), [0, 1, 2, 3, 4, 5, 6]);
  t.deepEqual(begun, [0, 1, 2, 3, 4, 5, 6]);
  t.is(most, 2);
});

test("work that fails frees its lane", async (t) => {
  const lanes = new Lanes([1]);
  await t.throwsAsync(
    lanes.run(() => Promise.reject(new Error("no"))),
    { message: "no" },
  );
  t.is(await lanes.run(async (lane) => lane), 1);
});

test("drain waits for everything asked for before it", async (t) => {
  const lanes = new Lanes([1, 2, 3]);
  let done = 0;
  for (let i = 0; i < 8; i++)
    void lanes.run(async () => {
      await later(2);
      done++;
    });
  await lanes.drain();
  t.is(done, 8);
});
