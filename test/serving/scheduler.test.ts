import { setTimeout } from "node:timers/promises";
import test from "ava";
import { noAnswer } from "../../lib/llm/attempt.js";
import { Scheduler } from "../../lib/serving/scheduler.js";

const inMs = (milliseconds: number): number => performance.now() + milliseconds;

/** Work that ends when told to. */
function held(): { work: () => Promise<string>; end: (value?: string) => void } {
  let end: (value?: string) => void = () => {};
  const promise = new Promise<string>((resolve) => {
    end = (value = "done") => resolve(value);
  });
  return { work: () => promise, end: (value) => end(value) };
}

test("what is due first is done first, and background work last", async (t) => {
  const scheduler = new Scheduler();
  const first = held();
  const order: string[] = [];
  const job = (name: string, due: number | null) =>
    scheduler.do({
      owner: name,
      due,
      work: async () => {
        order.push(name);
        return name;
      },
    });
  const all = [
    scheduler.do({ owner: 0, due: inMs(60_000), work: first.work }),
    job("background", null),
    job("late", inMs(9000)),
    job("soon", inMs(5000)),
  ];
  t.is(scheduler.stats().running, 1);
  t.is(scheduler.stats().waiting, 3);
  first.end();
  t.true((await Promise.all(all)).every(({ done }) => done));
  t.deepEqual(order, ["soon", "late", "background"]);
});

test("a job that would be late is refused at once, and what was let in is done", async (t) => {
  const scheduler = new Scheduler();
  const work = async () => {
    await setTimeout(100);
    return 1;
  };
  await scheduler.do({ owner: 0, due: inMs(1000), work }); // so that it knows what a job takes
  const begin = performance.now();
  const offered = Array.from({ length: 30 }, (_, owner) => scheduler.do({ owner, due: begin + 500, work }));
  const outcomes = await Promise.all(offered);
  const done = outcomes.filter((outcome) => outcome.done).length;
  t.true(done >= 1 && done <= 5, `${done} of 30 in 500 ms at 100 ms each`);
  const shed = outcomes.filter((outcome) => !outcome.done && outcome.why === "shed").length;
  t.true(shed >= 25);
  t.is(scheduler.stats().notDone.shed, shed);
});

test("an idle model is always tried, however slow it seemed", async (t) => {
  const scheduler = new Scheduler();
  const slow = { owner: 0, due: inMs(10_000), work: () => setTimeout(80, 1) };
  await scheduler.do(slow);
  t.true((await scheduler.do({ owner: 0, due: inMs(20), work: async () => 2 })).done);
});

test("nobody has more than their share of those that wait", async (t) => {
  const scheduler = new Scheduler({ mostOfOwner: 2 });
  const first = held();
  const running = scheduler.do({ owner: "a", due: null, work: first.work });
  const greedy = Array.from({ length: 4 }, () =>
    scheduler.do({ owner: "a", due: null, work: async () => 1 }),
  );
  const modest = scheduler.do({ owner: "b", due: null, work: async () => 1 });
  first.end();
  t.true((await running).done);
  t.deepEqual(
    (await Promise.all(greedy)).map(({ done }) => done),
    [true, true, false, false],
  );
  t.true((await modest).done);
});

test("background work that would pile up without end is refused", async (t) => {
  const scheduler = new Scheduler({ mostBackground: 3 });
  const first = held();
  const all = Array.from({ length: 6 }, (_, owner) => scheduler.do({ owner, due: null, work: first.work }));
  first.end();
  t.is((await Promise.all(all)).filter(({ done }) => done).length, 4, "one that runs, three that wait");
});

