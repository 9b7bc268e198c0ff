/** An abort at every stage ends the thread, rejects with the signal's reason and leaves nothing behind. */
import { subscribe } from "node:diagnostics_channel";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import test, { type ExecutionContext } from "ava";
import { verifyTensorFile } from "../../lib/storage/safetensors.js";
import type { TrainOptions } from "../../lib/training/train.js";
import { growthOfEndedThreads } from "./endedThreads.js";
import { exported, fitModel, heldOut } from "./fitModel.js";

const reason = new Error("enough");
const long = { hyperparameters: { epochs: 10_000 } };

/** Every thread that this process has started. */
const threads: Worker[] = [];
subscribe("worker_threads", (message) => threads.push((message as { worker: Worker }).worker));
/** A thread that has ended has no id. */
const runningThreads = (): number => threads.filter(({ threadId }) => threadId !== -1).length;

/** Trains in a worker and expects the abort that `stages` sets off. */
async function stopped(
  t: ExecutionContext,
  stages: (abort: () => void) => Partial<TrainOptions>,
): Promise<void> {
  const controller = new AbortController();
  const training = fitModel({
    worker: true,
    ...stages(() => controller.abort(reason)),
    signal: controller.signal,
  });
  await t.throwsAsync(training, { is: reason });
  t.is(runningThreads(), 0, "its thread has ended");
}

test.serial("a thread is seen while it runs", async (t) => {
  let seen = 0;
  await fitModel({
    worker: true,
    onEpoch: () => {
      seen = runningThreads();
    },
  });
  t.is(seen, 1);
  t.is(runningThreads(), 0);
});

test.serial("before it starts", async (t) => {
  await t.throwsAsync(fitModel({ worker: true, signal: AbortSignal.abort(reason) }), { is: reason });
  await stopped(t, (abort) => {
    queueMicrotask(abort);
    return long;
  });
});

test.serial("while its module is loaded", async (t) => {
  await stopped(t, (abort) => {
    setTimeout(abort, 100);
    return { backbone: { module: new URL("./hanging.js", import.meta.url) } };
  });
});

test.serial("while it trains; nothing is heard of it afterwards", async (t) => {
  let epochs = 0;
  await stopped(t, (abort) => ({
    ...long,
    onEpoch: () => {
      epochs++;
      abort();
    },
  }));
  t.is(epochs, 1);
});

test.serial("in the middle of a function that never returns", async (t) => {
  await stopped(t, (abort) => ({
    backbone: exported("endless"),
    onStep: () => setTimeout(abort, 20),
  }));
});

test.serial("while this thread validates", async (t) => {
  await stopped(t, (abort) => ({
    validate: () => {
      abort();
      return new Promise(() => {});
    },
  }));
});

test.serial("on this thread: while its module is loaded, and while validate waits", async (t) => {
  for (const options of [
    { backbone: { module: new URL("./hanging.js", import.meta.url) } },
    { validate: () => new Promise<number>(() => {}) },
    { onEpoch: () => new Promise<never>(() => {}) },
  ])
    await stopped(t, (abort) => {
      setTimeout(abort, 50);
      return { worker: false, ...options };
    });
});

test.serial("while the thread itself validates", async (t) => {
  await stopped(t, (abort) => ({
    ...long,
    validation: { heldOut },
    evaluateEvery: 1,
    patience: 10_000,
    onStep: () => setTimeout(abort, 7),
  }));
});

test.serial("while the result is on its way", async (t) => {
  for (const worker of [true, false])
    await stopped(t, (abort) => ({ worker, onEpoch: ({ epoch, epochs }) => epoch === epochs && abort() }));
});

test.serial(
  "while checkpoints are written: the file is whole, the last one announced or newer, and alone",
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "llama4rec-"));
    const path = join(folder, "run.checkpoint");
    try {
      for (let round = 0; round < 6; round++) {
        await stopped(t, (abort) => ({
          ...long,
          checkpoint: { path, everySeconds: 0 },
          onCheckpoint: () => setTimeout(abort, round),
        }));
        t.deepEqual(readdirSync(folder), ["run.checkpoint"]);
        await t.notThrowsAsync(verifyTensorFile(path));
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

test.serial("an abort before the next checkpoint leaves the file as it is", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "llama4rec-"));
  const path = join(folder, "run.checkpoint");
  try {
    await fitModel({ hyperparameters: { epochs: 2 }, checkpoint: { path } });
    const before = readFileSync(path);
    for (const worker of [true, false]) {
      const controller = new AbortController();
      const training = fitModel({
        worker,
        ...long,
        checkpoint: { path },
        signal: controller.signal,
        onEpoch: () => controller.abort(reason),
      });
      await t.throwsAsync(training, { is: reason });
      t.deepEqual(readFileSync(path), before);
      t.deepEqual(readdirSync(folder), ["run.checkpoint"]);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.serial("threads ended at any moment leave no memory behind", async (t) => {
  const grown = await growthOfEndedThreads(20);
  t.true(grown < 80, `grew by ${grown} MiB`); // each held 24 MiB or more: 12 of them would be 288
});
