import test from "ava";
import { goalText, notesOf } from "../../benchmarks/micro/console.js";
import { byCpu, NO_RIVAL, type Rival, reached, rowsOf } from "../../benchmarks/micro/row.js";
import { duration, perOne, race, type Timing, timingOf } from "../../benchmarks/micro/timing.js";

const timing = (median: number, cpu = median): Timing => ({ median, best: median / 2, p99: 3 * median, cpu });
const rival = (name: string, seconds: number): Rival => ({ name, timing: timing(seconds) });

test("a goal against the limit and one against the rival make a row each", (t) => {
  const [limit, peer, ...rest] = rowsOf("topk", {
    name: "work",
    ours: timing(2, 4),
    rivals: [rival("slow", 20), rival("quick", 10), rival("slower", 30)],
    limit: { name: "read limit", seconds: 5 },
    goals: { limit: 2.5, peer: 6 },
  });
  t.is(rest.length, 0);
  t.like(limit, { against: "read limit", ratio: 2.5, cpuRatio: null, goal: 2.5, share: 2.5, limit: 5 });
  t.like(peer, {
    against: "quick",
    peerName: "quick",
    peer: 10,
    peerBest: 5,
    ratio: 5,
    cpuRatio: 2.5,
    goal: 6,
  });
  t.like(peer, { section: "topk", unit: "s/call", ours: 2, oursBest: 1, cpu: 4, limitName: "read limit" });
  t.deepEqual([limit, peer].map(reached), [true, false]);
  t.deepEqual([limit, peer].map(goalText), ["2.5x met", "6x MISSED"]);
});

test("a rival that is not installed leaves a row without it, and a note", (t) => {
  const rows = rowsOf("topk", { name: "work", ours: timing(2), rivals: [], goals: { peer: 3 } });
  t.is(rows.length, 1);
  t.like(rows[0], { peer: null, peerName: null, against: null, ratio: null, goal: 3, note: NO_RIVAL });
  t.is(reached(rows[0]), null);
  t.is(goalText(rows[0]), "3x");
  t.deepEqual(notesOf([...rows, ...rows]), [NO_RIVAL]);
});

test("work without rivals is held against its limit, and stands alone without one", (t) => {
  const limit = { name: "what is allowed", seconds: 1 };
  t.like(rowsOf("calls", { name: "work", ours: timing(2), limit })[0], {
    ratio: 0.5,
    goal: null,
    note: null,
  });
  const unknown = { name: "probe", seconds: null };
  const [row] = rowsOf("calls", { name: "work", ours: timing(2), limit: unknown, goals: { limit: 0.85 } });
  t.like(row, { against: "probe", limit: null, share: null, ratio: null, goal: 0.85 });
  t.like(rowsOf("calls", { name: "work", ours: timing(2) })[0], {
    against: null,
    ratio: null,
    limitName: null,
  });
});

test("times by CPU and of one part", (t) => {
  t.deepEqual(byCpu(timing(2, 4)), { median: 4, best: 4, p99: 4, cpu: 4 });
  t.deepEqual(perOne(timing(2, 4), 2), { median: 1, best: 0.5, p99: 3, cpu: 2 });
});

test("median, best and p99 of calls", (t) => {
  const times = Array.from({ length: 100 }, (_, i) => (i * 37) % 100);
  t.deepEqual(timingOf(times, 7), { median: 50, best: 0, p99: 99, cpu: 7 });
  t.deepEqual(timingOf([3], 0), { median: 3, best: 3, p99: 3, cpu: 0 });
});

test("durations for people", (t) => {
  t.deepEqual([3.6e-8, 1.23e-5, 4.567e-3, 2].map(duration), ["36 ns", "12.3 µs", "4.57 ms", "2.00 s"]);
});

test("rivals take turns, nobody always first, and promises are waited for", async (t) => {
  const calls: string[] = [];
  let running = 0;
  const slow = async (): Promise<void> => {
    t.is(++running, 1);
    await new Promise((resolve) => setTimeout(resolve, 2));
    running--;
    calls.push("slow");
  };
  const times = await race({ slow, quick: () => void calls.push("quick") }, { seconds: 4e-3, rounds: 4 });
  t.true(times.slow.best >= 1e-3);
  t.true(times.quick.median < times.slow.best);
  const turns = calls.filter((name, i) => name !== calls[i - 1]);
  t.deepEqual(
    turns,
    ["slow", "quick", "slow", "quick", "slow", "quick", "slow", "quick"].slice(0, turns.length),
  );
  t.true(turns.length >= 5, `${turns}`);
});
