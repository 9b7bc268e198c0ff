/** A training in steady state needs no more memory than it has. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import test from "ava";
import { TrainView } from "../../lib/data/trainView.js";
import { listBackbones } from "../../lib/models/registry.js";
import { type EpochReport, train } from "../../lib/training/train.js";
import { trainRating } from "../../lib/training/trainRating.js";
import { randomView } from "../models/planted.js";
import { fitModel } from "./fitModel.js";

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

/** Resident set and memory of arrays outside V8's heap, in MiB, of what is still in use. */
const memory = (): { resident: number; external: number } => {
  collect();
  collect(); // the first one leaves arrays to be freed in the background, the second waits for that
  const { rss, external } = process.memoryUsage();
  return { resident: rss / 2 ** 20, external: external / 2 ** 20 };
};

test.serial("a thousand steps leave resident memory as it was", async (t) => {
  let before = memory();
  let after = before;
  await fitModel({
    hyperparameters: { dimension: 256, epochs: 200 }, // 7 steps an epoch
    onEpoch: ({ epoch, epochs }) => {
      if (epoch === 50) before = memory();
      if (epoch === epochs) after = memory();
    },
  });
  // A step makes a megabyte of tensors.
  t.true(after.resident - before.resident < 20, `grew by ${after.resident - before.resident} MiB`);
});

/** Sizes at which a step makes some hundred kilobytes: a leak of one step's tensors would show. */
const small = {
  dimension: 16,
  hidden: 32,
  hidden1: 32,
  hidden2: 0,
  length: 8,
  negatives: 1,
  temperature: 0,
  batchSize: 64,
} as const;

const plain = randomView(128, 60, 6);
/** Ratings of 1 to 5, for the models that predict them. */
const view = new TrainView({ ...plain, ratings: plain.ratings.map((_, at) => 1 + (at % 5)) });

for (const backbone of listBackbones()) {
  test.serial(`${backbone.name}: a thousand steps leave memory as it was`, async (t) => {
    const { hyperparameters: known } = backbone;
    const sizes = Object.entries(small).filter(([name, value]) => value >= (known[name]?.low ?? Infinity));
    const perEpoch = backbone.task === "sequential" ? 2 : Math.ceil(view.interactionCount / small.batchSize);
    const epochs = Math.ceil(1300 / perEpoch);
    const warm = Math.ceil(300 / perEpoch);
    let before = memory();
    let after = before;
    const options = {
      view,
      seed: 1,
      worker: false,
      hyperparameters: {
        ...Object.fromEntries(sizes),
        ...(backbone.task === "direct" ? { dimension: 128 } : {}), // few tensors a step
        epochs,
      },
      onEpoch: ({ epoch }: EpochReport) => {
        if (epoch === warm) before = memory();
        if (epoch === epochs) after = memory();
      },
    };
    if (backbone.task === "rating") (await trainRating({ backbone, ...options })).predictor.dispose();
    else (await train({ backbone, ...options })).ranker.dispose();
    const resident = after.resident - before.resident;
    const external = after.external - before.external;
    // Twenty kilobytes a step in native memory, one in arrays: allocators keep some megabytes, arrays nothing.
    t.true(resident < 20, `resident memory grew by ${resident.toFixed(1)} MiB`);
    t.true(external < 1, `external memory grew by ${external.toFixed(1)} MiB`);
  });
}