test("after a row of faults the model is left alone for a while; then one job decides", async (t) => {
  const scheduler = new Scheduler({ faults: 3, pauseMs: 500 });
  let asked = 0;
  const bad = {
    owner: 0,
    due: null,
    work: async () => {
      asked++;
      throw new Error("broken");
    },
  };
  const good = { owner: 0, due: null, work: async () => 1 };
  for (let n = 0; n < 3; n++) t.deepEqual(await scheduler.do(bad), { done: false, why: "fault" });
  t.true(scheduler.stats().open);
  t.deepEqual(await scheduler.do(bad), { done: false, why: "open" });
  t.is(asked, 3);
  await setTimeout(510);
  await scheduler.do(bad);
  t.is(asked, 4);
  t.deepEqual(await scheduler.do(good), { done: false, why: "open" }, "one more fault was enough");
  await setTimeout(510);
  t.true((await scheduler.do(good)).done);
  await scheduler.do(bad);
  t.false(scheduler.stats().open, "an answer has made good for the faults before it");
});

test("a late answer is no fault: the model is not left alone for it", async (t) => {
  const scheduler = new Scheduler({ faults: 2 });
  const late = { owner: 0, due: null, work: async () => noAnswer("timeout", "") };
  for (let n = 0; n < 5; n++) t.deepEqual(await scheduler.do(late), { done: false, why: "timeout" });
});

test("an aborted job is not begun", async (t) => {
  const scheduler = new Scheduler();
  const first = held();
  const abort = new AbortController();
  const running = scheduler.do({ owner: 0, due: null, work: first.work });
  const waiting = scheduler.do({ owner: 1, due: null, signal: abort.signal, work: async () => t.fail() });
  abort.abort();
  first.end();
  await running;
  t.deepEqual(await waiting, { done: false, why: "aborted" });
  t.deepEqual(await scheduler.do({ owner: 1, due: null, signal: abort.signal, work: async () => t.fail() }), {
    done: false,
    why: "aborted",
  });
});

test("a closed scheduler refuses what waits and what comes, and lets what runs end", async (t) => {
  const scheduler = new Scheduler();
  const first = held();
  const running = scheduler.do({ owner: 0, due: null, work: first.work });
  const waiting = scheduler.do({ owner: 1, due: inMs(5000), work: async () => t.fail() });
  scheduler.close();
  t.deepEqual(await waiting, { done: false, why: "aborted" });
  first.end("late");
  t.deepEqual(await running, { done: true, value: "late" });
  t.deepEqual(await scheduler.do({ owner: 1, due: null, work: async () => t.fail() }), {
    done: false,
    why: "aborted",
  });
});

test("a job that waits is refused when it is due or aborted, whatever those that run are doing", async (t) => {
  const scheduler = new Scheduler();
  const first = held();
  const running = scheduler.do({ owner: 0, due: null, work: first.work });
  await setTimeout(5);
  const abort = new AbortController();
  const begin = performance.now();
  const due = scheduler.do({ owner: 1, due: inMs(30), work: async () => t.fail() });
  const aborted = scheduler.do({ owner: 2, due: null, signal: abort.signal, work: async () => t.fail() });
  abort.abort();
  t.deepEqual(await aborted, { done: false, why: "aborted" });
  t.deepEqual(await due, { done: false, why: "timeout" });
  t.true(performance.now() - begin < 2000);
  t.is(scheduler.stats().waiting, 0);
  first.end();
  t.true((await running).done);
});

test("background work leaves a lane free for what is due", async (t) => {
  const scheduler = new Scheduler({ lanes: 2 });
  const first = held();
  const background = Array.from({ length: 3 }, (_, owner) =>
    scheduler.do({ owner, due: null, work: first.work }),
  );
  t.is(scheduler.stats().running, 1);
  t.true((await scheduler.do({ owner: 9, due: inMs(5000), work: async () => 1 })).done);
  first.end();
  t.is((await Promise.all(background)).filter(({ done }) => done).length, 3);
});

test("options of a scheduler are numbers above 0", (t) => {
  for (const options of [{ lanes: 0 }, { lanes: 1.5 }, { faults: Number.NaN }, { mostOfOwner: -1 }])
    t.throws(() => new Scheduler(options), { code: "E_ARGUMENT", message: /^scheduler\./ });
});
