/** Many environments in one process, and processes that end in the middle of the work. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import test from "ava";
import { native } from "../../lib/native/addon.js";

const startWorker = (epochs: number): Worker =>
  new Worker(new URL("./worker.js", import.meta.url), { workerData: { epochs } });

test.serial("several workers train at once and come to the same bits", async (t) => {
  const results = await Promise.all(
    [1, 2, 3].map(async () => {
      const worker = startWorker(3);
      const messages: { vectors?: Float32Array; inverse?: number }[] = [];
      worker.on("message", (message) => messages.push(message));
      t.deepEqual(await once(worker, "exit"), [0]);
      return messages.at(-1);
    }),
  );
  t.true(results[0]?.vectors?.some((value) => value !== 0));
  for (const result of results) {
    t.deepEqual(result?.vectors, results[0]?.vectors);
    t.is(result?.inverse, 0.5);
  }
});

test.serial("workers terminated mid training take nothing down and give their memory back", async (t) => {
  const megabytes = (): number => process.memoryUsage().rss / 2 ** 20;
  const rounds = 20;
  let before = 0;
  const ids: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const worker = startWorker(10_000);
    const [{ held }] = (await once(worker, "message")) as [{ held: number }];
    ids.push(held);
    if (round % 2 === 0) await new Promise(setImmediate);
    await worker.terminate();
    if (round === 4) before = megabytes();
  }
  for (const id of ids)
    t.throws(() => native().parameterAcquire(id), { code: "E_DISPOSED" }, "its lease is gone");
  // Each held 32 MiB natively: 15 of them would be 480.
  t.true(megabytes() - before < 200, `grew by ${megabytes() - before} MiB`);
});

test.serial("a lease of another thread keeps a parameter alive after its maker ended", async (t) => {
  const worker = startWorker(10_000);
  const [{ held }] = (await once(worker, "message")) as [{ held: number }];
  native().parameterAcquire(held);
  await worker.terminate();
  t.is(native().parameterRead(held).length, 8 << 20);
  native().parameterRelease(held);
  t.throws(() => native().parameterRead(held), { code: "E_DISPOSED" });
});

function engine(
  args: string[],
  env: Record<string, string> = {},
): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const script = fileURLToPath(new URL("./engine.js", import.meta.url));
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [script, ...args],
      { env: { ...process.env, ...env } },
      (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : (error.code ?? error.signal), stdout, stderr });
      },
    );
  });
}

test("a process that exits mid training keeps its exit code", async (t) => {
  t.deepEqual(await engine(["exit"]), { code: 7, stdout: "", stderr: "" });
});

test("LLAMA4REC_CPU=scalar and LLAMA4REC_THREADS are obeyed", async (t) => {
  const { stdout } = await engine([], { LLAMA4REC_CPU: "scalar", LLAMA4REC_THREADS: "3" });
  t.deepEqual(JSON.parse(stdout), { level: "scalar", threads: 3 });
});

for (const [name, value, expected] of [
  ["LLAMA4REC_CPU", "nonsense", /^LLAMA4REC_CPU: expected one of scalar.*got "nonsense"$/],
  ["LLAMA4REC_THREADS", "bad", /^LLAMA4REC_THREADS: expected an integer in 1\.\.256, got "bad"$/],
  ["LLAMA4REC_THREADS", "0", /got "0"$/],
  ["LLAMA4REC_THREADS", "2x", /got "2x"$/],
] as const)
  test(`${name}=${value} is a clear error`, async (t) => {
    const { code, stdout } = await engine([], { [name]: value });
    t.is(code, 0);
    const error = JSON.parse(stdout);
    t.is(error.code, "E_ARGUMENT");
    t.regex(error.message, expected);
  });
