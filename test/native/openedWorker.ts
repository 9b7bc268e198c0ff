/** A worker thread: answers from the catalogue whose id it is given. */
import { parentPort, workerData } from "node:worker_threads";
import { Catalogue } from "../../lib/native/catalogue.js";
import { answers } from "./answers.js";

using catalogue = new Catalogue(null, { shared: (workerData as { id: number }).id });
parentPort?.postMessage({ size: catalogue.size, answers: answers(catalogue) });
