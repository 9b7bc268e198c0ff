/** The inside of a thread of passes: reads its file, then answers pass after pass until it is ended. */
import { parentPort, workerData } from "node:worker_threads";
import { setLane } from "../../native/addon.js";
import { Llama4RecError } from "../../native/errors.js";
import { sentError } from "../../training/messages.js";
import { StopFlag } from "../../training/stopFlag.js";
import { evaluate } from "./pass.js";
import type { FromPassThread, PassJob, ToPassThread } from "./passWorker.js";
import { readNetwork } from "./pocketFile.js";

if (parentPort === null)
  throw new Llama4RecError("E_INTERNAL", "this module is the inside of a worker thread");
const port = parentPort;

const send = (message: FromPassThread, transfer: ArrayBuffer[] = []): void =>
  port.postMessage(message, transfer);

/** Ends a pass that nobody waits for. */
const left = (): never => {
  throw new DOMException("the pass was left", "AbortError");
};

try {
  const { path, sha256, threads } = workerData as PassJob;
  setLane(threads, false);
  const network = await readNetwork(path, sha256);
  port.on("message", async ({ pass, stop }: ToPassThread) => {
    const flag = new StopFlag(stop);
    try {
      const values = await evaluate(network, pass, () => (flag.aborted ? left() : undefined));
      send({ type: "done", values }, [values.buffer as ArrayBuffer]);
    } catch (error) {
      send({ type: "failed", error: sentError(error) });
    }
  });
  send({ type: "ready" });
} catch (error) {
  send({ type: "failed", error: sentError(error) });
}
