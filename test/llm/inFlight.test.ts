/** Many questions, some at a time: begun in order, answered in order, no more than so many at once. */
import { setImmediate as turn } from "node:timers/promises";
import test from "ava";
import { inFlight } from "../../lib/llm/inFlight.js";

const entries = Array.from({ length: 23 }, (_, index) => index);

for (const limit of [1, 2, 8, 23, 100])
  test(`${limit} at a time: begun and answered in order`, async (t) => {
    const begun: number[] = [];
    let [running, most] = [0, 0];
    const results = await inFlight(entries, { limit }, async (entry, _, index) => {
      begun.push(index);
      most = Math.max(most, ++running);
      for (let wait = (entry * 7) % 5; wait >= 0; wait--) await turn();
      running--;
      return entry * entry;
    });
    t.deepEqual(
      results,
      entries.map((entry) => entry * entry),
    );
    t.deepEqual(begun, entries);
    t.is(most, Math.min(limit, entries.length));
  });

test("nothing to do", async (t) => {
  t.deepEqual(await inFlight([], {}, async () => t.fail()), []);
});

test("after a failure none is begun, those that run are told and waited for", async (t) => {
  const reason = new Error("enough");
  let [begun, told, ended] = [0, 0, 0];
  const ask = async (entry: number, signal: AbortSignal): Promise<void> => {
    begun++;
    await turn();
    if (entry === 5) throw reason;
    await turn();
    await turn();
    if (signal.aborted) told++;
    ended++;
  };
  await t.throwsAsync(inFlight(entries, { limit: 8 }, ask), { is: reason });
  t.deepEqual([begun, told, ended], [8, 7, 7]);
});

test("an abort begins no more, and rejects even if the last one has answered", async (t) => {
  const reason = new Error("enough");
  for (const last of [4, entries.length - 1]) {
    const controller = new AbortController();
    let begun = 0;
    const ask = async (entry: number): Promise<void> => {
      begun++;
      if (entry === last) controller.abort(reason);
    };
    const { signal } = controller;
    await t.throwsAsync(inFlight(entries, { limit: 3, signal }, ask), { is: reason });
    t.true(begun >= last + 1 && begun <= last + 3);
  }
  const ask = async (): Promise<void> => t.fail();
  await t.throwsAsync(inFlight(entries, { signal: AbortSignal.abort(reason) }, ask), { is: reason });
});

test.serial("many questions that listen to one signal bring no warning", async (t) => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error): number => warnings.push(warning);
  process.on("warning", onWarning);
  const { signal } = new AbortController();
  await inFlight(entries, { limit: 20, signal }, async (_, ending) => {
    ending.addEventListener("abort", () => {});
    await turn();
  });
  await turn();
  process.off("warning", onWarning);
  t.deepEqual(warnings, []);
});
