/** The inside of a tuning thread: reads its job, tunes, reports, and waits to be ended. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { isMainThread, workerData } from "node:worker_threads";
import { setLane } from "../../native/addon.js";
import { Llama4RecError } from "../../native/errors.js";
import { sentError } from "../../training/messages.js";
import { StopFlag } from "../../training/stopFlag.js";
import { runTuneJob } from "./job.js";
import type { FromTuneThread, TuneThreadJob } from "./threadClient.js";

/** Thrown where the flag is seen; nobody hears of it, for the caller has rejected already. */
class Aborted extends Error {}

async function run({ port, stop: memory, threads, ...job }: TuneThreadJob): Promise<void> {
  port.on("message", () => {}); // keeps the thread until it is ended
  const send = (message: FromTuneThread): void => port.postMessage(message);
  const stop = new StopFlag(memory);
  try {
    setLane(threads, true);
    const tuned = await runTuneJob(job, {
      onProgress: (report) => send({ type: "progress", report }),
      checkAborted() {
        if (stop.aborted) throw new Aborted();
      },
      turn: () => nextTurn(),
      whole: (body) => stop.whole(body),
      work: (body) => body(),
    });
    send({ type: "result", tuned });
  } catch (error) {
    send({ type: "failed", error: sentError(error) });
  }
}

if (isMainThread) throw new Llama4RecError("E_INTERNAL", "this module is the inside of a worker thread");
await run(workerData as TuneThreadJob);
