/** Asynchronous calls: the results of the synchronous ones, on an event loop that goes on. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import test, { type ExecutionContext } from "ava";
import { Random } from "../../lib/data/random.js";
import { setThreads, threads } from "../../lib/native/addon.js";
import { Catalogue, type TopK, type TopKFilter } from "../../lib/native/catalogue.js";
import { type ErrorCode, Llama4RecError } from "../../lib/native/errors.js";
import { type EncoderModel, type Histories, SequenceEncoder } from "../../lib/native/sequenceEncoder.js";
import { detached } from "./raises.js";
import { randomNumbers } from "./randomNumbers.js";

const dimension = 64;
const catalogueOf = (size: number, seed = 1): Catalogue =>
  new Catalogue(randomNumbers(size * dimension, seed), { dimension, biases: randomNumbers(size, seed + 1) });

/** Much work for one call, and its queries. */
const large = new Catalogue(randomNumbers(200_000 * dimension, 11), { dimension });
const many = randomNumbers(256 * dimension, 12);
const few = many.slice(0, dimension);

const copyOf = ({ k, ids, scores, counts }: TopK): TopK => ({
  k,
  ids: ids.slice(),
  scores: scores.slice(),
  counts: counts.slice(),
});
const blank = (k: number, batch: number): TopK => ({
  k,
  ids: new Int32Array(k * batch).fill(-7),
  scores: new Float64Array(k * batch).fill(-7),
  counts: new Int32Array(batch).fill(-7),
});
const rowsOf = (lists: readonly (readonly number[])[]): { offsets: Int32Array; items: Int32Array } => {
  const offsets = new Int32Array(lists.length + 1);
  for (const [row, list] of lists.entries()) offsets[row + 1] = offsets[row] + list.length;
  return { offsets, items: Int32Array.from(lists.flat()) };
};
const some = (random: Random, below: number, count: number): number[] =>
  Array.from({ length: count }, () => random.below(below));

async function rejects(
  t: ExecutionContext,
  promise: Promise<unknown>,
  code: ErrorCode,
  message: RegExp,
): Promise<void> {
  await t.throwsAsync(promise, { instanceOf: Llama4RecError, code, message });
}

function encoderModel(itemCount: number): EncoderModel {
  const [d, hidden, length] = [16, 24, 9];
  const [matrix, row] = [randomNumbers(d * 3 * d, 1), randomNumbers(3 * d, 2)];
  const block = {
    norm1Gain: row.subarray(0, d),
    norm1Bias: row.subarray(d, 2 * d),
    qkv: matrix,
    qkvBias: row,
    out: matrix.subarray(0, d * d),
    outBias: row.subarray(0, d),
    norm2Gain: row.subarray(0, d),
    norm2Bias: row.subarray(d, 2 * d),
    up: matrix.subarray(0, d * hidden),
    upBias: row.subarray(0, hidden),
    down: matrix.subarray(0, hidden * d),
    downBias: row.subarray(0, d),
  };
  return {
    shape: {
      dimension: d,
      hidden,
      blocks: 2,
      heads: 2,
      length,
      causal: true,
      activation: "relu",
      inputScale: 4,
      epsilon: 1e-5,
    },
    items: randomNumbers(itemCount * d, 3),
    positions: randomNumbers(length * d, 4),
    blocks: [block, block],
    normGain: row.subarray(0, d),
    normBias: row.subarray(d, 2 * d),
  };
}

test("top-k of catalogues is that of the synchronous call, whatever runs at once", async (t) => {
  const pending: Promise<void>[] = [];
  for (const [size, batch, k] of [
    [1, 1, 1],
    [50, 7, 50],
    [3000, 0, 4],
    [3000, 33, 10],
    [40_000, 5, 100],
  ]) {
    const random = new Random(size, batch);
    using catalogue = catalogueOf(size, size);
    const queries = randomNumbers(Math.max(1, batch * dimension), 5).slice(0, batch * dimension);
    const excluded = rowsOf(Array.from({ length: batch }, () => some(random, size, random.below(20))));
    const denied = Int32Array.from(some(random, size, size >> 3));
    const allowed = Int32Array.from(some(random, size, Math.ceil(size / 3)));
    const filters: TopKFilter[] = [
      {},
      { excluded },
      { denied },
      { allowed },
      { allowed: allowed.subarray(0, 2) },
      { allowed: new Int32Array(0) },
      { excluded, denied, allowed },
    ];
    for (const filter of filters) {
      const expected = catalogue.topK(queries, { ...filter, k });
      pending.push(
        catalogue.topKAsync(queries, { ...filter, k }).then((top) => void t.deepEqual(top, expected)),
      );
    }
  }
  await Promise.all(pending);
  t.is(pending.length, 35);
});

