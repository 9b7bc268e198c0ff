/** A worker or process with asynchronous calls that are pending: says so, and leaves what follows to its caller. */
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { Catalogue } from "../../lib/native/catalogue.js";
import { randomNumbers } from "./randomNumbers.js";

const dimension = 64;
const calls = isMainThread ? 20 : (workerData as { calls: number }).calls;
const catalogue = new Catalogue(randomNumbers(50_000 * dimension, 1), { dimension });
const queries = randomNumbers(64 * dimension, 2);
const pending = Array.from({ length: calls }, () => catalogue.topKAsync(queries, { k: 100 }));
catalogue.dispose();

switch (isMainThread ? process.argv[2] : "worker") {
  case "worker":
    parentPort?.postMessage("pending");
    break;
  case "exit":
    await pending[0]; // the others run or wait
    process.exit(7);
    break;
  case "abandon":
    // Nothing but the calls keeps the process alive; it ends when they have ended.
    Promise.all(pending).then((all) => console.log(all.length));
    break;
  case "idle":
    await Promise.all(pending);
    console.log("idle"); // a queue that has nothing to do keeps nothing alive
    break;
}
