import { generateShop } from "../../lib/data/shop/index.js";
import { split } from "../../lib/data/split.js";
import { TrainView } from "../../lib/data/trainView.js";
import { findBackbone } from "../../lib/models/registry.js";
import { native, setThreads, threads } from "../../lib/native/addon.js";
import { train } from "../../lib/training/train.js";

/** BPR triples a second of one thread and of all, sampling and optimizer included; on the likes of a generated shop. */
export async function factorTraining(users: number, items: number, interactions: number): Promise<string> {
  const { train: view } = split(generateShop({ users, items, interactions }));
  const epochs = Math.max(3, Math.round(2_000_000 / view.interactionCount));
  let cpuRate = 0;
  const rate = async (count: number): Promise<number> => {
    setThreads(count);
    const cpu = process.cpuUsage();
    const start = performance.now();
    const { ranker } = await train({
      backbone: findBackbone("MF", "direct"),
      view,
      hyperparameters: { epochs, negatives: 1 },
      seed: 1,
      worker: false,
    });
    ranker.dispose();
    const { user, system } = process.cpuUsage(cpu);
    if (count === 1) cpuRate = (epochs * view.interactionCount) / ((user + system) / 1e6);
    return (epochs * view.interactionCount) / ((performance.now() - start) / 1000);
  };
  const all = threads();
  const single = await rate(1);
  const parallel = all > 1 ? await rate(all) : single;
  setThreads(all);
  const millions = (value: number): string => `${(value / 1e6).toFixed(2)} M/s`;
  return (
    `MF (BPR, d 64, batch 2,048) on ${view.interactionCount.toLocaleString("en")} interactions: ` +
    `${millions(single)} with 1 thread (${millions(cpuRate)} by CPU time; goal, and implicit's BPR quoted: 2.5 M/s), ` +
    `${millions(parallel)} with ${all}`
  );
}

const sequences = { users: 1280, items: 3416, length: 50, dimension: 64, hidden: 64, blocks: 2 } as const;

/** Histories of one full window each, so that nothing is padded and nothing is short. */
function fullWindows(): TrainView {
  const { users, items, length } = sequences;
  const perUser = length + 1;
  return new TrainView({
    userCount: users,
    itemCount: items,
    offsets: Int32Array.from({ length: users + 1 }, (_, user) => user * perUser),
    items: Int32Array.from(
      { length: users * perUser },
      (_, i) => (Math.floor(i / perUser) * 613 + (i % perUser) * 67) % items,
    ),
    ratings: new Float32Array(users * perUser).fill(5),
    titles: Array.from({ length: items }, (_, item) => `Item ${item}`),
    itemAttributes: {},
    userAttributes: {},
  });
}

/** Multiply-adds of one sample, forward and backward, times two: products and the causal half of attention alone. */
function operationsOfSample(): number {
  const { length, dimension: d, hidden, blocks } = sequences;
  const products = 2 * d * (3 * d + d + 2 * hidden);
  const attention = 2 * 2 * d * ((length + 1) / 2);
  const scores = 2 * 2 * d;
  return 3 * length * (blocks * (products + attention) + scores);
}

/** SASRec samples a second, sampling and optimizer included, and the share of the FMA limit. */
export async function sequenceTraining(count: number): Promise<string> {
  const view = fullWindows();
  const before = threads();
  setThreads(count);
  try {
    const rateOf = async (epochs: number): Promise<number> => {
      const start = performance.now();
      const { ranker } = await train({
        backbone: findBackbone("SASRec", "sequential"),
        view,
        hyperparameters: {
          epochs,
          negatives: 1,
          dropout: 0.2,
          batchSize: 128,
          heads: 1,
          hidden: sequences.hidden,
        },
        seed: 1,
        worker: false,
      });
      ranker.dispose();
      return (epochs * sequences.users) / ((performance.now() - start) / 1000);
    };
    await rateOf(1); // caches and the arena are warm after it
    const rate = await rateOf(8);
    const gigaflops = (rate * operationsOfSample()) / 1e9;
    const limit = native().fmaRate(count);
    return (
      `SASRec (BCE, L 50, d 64, batch 128, ${sequences.items.toLocaleString("en")} items): ` +
      `${Math.round(rate).toLocaleString("en")} samples/s with ${count} ${count === 1 ? "thread" : "threads"}, ` +
      `${gigaflops.toFixed(1)} of ${limit.toFixed(1)} GFLOP/s (${((100 * gigaflops) / limit).toFixed(0)} % of the FMA limit)`
    );
  } finally {
    setThreads(before);
  }
}