test("states and top-k of encoders are those of the synchronous calls", async (t) => {
  const itemCount = 500;
  using encoder = new SequenceEncoder(encoderModel(itemCount));
  for (const batch of [0, 1, 40]) {
    const random = new Random(batch, 1);
    const histories = rowsOf(Array.from({ length: batch }, () => some(random, itemCount, random.below(15))));
    const filter = { excluded: histories, denied: Int32Array.of(3, 4) };
    t.deepEqual(await encoder.encodeAsync(histories), encoder.encode(histories));
    t.deepEqual(
      await encoder.topKAsync(histories, { ...filter, k: 12 }),
      encoder.topK(histories, { ...filter, k: 12 }),
    );
  }
});

test.serial("the event loop goes on while a large batch is searched", async (t) => {
  const order: string[] = [];
  let ticks = 0;
  const interval = setInterval(() => ticks++, 1);
  const call = large.topKAsync(many, { k: 100 }).then(() => order.push("results"));
  setTimeout(() => order.push("timer"), 1);
  await call;
  clearInterval(interval);
  t.deepEqual(order, ["timer", "results"]);
  t.true(ticks >= 3, `${ticks} ticks`);
});

test.serial("a pool of one thread leaves the event loop free too", async (t) => {
  const before = threads();
  setThreads(1);
  try {
    const order: string[] = [];
    const call = large.topKAsync(many, { k: 10 }).then(() => order.push("results"));
    setTimeout(() => order.push("timer"), 1);
    await call;
    t.deepEqual(order, ["timer", "results"]);
  } finally {
    setThreads(before);
  }
});

test("what a call was given may change, be transferred or disposed while it runs", async (t) => {
  const catalogue = catalogueOf(20_000);
  const encoder = new SequenceEncoder(encoderModel(100));
  const [queries, denied] = [many.slice(), Int32Array.of(1, 2)];
  const excluded = rowsOf(Array.from({ length: 256 }, (_, row) => [row]));
  const histories = rowsOf([[1, 2, 3], [4]]);
  const expected = catalogue.topK(queries, { k: 10, denied, excluded });
  const [states, after] = [encoder.encode(histories), encoder.topK(histories, { k: 5 })];
  const calls = [
    catalogue.topKAsync(queries, { k: 10, denied, excluded }),
    catalogue.topKAsync(queries, { k: 10, denied, excluded }),
    encoder.encodeAsync(histories),
    encoder.topKAsync(histories, { k: 5 }),
  ];
  catalogue.dispose();
  encoder.dispose();
  queries.fill(Number.NaN);
  for (const array of [queries, denied, excluded.items, histories.items, histories.offsets]) detached(array);
  t.deepEqual<unknown, unknown>(await Promise.all(calls), [expected, expected, states, after]);
  await rejects(t, catalogue.topKAsync(many, { k: 1 }), "E_DISPOSED", /disposed/);
});

test("memory of an earlier result is written over at the end", async (t) => {
  const into = blank(10, 256);
  const untouched = copyOf(into);
  const call = large.topKAsync(many, { k: 10, into });
  t.deepEqual(into, untouched);
  t.is(await call, into);
  t.deepEqual(into, large.topK(many, { k: 10 }));
});

test("memory that was transferred or resized meanwhile is an error that names it, and nothing is written", async (t) => {
  for (const name of ["ids", "scores", "counts"] as const) {
    const into = blank(10, 1);
    const call = large.topKAsync(few, { k: 10, into });
    detached(into[name]);
    await rejects(t, call, "E_ARGUMENT", new RegExp(`^into\\.${name}: expected the \\d+ places .*, got 0$`));
    for (const other of (["ids", "scores", "counts"] as const).filter((other) => other !== name))
      t.true(Array.from(into[other]).every((value) => value === -7));
  }
  type Resizable = ArrayBuffer & { resize(bytes: number): void };
  const make = (bytes: number): Resizable =>
    Reflect.construct(ArrayBuffer, [bytes, { maxByteLength: 2 * bytes }]);
  for (const [bytes, places] of [
    [36, 9],
    [0, 0],
    [44, 11],
  ]) {
    const buffer = make(40);
    const call = large.topKAsync(few, { k: 10, into: { ...blank(10, 1), ids: new Int32Array(buffer) } });
    buffer.resize(bytes);
    await rejects(
      t,
      call,
      "E_ARGUMENT",
      new RegExp(`^into\\.ids: expected the 10 places .*, got ${places}$`),
    );
  }
  const buffer = make(40);
  const call = large.topKAsync(few, { k: 10, into: { ...blank(10, 1), ids: new Int32Array(buffer) } });
  buffer.resize(0);
  buffer.resize(40);
  t.deepEqual((await call).ids, large.topK(few, { k: 10 }).ids, "it fits again");
});

