/** Training of backbones on this thread: sampling, forward, backward and optimizer. */

import { generateShop } from "../../lib/data/shop/index.js";
import { split } from "../../lib/data/split.js";
import type { TrainView } from "../../lib/data/trainView.js";
import { findBackbone } from "../../lib/models/registry.js";
import { train } from "../../lib/training/train.js";
import { trainRating } from "../../lib/training/trainRating.js";
import type { Bench, Parts } from "./part.js";
import { QUOTED_NOTE, quoted, quotedSeconds } from "./quoted.js";
import { byCpu, type Rival, type Work } from "./row.js";
import { perOne } from "./timing.js";
import { fullWindows, sizes, syntheticView } from "./trainingData.js";
import { type Hooks, type StepTimes, timeSteps } from "./trainingSteps.js";

/** Timed steps of a training, seconds. */
const SECONDS = 4;
/** Of the graph model, whose steps are longer. */
const GRAPH_SECONDS = 8;
/** More than any of these trainings comes to. */
const EPOCHS = 10_000;
const batchSize = 128;

export const trainingParts: Parts = {
  "training/SASRec-50": (bench) => sasrec(bench, { length: 50, d: 64 }, quotedSeconds.sasrec50Step),
  "training/SASRec-200": (bench) => sasrec(bench, { length: 200, d: 50 }, quotedSeconds.sasrec200Step),
  "training/MF": factors,
  "training/LightGCN": graph,
  "training/DeepFM": rating,
};

interface SequenceSizes {
  readonly length: number;
  /** Also the width of the feed-forward layer. */
  readonly d: number;
}

const items = 3416;
const blocks = 2;

async function sasrec(
  bench: Bench,
  { length, d }: SequenceSizes,
  rival: Parameters<typeof quoted>[1],
): Promise<Work[]> {
  const view = fullWindows({ users: 10 * batchSize, items, length });
  const shape = { length, dimension: d, hidden: d, blocks, heads: 1 };
  const { timing } = await timeTraining("SASRec", view, { ...shape, negatives: 1, dropout: 0.2, batchSize });
  return [
    against(quoted(bench, rival), {
      name: `SASRec, L ${length}, d ${d}, batch ${batchSize}`,
      unit: "CPU s/step",
      ours: timing,
      limit: {
        name: "float32 FMA limit",
        seconds: (batchSize * operationsOfSample({ length, d })) / bench.machine.limits.fma / 1e9,
      },
      goals: { peer: 2.5 },
    }),
  ];
}

/** Multiply-adds of one sample, forward and backward, times two: products and the causal half of attention alone. */
function operationsOfSample({ length, d }: SequenceSizes): number {
  const products = 2 * d * (3 * d + d + 2 * d);
  const attention = 2 * 2 * d * ((length + 1) / 2);
  const scores = 2 * 2 * d;
  return 3 * length * (blocks * (products + attention) + scores);
}

async function factors(bench: Bench): Promise<Work[]> {
  const view = syntheticView("MovieLens-1M");
  const times = await timeTraining("MF", view, { dimension: 64, batchSize: 2048, negatives: 1 });
  const share = view.interactionCount / sizes["MovieLens-1M"].interactions;
  return [
    against(quoted(bench, quotedSeconds.mfEpoch, share), {
      name: `MF by BPR, d 64, ${view.interactionCount.toLocaleString("en")} interactions`,
      ...epochOf(times),
      goals: { peer: 2 },
    }),
  ];
}

async function graph(bench: Bench): Promise<Work[]> {
  const view = syntheticView("MovieLens-1M");
  const shape = { dimension: 64, layers: 3, batchSize: 2048, negatives: 1 };
  const times = await timeTraining("LightGCN", view, shape, GRAPH_SECONDS);
  return [
    against(quoted(bench, quotedSeconds.lightGcnStep, times.batches), {
      name: `LightGCN by BPR, 3 layers, d 64, ${view.interactionCount.toLocaleString("en")} interactions`,
      ...epochOf(times),
      goals: { peer: 2 },
    }),
  ];
}

/** DeepFM with its default sizes; no rival's figure is known. */
async function rating(): Promise<Work[]> {
  const { train: view } = split(generateShop(sizes["MovieLens-100K"]), { likeThreshold: null });
  const backbone = findBackbone("DeepFM", "rating");
  const times = await timeSteps(
    (hooks) => trainRating({ backbone, view, hyperparameters: { epochs: EPOCHS }, ...inline(hooks) }),
    SECONDS,
  );
  return [
    {
      name: `DeepFM, default sizes, ${view.interactionCount.toLocaleString("en")} ratings`,
      ...epochOf(times),
    },
  ];
}

const inline = (hooks: Hooks) => ({ seed: 1, worker: false, ...hooks }) as const;

function timeTraining(
  name: string,
  view: TrainView,
  hyperparameters: Readonly<Record<string, number>>,
  seconds = SECONDS,
): Promise<StepTimes> {
  const options = { backbone: name, view, hyperparameters: { ...hyperparameters, epochs: EPOCHS } };
  return timeSteps((hooks) => train({ ...options, ...inline(hooks) }), seconds);
}

/** An epoch by the time of its steps. */
function epochOf({ timing, batches }: StepTimes): Pick<Work, "unit" | "ours"> {
  return { unit: "CPU s/epoch", ours: byCpu(perOne(timing, 1 / batches)) };
}

/** Beside a figure in CPU time. */
function against(rival: Rival, work: Work): Work {
  return { ...work, ours: byCpu(work.ours), rivals: [rival], note: QUOTED_NOTE };
}
