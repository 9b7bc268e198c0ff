/** What the graph backbones and the softmax loss do beside what every backbone does. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import type { DirectDefinition } from "../../lib/models/backbone.js";
import { conformanceSuite } from "../../lib/models/conformance.js";
import { findBackbone, listBackbones } from "../../lib/models/registry.js";
import { type TrainOptions, train } from "../../lib/training/train.js";
import { bits, fitModel, view } from "../training/fitModel.js";
import { viewOf } from "./planted.js";

const graphModels = ["LightGCN", "MixGCF", "SGL"].map((name) => findBackbone(name, "direct"));
/** Those that take either loss: MixGCF always has negatives. */
const either = listBackbones("direct").filter(({ hyperparameters }) => hyperparameters.negatives.low === 0);

const losses: readonly Record<string, number>[] = [
  { negatives: 0 },
  { negatives: 0, temperature: 0.2 },
  { negatives: 3, temperature: 0 },
];
const mixedLosses: readonly Record<string, number>[] = [{ softmax: 0.5 }, { softmax: 1, temperature: 0.2 }];

for (const backbone of graphModels.concat(either).filter((each, at, all) => all.indexOf(each) === at))
  for (const loss of backbone.name === "MixGCF" ? mixedLosses : losses) {
    const [{ name, run }] = conformanceSuite(backbone, { hyperparameters: loss });
    test.serial(`${backbone.name} with ${JSON.stringify(loss)}: ${name}`, (t) => t.notThrowsAsync(run()));
  }

test("cosines serve a softmax over cosines: every item vector has length 1", async (t) => {
  for (const backbone of [...either, findBackbone("MixGCF", "direct")]) {
    const negatives = backbone.name === "MixGCF" ? 4 : 0;
    const { ranker } = await fitModel({ backbone, hyperparameters: { negatives, temperature: 0.2 } });
    for (let item = 0; item < ranker.itemCount; item++) {
      const vector = ranker.itemVectors.subarray(item * ranker.dimension, (item + 1) * ranker.dimension);
      t.true(Math.abs(Math.hypot(...vector) - 1) < 1e-5);
    }
    ranker.dispose();
  }
});

test("a hyper-parameter out of range is refused by name", async (t) => {
  const wrong: [name: string, hyperparameters: Record<string, number>, message: RegExp][] = [
    ["MF", { negatives: -1 }, /MF negatives: expected an integer in 0\.\.1000, got -1/],
    ["MF", { temperature: -1 }, /MF temperature/],
    ["LightGCN", { layers: 2.5 }, /LightGCN layers: expected an integer in 0\.\.16, got 2.5/],
    ["MixGCF", { negatives: 0 }, /MixGCF negatives: expected an integer in 1\.\.1000, got 0/],
    ["MixGCF", { temperatur: 0.1 }, /MixGCF hyper-parameter: .* did you mean "temperature"/],
    ["MixGCF", { softmax: -1 }, /MixGCF softmax: expected a number in 0\.\.100, got -1/],
    ["SGL", { edgeDrop: 1 }, /SGL edgeDrop: expected a number in 0\.\.0.95, got 1/],
    ["SGL", { contrastTemperature: 0 }, /SGL contrastTemperature/],
  ];
  for (const [name, hyperparameters, message] of wrong)
    await t.throwsAsync(fitModel({ backbone: findBackbone(name), hyperparameters }), {
      code: "E_ARGUMENT",
      message,
    });
});

test("users and items without rows stay finite; a view without rows is refused", async (t) => {
  const sparse = viewOf([[], [1, 2], [2], []], 5);
  for (const backbone of graphModels) {
    const { ranker } = await fitModel({ backbone, view: sparse });
    for (const value of [...ranker.userVectors, ...ranker.itemVectors])
      t.true(Number.isFinite(value), backbone.name);
    t.is(ranker.topK(Int32Array.of(0), { k: 5 }).counts[0], 5);
    ranker.dispose();
    await t.throwsAsync(fitModel({ backbone, view: viewOf([[], []], 3) }), {
      code: "E_ARGUMENT",
      message: /view: expected something to learn from/,
    });
  }
});

test("cut off within an epoch and resumed, graph models come to the same bits", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "llama4rec-"));
  try {
    for (const backbone of graphModels) {
      const options: Partial<TrainOptions> = { backbone, hyperparameters: { epochs: 4 } };
      const path = join(folder, backbone.name);
      const controller = new AbortController();
      const reason = new Error("cut off");
      // 40 users with 4 to 7 items: 5 batches or more an epoch, so that step 8 is within the second.
      const cut = fitModel({
        ...options,
        checkpoint: { path, everySeconds: 0 },
        signal: controller.signal,
        onCheckpoint: ({ step }) => step === 8 && controller.abort(reason),
      });
      await t.throwsAsync(cut, { is: reason });
      const resumed = await fitModel({ ...options, checkpoint: { path } });
      t.deepEqual(bits(resumed), bits(await fitModel(options)), backbone.name);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the same bits on a thread of its own", async (t) => {
  for (const backbone of graphModels) {
    const options = { backbone, view, hyperparameters: { dimension: 8, epochs: 2, batchSize: 32 }, seed: 3 };
    const here = await train({ ...options, worker: false });
    const there = await train({ ...options, worker: true, threads: 2 });
    t.deepEqual(bits(there), bits(here), backbone.name);
  }
});

test("a training says when an epoch begins and frees what a model holds, also when it fails", async (t) => {
  const seen: string[] = [];
  const watched = (fails: boolean): DirectDefinition => ({
    ...graphModels[0],
    name: "Watched",
    create: (...given) => {
      const model = graphModels[0].create(...given);
      return {
        parameters: model.parameters,
        startEpoch: (epoch) => {
          if (fails) throw new Error("no such thing");
          seen.push(`epoch ${epoch}`);
        },
        loss: (batch) => model.loss(batch),
        factors: () => model.factors(),
        [Symbol.dispose]() {
          seen.push("disposed");
          model[Symbol.dispose]?.();
        },
      };
    },
  });
  await fitModel({ backbone: watched(false), hyperparameters: { epochs: 2 } });
  t.deepEqual(seen.splice(0), ["epoch 1", "epoch 2", "disposed"]);
  await t.throwsAsync(fitModel({ backbone: watched(true) }), {
    code: "E_BACKBONE",
    message: /Watched: startEpoch failed: no such thing/,
  });
  await t.throwsAsync(fitModel({ backbone: watched(false), view: viewOf([[], []], 3) }), {
    code: "E_ARGUMENT",
  });
  t.deepEqual(seen, ["disposed", "disposed"]);
});
