import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Dataset } from "../../lib/data/dataset.js";
import { openDataset } from "../../lib/data/open.js";
import { generateShop } from "../../lib/data/shop/index.js";
import { split } from "../../lib/data/split.js";
import { TrainView } from "../../lib/data/trainView.js";
import { findBackbone } from "../../lib/models/registry.js";
import { setThreads, threads } from "../../lib/native/addon.js";
import { train } from "../../lib/training/train.js";
import { trainRating } from "../../lib/training/trainRating.js";

/** CPU seconds of an epoch with torch's CSR product, quoted, not measured here: for so many rows. */
const torchSeconds = 0.7;
const quotedRows = 100_000;
/** What an epoch over them should take. */
const goalSeconds = 0.5;

/** Every row of a data set as training rows. */
function allRows({ users, items, interactions }: Dataset): TrainView {
  const offsets = new Int32Array(users.size + 1);
  for (const user of interactions.users) offsets[user + 1]++;
  for (let user = 0; user < users.size; user++) offsets[user + 1] += offsets[user];
  const next = offsets.slice();
  const sorted = new Int32Array(interactions.items.length);
  for (const [row, item] of interactions.items.entries()) sorted[next[interactions.users[row]]++] = item;
  return new TrainView({
    userCount: users.size,
    itemCount: items.size,
    offsets,
    items: sorted,
    ratings: new Float32Array(sorted.length).fill(5),
    titles: Array.from({ length: items.size }, (_, item) => `Item ${item}`),
    itemAttributes: {},
    userAttributes: {},
  });
}

/** MovieLens 100K where it is, else a generated shop of its size. */
async function dataset(): Promise<{ data: Dataset; name: string }> {
  const folder = join(process.env.LLAMA4REC_DATA ?? "data", "ml-100k");
  if (existsSync(folder)) return { data: await openDataset({ data: folder }), name: "MovieLens 100K" };
  return {
    data: generateShop({ users: 943, items: 1682, interactions: quotedRows }),
    name: "a generated shop of MovieLens 100K's size",
  };
}

/** Of an epoch, median over all but the first, which warms caches and the arena. */
interface EpochTime {
  readonly wall: number;
  /** Of all threads of the process. */
  readonly cpu: number;
}

/** Times six epochs on one thread. */
async function timeEpochs(
  run: (epochs: number, onEpoch: () => void) => Promise<Disposable>,
): Promise<EpochTime> {
  const before = threads();
  setThreads(1);
  try {
    const times: EpochTime[] = [];
    let wall = performance.now();
    let cpu = process.cpuUsage();
    using _ = await run(6, () => {
      const { user, system } = process.cpuUsage(cpu);
      times.push({ wall: (performance.now() - wall) / 1000, cpu: (user + system) / 1e6 });
      wall = performance.now();
      cpu = process.cpuUsage();
    });
    const median = (of: (time: EpochTime) => number): number =>
      times
        .slice(1)
        .map(of)
        .sort((a, b) => a - b)[2];
    return { wall: median((time) => time.wall), cpu: median((time) => time.cpu) };
  } finally {
    setThreads(before);
  }
}

const text = ({ wall, cpu }: EpochTime): string =>
  `${cpu.toFixed(2)} CPU s (${wall.toFixed(2)} s wall) an epoch`;

/** LightGCN (BPR, d 64, 3 layers, batch 2,048) over all rows, the setting of the figure quoted beside it. */
export async function graphTraining(): Promise<string> {
  const { data, name } = await dataset();
  const view = allRows(data);
  const time = await timeEpochs(async (epochs, onEpoch) => {
    const hyperparameters = { dimension: 64, layers: 3, batchSize: 2048, negatives: 1, epochs };
    const backbone = findBackbone("LightGCN", "direct");
    return (await train({ backbone, view, hyperparameters, seed: 1, worker: false, onEpoch })).ranker;
  });
  const share = view.interactionCount / quotedRows;
  const quoted = torchSeconds * share;
  return (
    `LightGCN (BPR, d 64, 3 layers, batch 2,048) on ${name}, ${view.interactionCount.toLocaleString("en")} ` +
    `interactions, 1 thread: ${text(time)}, ${(quoted / time.cpu).toFixed(1)} times as fast as torch CSR ` +
    `(quoted: ${quoted.toFixed(2)} CPU s; goal: ${(goalSeconds * share).toFixed(2)} CPU s)`
  );
}

/** DeepFM with its default sizes on the training part of a rating split. */
export async function ratingTraining(): Promise<string> {
  const { data, name } = await dataset();
  const { train: view } = split(data, { likeThreshold: null });
  const time = await timeEpochs(async (epochs, onEpoch) => {
    const backbone = findBackbone("DeepFM", "rating");
    const options = { backbone, view, hyperparameters: { epochs }, seed: 1, worker: false, onEpoch };
    return (await trainRating(options)).predictor;
  });
  return (
    `DeepFM (default sizes, batch 1,024) on ${name}, ${view.interactionCount.toLocaleString("en")} ratings, ` +
    `1 thread: ${text(time)}`
  );
}
