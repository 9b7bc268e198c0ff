/** A process of its own: prints what the engine found, or the code and text of the error; `exit` leaves mid training. */
import { Worker } from "node:worker_threads";
import { cpuInfo, threads } from "../../lib/native/addon.js";
import { Llama4RecError } from "../../lib/native/errors.js";

if (process.argv[2] === "exit") {
  const worker = new Worker(new URL("./worker.js", import.meta.url), { workerData: { epochs: 10_000 } });
  worker.once("message", () => process.exit(7));
} else {
  try {
    console.log(JSON.stringify({ level: cpuInfo().level, threads: threads() }));
  } catch (error) {
    if (!(error instanceof Llama4RecError)) throw error;
    console.log(JSON.stringify({ code: error.code, message: error.message }));
  }
}
