import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Dataset } from "../../lib/data/dataset.js";
import { openDataset } from "../../lib/data/open.js";
import { generateShop } from "../../lib/data/shop/index.js";
import { TrainView } from "../../lib/data/trainView.js";
import { findBackbone } from "../../lib/models/registry.js";
import { setThreads, threads } from "../../lib/native/addon.js";
import { train } from "../../lib/training/train.js";

/** Seconds of an epoch with torch's CSR product on one thread, quoted, not measured here: for these 100,000 rows. */
const torchSeconds = 0.7;
const torchRows = 100_000;

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

/** Seconds of one LightGCN epoch (BPR, d 64, 3 layers, batch 2,048) on one thread: MovieLens 100K, else a shop of its size. */
export async function graphTraining(): Promise<string> {
  const folder = join(process.env.LLAMA4REC_DATA ?? "data", "ml-100k");
  const real = existsSync(folder);
  const dataset = real
    ? await openDataset({ data: folder })
    : generateShop({ users: 943, items: 1682, interactions: torchRows });
  const view = allRows(dataset);
  const before = threads();
  setThreads(1);
  try {
    const seconds: number[] = [];
    let last = performance.now();
    const { ranker } = await train({
      backbone: findBackbone("LightGCN", "direct"),
      view,
      hyperparameters: { dimension: 64, layers: 3, batchSize: 2048, negatives: 1, epochs: 6 },
      seed: 1,
      worker: false,
      onEpoch() {
        const now = performance.now();
        seconds.push((now - last) / 1000);
        last = now;
      },
    });
    ranker.dispose();
    const epoch = seconds.slice(1).sort((a, b) => a - b)[2]; // the first one warms caches and the arena
    const quoted = (torchSeconds * view.interactionCount) / torchRows;
    return (
      `LightGCN (BPR, d 64, 3 layers, batch 2,048) on ${real ? "MovieLens 100K" : "a generated shop"}, ` +
      `${view.interactionCount.toLocaleString("en")} interactions: ${epoch.toFixed(2)} s an epoch with 1 thread, ` +
      `${(quoted / epoch).toFixed(1)} times as fast as torch CSR (quoted: ${quoted.toFixed(2)} s)`
    );
  } finally {
    setThreads(before);
  }
}