test("wrong arguments are rejections, with the errors of the synchronous calls", async (t) => {
  using catalogue = catalogueOf(10);
  using encoder = new SequenceEncoder(encoderModel(10));
  const nan = few.map((value, at) => (at === 5 ? Number.NaN : value));
  const lists = rowsOf([[1]]);
  const good = { k: 1 };
  const ofCatalogue: [queries: unknown, options: object][] = [
    [Float64Array.from(few), good],
    [few.subarray(1), good],
    [nan, good],
    [detached(few.slice()), { k: 1, excluded: lists }],
    [few, { k: 0 }],
    [few, { k: 11 }],
    [few, { k: "1" }],
    [few, { k: 1, denied: Int32Array.of(10) }],
    [few, { k: 1, denied: [1] }],
    [few, { k: 1, allowed: Int32Array.of(-1) }],
    [few, { k: 1, allowed: detached(Int32Array.of(1)) }],
    [few, { k: 1, excluded: { offsets: Int32Array.of(0, 2), items: Int32Array.of(1) } }],
    [few, { k: 1, excluded: { offsets: Int32Array.of(0, 1), items: Int32Array.of(10) } }],
    [few, { k: 1, into: blank(2, 1) }],
    [few, { k: 1, into: { ...blank(1, 1), ids: new Int32Array(2) } }],
    [few, { k: 1, into: { ...blank(1, 1), scores: new Float32Array(1) } }],
    [few, { k: 1, into: { ...blank(1, 1), scores: new Float64Array(new SharedArrayBuffer(8)) } }],
  ];
  const ofEncoder: [histories: unknown, options: object][] = [
    [null, good],
    [{ offsets: [0, 1], items: Int32Array.of(1) }, good],
    [rowsOf([[10]]), good],
    [{ offsets: Int32Array.of(0, 2), items: Int32Array.of(1) }, good],
    [{ offsets: new Int32Array(0), items: new Int32Array(0) }, good],
    [lists, { k: 11 }],
    [lists, { k: 1, allowed: Int32Array.of(10) }],
  ];
  const same = async (of: object, name: string, args: unknown[]): Promise<void> => {
    const invoke = (name: string): unknown => Reflect.apply(Reflect.get(of, name), of, args);
    const error = t.throws(() => invoke(name), { instanceOf: Llama4RecError, code: "E_ARGUMENT" });
    const promise = invoke(`${name}Async`);
    t.true(promise instanceof Promise);
    await t.throwsAsync(promise as Promise<unknown>, { instanceOf: Llama4RecError, ...error });
  };
  for (const args of ofCatalogue) await same(catalogue, "topK", args);
  for (const args of ofEncoder) await same(encoder, "topK", args);
  for (const [histories] of ofEncoder.slice(0, 5)) await same(encoder, "encode", [histories]);
  for (const signal of [null, 1, {}, new EventTarget()]) {
    const options = { k: 1, signal: signal as AbortSignal };
    await rejects(t, catalogue.topKAsync(few, options), "E_ARGUMENT", /^signal: expected an AbortSignal/);
    await rejects(t, encoder.topKAsync(lists, options), "E_ARGUMENT", /^signal/);
    await rejects(t, encoder.encodeAsync(lists, options), "E_ARGUMENT", /^signal/);
  }
});

test("a signal that has aborted rejects at once, with its reason", async (t) => {
  const reason = new Error("enough");
  const signal = AbortSignal.abort(reason);
  using encoder = new SequenceEncoder(encoderModel(10));
  const histories: Histories = rowsOf([[1]]);
  const into = blank(1, 1);
  for (const call of [
    large.topKAsync(few, { k: 1, into, signal }),
    encoder.topKAsync(histories, { k: 1, into, signal }),
    encoder.encodeAsync(histories, { signal }),
  ])
    t.is(await t.throwsAsync(call), reason);
  await large.topKAsync(few, { k: 1 });
  t.deepEqual(into, blank(1, 1));
});

