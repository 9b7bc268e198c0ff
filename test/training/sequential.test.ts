/** Training of a sequential backbone: the same rules, over histories in time order. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import type { SequentialDefinition } from "../../lib/models/backbone.js";
import { BERT4REC } from "../../lib/models/sequential/bert4rec.js";
import { CL4SREC } from "../../lib/models/sequential/cl4srec.js";
import { SASREC } from "../../lib/models/sequential/sasrec.js";
import type { TrainOptions, TrainResult } from "../../lib/training/train.js";
import { viewOf } from "../models/planted.js";
import { fitModel, heldOut, view } from "./fitModel.js";

const length = 5;
const small = { dimension: 8, hidden: 8, blocks: 1, length, dropout: 0.3, epochs: 6, batchSize: 16 };

const fitSequences = (options: Partial<TrainOptions> = {}): Promise<TrainResult> =>
  fitModel({ backbone: SASREC, ...options, hyperparameters: { ...small, ...options.hyperparameters } });

const bits = ({ ranker }: TrainResult): Float32Array =>
  Float32Array.of(...ranker.userVectors, ...ranker.itemVectors);

type Values = Readonly<Record<string, number>>;

/** Each model in a form in which every draw has its part, and one value that changes what is drawn. */
const models: readonly { backbone: SequentialDefinition; all?: Values; drawn: Values }[] = [
  { backbone: SASREC, drawn: { dropout: 0 } },
  { backbone: BERT4REC, drawn: { maskRate: 0.6 } },
  { backbone: CL4SREC, all: { mask: 0.5, reorder: 0.5 }, drawn: { crop: 0.9 } },
];

for (const { backbone, all = {}, drawn } of models)
  test(`${backbone.name}, inline and in a worker at any number of threads: the same bits, draws among them`, async (t) => {
    const options = { backbone, hyperparameters: all, validation: { heldOut }, evaluateEvery: 2 };
    const here = await fitSequences(options);
    for (const threads of [1, 3]) {
      const there = await fitSequences({ ...options, worker: true, threads });
      t.deepEqual(bits(there), bits(here));
      t.deepEqual(there.history, here.history);
      t.deepEqual(
        there.ranker.topK(Int32Array.of(7, 2), { k: 4 }),
        here.ranker.topK(Int32Array.of(7, 2), { k: 4 }),
      );
    }
    const other = await fitSequences({ ...options, hyperparameters: { ...all, ...drawn } });
    t.notDeepEqual(bits(other), bits(here));
    t.notDeepEqual(bits(await fitSequences({ ...options, seed: 2 })), bits(here));
  });

test("cut off in the middle of an epoch it goes on with the same bits", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "llama4rec-"));
  try {
    for (const { backbone, all = {}, negatives } of models.flatMap((model) => [
      { ...model, negatives: 0 },
      { ...model, negatives: 2 },
    ])) {
      const hyperparameters = { ...all, negatives };
      const straight = await fitSequences({ backbone, hyperparameters });
      const path = join(folder, `${backbone.name}-${negatives}.checkpoint`);
      for (const step of [4, 9]) {
        const controller = new AbortController();
        await t.throwsAsync(
          fitSequences({
            backbone,
            hyperparameters,
            checkpoint: { path, everySeconds: 0 },
            signal: controller.signal,
            onCheckpoint: (report) => report.step === step && controller.abort(new Error("cut off")),
          }),
          { message: "cut off" },
        );
      }
      const resumed = await fitSequences({ backbone, hyperparameters, checkpoint: { path } });
      t.deepEqual(bits(resumed), bits(straight));
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the frozen model knows the last items of the view, insertions or none", async (t) => {
  const unseen = heldOut.items[3];
  const insertions = Int32Array.of(3, 1, unseen);
  for (const options of [{}, { insertions }, { backbone: BERT4REC }]) {
    const { ranker } = await fitSequences(options);
    const { model } = ranker;
    if (model.kind !== "sequence") return t.fail(model.kind);
    for (const user of [0, 3, 39])
      t.deepEqual(
        [...model.histories.items.subarray(model.histories.offsets[user], model.histories.offsets[user + 1])],
        [...view.itemsOf(user).slice(-length)],
      );
  }
});

test("insertions are learnt from", async (t) => {
  const insertions = Int32Array.of(3, 1, heldOut.items[3]);
  const plain = await fitSequences();
  const inserted = await fitSequences({ insertions });
  t.notDeepEqual(bits(inserted), bits(plain));
  t.deepEqual(bits(await fitSequences({ insertions: new Int32Array(0) })), bits(plain));
  // The same as a view that holds the item there.
  const rows = Array.from({ length: view.userCount }, (_, user) => [...view.itemsOf(user)]);
  rows[3].splice(1, 0, heldOut.items[3]);
  const held = await fitSequences({ view: viewOf(rows, view.itemCount) });
  t.deepEqual(held.ranker.itemVectors, inserted.ranker.itemVectors);
});

test("data meant for the other task is refused, and malformed insertions too", async (t) => {
  await t.throwsAsync(fitSequences({ extraPairs: Int32Array.of(0, 1, 2) }), {
    code: "E_ARGUMENT",
    message: /^extraPairs: expected none for the sequential backbone SASRec/,
  });
  await t.throwsAsync(fitModel({ insertions: Int32Array.of(0, 1, 2) }), {
    code: "E_ARGUMENT",
    message: /^insertions: expected none for the direct backbone MF/,
  });
  await t.throwsAsync(fitSequences({ insertions: Int32Array.of(0, 1) }), { code: "E_ARGUMENT" });
});

test("the hyper-parameter maxNorm clips gradients", async (t) => {
  const free = await fitSequences();
  t.deepEqual(bits(await fitSequences({ hyperparameters: { maxNorm: 1e6 } })), bits(free), "out of reach");
  t.notDeepEqual(bits(await fitSequences({ hyperparameters: { maxNorm: 1e-3 } })), bits(free));
});
