/** Trains a tiny model without end; says what it holds after the first epoch, and again after every tenth. */
import { parentPort, workerData } from "node:worker_threads";
import { generateShop } from "../../lib/data/shop/index.js";
import { split } from "../../lib/data/split.js";
import { findBackbone } from "../../lib/models/registry.js";
import { spdInverse } from "../../lib/native/linalg.js";
import { Parameter } from "../../lib/native/parameter.js";
import { train } from "../../lib/training/train.js";

const { epochs } = workerData as { epochs: number };
const held = new Parameter("held", 1 << 20, 8).fillUniform(0, 1, 1, 0);
const { train: view } = split(generateShop({ users: 30, items: 60, interactions: 300 }));
const size = 400;
const matrix = Float64Array.from({ length: size * size }, (_, at) => (at % (size + 1) === 0 ? 2 : 0));
const inverse = spdInverse(matrix, size);
const { ranker } = await train({
  backbone: findBackbone("MF", "direct"),
  view,
  seed: 1,
  worker: false, // it is in one already
  hyperparameters: { epochs, dimension: 8 },
  onEpoch: ({ epoch }) => {
    if (epoch === 2) parentPort?.postMessage({ held: held.id });
  },
});
parentPort?.postMessage({ vectors: ranker.userVectors, inverse: (await inverse)[0] });