test.serial("aborted calls reject before those at work end; work that waited is never done", async (t) => {
  const before = threads();
  setThreads(1); // one call at a time: the order of ends is the order of calls
  try {
    const cpu = (since?: NodeJS.CpuUsage): number => process.cpuUsage(since).user;
    const start = process.cpuUsage();
    await large.topKAsync(many, { k: 10 });
    const cost = cpu(start);

    const order: string[] = [];
    const controller = new AbortController();
    const into = [blank(10, 256), blank(10, 256)];
    const { signal } = controller;
    const running = large.topKAsync(many, { k: 10, into: into[0], signal });
    const waiting = Array.from({ length: 30 }, () => large.topKAsync(many, { k: 10, into: into[1], signal }));
    const last = large.topKAsync(few, { k: 1 }).then(() => order.push("last"));
    // The first is at work by now. Asleep, not awaiting: an end is only told to a turn of the event loop, however late.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
    const since = process.cpuUsage();
    controller.abort(); // an AbortError
    for (const end of await Promise.allSettled([running, ...waiting]))
      t.is(end.status === "rejected" && end.reason, signal.reason);
    order.push("aborted");
    await last;
    t.deepEqual(order, ["aborted", "last"]);
    t.true(cpu(since) < 10 * cost, `${cpu(since)} of ${30 * cost} microseconds for what was aborted`);
    for (const rows of into) t.deepEqual(rows, blank(10, 256), "nothing was written");
  } finally {
    setThreads(before);
  }
});

test("an abort after the end changes nothing", async (t) => {
  const controller = new AbortController();
  const top = await large.topKAsync(few, { k: 3, signal: controller.signal });
  controller.abort();
  t.deepEqual(top, large.topK(few, { k: 3 }));
});

test("a thousand calls at once under one signal give each its own result", async (t) => {
  using catalogue = catalogueOf(1000);
  const warnings: Error[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning);
  process.on("warning", onWarning);
  const { signal } = new AbortController();
  const query = (at: number): Float32Array => many.subarray(at % 16_000, (at % 16_000) + dimension);
  const all = await Promise.all(
    Array.from({ length: 1000 }, (_, at) => catalogue.topKAsync(query(at), { k: 5, signal })),
  );
  for (const [at, top] of all.entries()) t.deepEqual(top, catalogue.topK(query(at), { k: 5 }));
  await new Promise(setImmediate);
  process.off("warning", onWarning);
  t.deepEqual(warnings, []);
});

test.serial("workers that end with pending calls take nothing down and give their memory back", async (t) => {
  const megabytes = (): number => process.memoryUsage().rss / 2 ** 20;
  let before = 0;
  for (let round = 0; round < 20; round++) {
    const worker = new Worker(new URL("./pendingCalls.js", import.meta.url), {
      workerData: { calls: 1 + (round % 5) * 40 },
    });
    await once(worker, "message");
    if (round % 2 === 0) await new Promise(setImmediate);
    await worker.terminate();
    if (round === 4) before = megabytes();
  }
  t.deepEqual(await large.topKAsync(few, { k: 3 }), large.topK(few, { k: 3 }), "calls of this thread go on");
  // Each held a catalogue of some 16 MiB: 15 of them would be 240.
  t.true(megabytes() - before < 120, `grew by ${megabytes() - before} MiB`);
});

/** A process of its own with pending calls. */
function run(mode: string): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const script = fileURLToPath(new URL("./pendingCalls.js", import.meta.url));
  return new Promise((resolve) => {
    execFile(process.execPath, [script, mode], { timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : (error.code ?? error.signal), stdout, stderr });
    });
  });
}

test("pending calls keep a process alive until they end", async (t) => {
  t.deepEqual(await run("abandon"), { code: 0, stdout: "20\n", stderr: "" });
});

test("a queue with nothing to do lets a process end", async (t) => {
  t.deepEqual(await run("idle"), { code: 0, stdout: "idle\n", stderr: "" });
});

test("a process that exits while calls run keeps its exit code", async (t) => {
  t.deepEqual(await run("exit"), { code: 7, stdout: "", stderr: "" });
});
