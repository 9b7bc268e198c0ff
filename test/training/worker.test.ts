/** Training on a thread of its own: the same bits as here, and whatever happens there is told here. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import test from "ava";
import { MF } from "../../lib/models/direct/mf.js";
import { evaluateRanking } from "../../lib/models/fullRanking.js";
import type { TrainedRanker } from "../../lib/models/ranker.js";
import { Llama4RecError } from "../../lib/native/errors.js";
import {
  TrainingDivergedError,
  type TrainOptions,
  type TrainResult,
  train,
} from "../../lib/training/train.js";
import { folderOf } from "../datasets/temporary.js";
import { plain } from "./backbones.js";
import { bits, exported, fitModel, heldOut, view } from "./fitModel.js";

const fitThere = (options: Partial<TrainOptions> = {}): Promise<TrainResult> =>
  fitModel({ worker: true, ...options });
const validation = { heldOut };

test("a worker comes to the same bits, history and epoch as the calling thread, at any number of threads", async (t) => {
  const options = { validation, evaluateEvery: 2, patience: 2 };
  const here = await fitModel(options);
  for (const threads of [undefined, 1, 3]) {
    const there = await fitThere({ ...options, threads });
    t.deepEqual(bits(there), bits(here));
    t.deepEqual(there.history, here.history);
    t.deepEqual(there.hyperparameters, here.hyperparameters);
    t.is(there.epoch, here.epoch);
    t.is(there.validation, here.validation);
    const users = Int32Array.of(3, 0);
    t.deepEqual(there.ranker.topK(users, { k: 5 }), here.ranker.topK(users, { k: 5 }));
  }
});

test("validation rows give what evaluateRanking gives on the calling thread", async (t) => {
  const validate = (candidate: TrainedRanker): number =>
    evaluateRanking(candidate, view, heldOut).metrics["ndcg@10"];
  const asked = await fitModel({ validate });
  const told = await fitThere({ validation });
  t.deepEqual(told.history, asked.history);
  t.deepEqual(bits(told), bits(asked));
  const other = await fitThere({ validation: { heldOut, metric: "hr@3", masking: "none" } });
  t.notDeepEqual(
    other.history.map(({ validation }) => validation),
    told.history.map(({ validation }) => validation),
  );
});

test("`validate` is called here, with the model of its epoch, and may take its time", async (t) => {
  const seen: Float32Array[] = [];
  const validate = async (candidate: TrainedRanker): Promise<number> => {
    seen.push(candidate.userVectors);
    t.is(candidate.topK(Int32Array.of(0), { k: 3 }).counts[0], 3);
    await new Promise((resolve) => setTimeout(resolve, 5));
    return -seen.length;
  };
  const result = await fitThere({ validate, evaluateEvery: 4 });
  t.is(seen.length, 3);
  t.is(result.epoch, 4);
  t.deepEqual(seen[0], result.ranker.userVectors);
});

test("epochs and steps are reported while it trains, steps not more often than every 100 ms", async (t) => {
  const epochs: number[] = [];
  const steps: number[] = [];
  const start = performance.now();
  await fitThere({
    hyperparameters: { epochs: 300 },
    onEpoch: ({ epoch }) => epochs.push(epoch),
    onStep: (report) => {
      steps.push(report.step);
      t.is(report.step, (report.epoch - 1) * report.batches + report.batch);
      t.true(report.batch >= 1 && report.batch <= report.batches && Number.isFinite(report.loss));
    },
  });
  t.deepEqual(
    epochs,
    Array.from({ length: 300 }, (_, index) => index + 1),
  );
  t.is(steps[0], 1);
  t.true(steps.length <= 1 + (performance.now() - start) / 100);
});

test("the caller's arrays stay with the caller", async (t) => {
  const extraPairs = Int32Array.of(0, 1, 2);
  await fitThere({ extraPairs, validation });
  t.deepEqual([...extraPairs], [0, 1, 2]);
  t.is(view.items.length, view.interactionCount);
  t.is(heldOut.users.length, view.userCount);
});

test("a definition crosses by its name or its module, never as an object", async (t) => {
  const here = await fitModel();
  for (const backbone of ["mf", MF, exported("plain"), { module: exported("default").module }])
    t.deepEqual(bits(await fitThere({ backbone })), bits(here));
  const path = fileURLToPath(exported("plain").module);
  t.deepEqual(
    bits(await fitModel({ backbone: { module: path, export: "plain" } })),
    bits(here),
    "inline too",
  );
  await t.throwsAsync(fitThere({ backbone: plain }), {
    code: "E_ARGUMENT",
    message: /^backbone: expected .*\{ module, export \}.*worker: false/,
  });
  t.deepEqual(bits(await fitModel({ backbone: plain })), bits(here));
});

for (const worker of [true, false]) {
  const where = worker ? "in a worker" : "inline";

  test(`${where}: a definition that cannot be had is E_BACKBONE`, async (t) => {
    const { module } = exported("plain");
    for (const [backbone, message] of [
      [exported("nothing"), /expected an export "nothing", got .*plain/],
      [exported("notADefinition"), /expected export "notADefinition" to be a backbone definition/],
      [exported("fail"), /expected an export/],
      [{ module: new URL("./missing.js", module) }, /missing\.js: cannot be loaded: /],
      [{ module: new URL("./broken.js", module) }, /broken\.js: cannot be loaded: not today/],
      ["Nonsense", /^backbone: expected one of MF.*, got "Nonsense"/],
    ] as const)
      await t.throwsAsync(fitModel({ worker, backbone }), {
        instanceOf: Llama4RecError,
        code: "E_BACKBONE",
        message,
      });
  });

  test(`${where}: whatever a backbone does wrong names it and the function, with its own error as cause`, async (t) => {
    for (const [name, message] of [
      ["throwsInCreate", /^backbone ThrowsInCreate: create failed: no such thing/],
      ["throwsInLoss", /^backbone ThrowsInLoss: loss failed: no such thing/],
      ["throwsInFactors", /^backbone ThrowsInFactors: factors failed: no such thing/],
      ["noTensor", /^backbone NoTensor: loss failed: loss: expected a 1 x 1 tensor, got undefined/],
      ["staleTensor", /^backbone StaleTensor: loss failed: /],
      ["wideLoss", /^backbone WideLoss: loss failed: loss: expected a 1 x 1 tensor, got "32 x 8"/],
      ["shortFactors", /^backbone ShortFactors: factors failed: users: expected a Float32Array of 320/],
      [
        "nanFactors",
        /^backbone NanFactors: factors failed: tensor items\[3\]: expected a finite number, got NaN/,
      ],
      [
        "noFactors",
        /^backbone NoFactors: factors failed: factors: expected an object with .*, got undefined/,
      ],
      ["noBiases", /^backbone NoBiases: factors failed: itemBiases: expected .*, got undefined/],
      ["twins", /^backbone Twins: create failed: parameters: expected .*, got "users, users"/],
    ] as const) {
      const error = await t.throwsAsync(fitModel({ worker, backbone: exported(name) }), {
        instanceOf: Llama4RecError,
        code: "E_BACKBONE",
        message,
      });
      t.true(error?.cause instanceof Error, name);
      if (name.startsWith("throws")) t.regex(String(error?.cause), /TypeError: no such thing/);
    }
  });

  test(`${where}: an encoder that does not fit is E_BACKBONE and says what does not`, async (t) => {
    const hyperparameters = { dimension: 8, hidden: 8, blocks: 1, length: 5, epochs: 1 };
    for (const [name, message] of [
      ["noEncoder", /^backbone NoEncoder: encoder failed: encoder: expected an object with/],
      ["shortPositions", /^backbone ShortPositions: encoder failed: tensor positions: expected 40 numbers/],
      ["wideMaskToken", /^backbone WideMaskToken: encoder failed: tensor mask_token: expected 8 numbers/],
      [
        "noBlocks",
        /^backbone NoBlocks: encoder failed: blocks: expected an array of 1 blocks, got undefined/,
      ],
      ["fewBlocks", /^backbone FewBlocks: encoder failed: blocks: expected an array of 1 blocks/],
      ["halfBlocks", /^backbone HalfBlocks: encoder failed: tensor blocks.0.*: expected float32/],
      ["nanPositions", /^backbone NanPositions: encoder failed: tensor positions\[3\]: expected a finite/],
    ] as const)
      await t.throwsAsync(train({ backbone: exported(name), view, seed: 1, worker, hyperparameters }), {
        instanceOf: Llama4RecError,
        code: "E_BACKBONE",
        message,
      });
  });

  test(`${where}: what a backbone hands over is copied: its own array stays, what else it says does not`, async (t) => {
    const options = { worker, hyperparameters: { epochs: 2 }, evaluateEvery: 1 };
    const { ranker } = await fitModel({ ...options, backbone: exported("keeps"), validate: () => 1 });
    t.deepEqual(ranker.itemBiases, new Float32Array(30).fill(1), "in the second epoch too");
    const talkative = await fitModel({ ...options, backbone: exported("talkative") });
    t.deepEqual(bits(talkative), bits(await fitModel(options)));
  });

  test(`${where}: divergence says where, and hands over the last good state`, async (t) => {
    const diverged = { worker, backbone: exported("explodes") };
    const error = await t.throwsAsync(fitModel(diverged), {
      instanceOf: TrainingDivergedError,
      code: "E_DIVERGED",
      message: /\(epoch 3, step 20\)$/,
    });
    if (!(error instanceof TrainingDivergedError)) return;
    t.is(error.epoch, 3);
    t.is(error.step, 20);
    t.is(error.lastGood?.epoch, 2, "the last finished epoch");
    const exact = await fitModel({ hyperparameters: { epochs: 2 } });
    t.deepEqual(error.lastGood && bits(error.lastGood), bits(exact));

    const validated = await t.throwsAsync(fitModel({ ...diverged, validation, evaluateEvery: 1 }), {
      instanceOf: TrainingDivergedError,
    });
    if (!(validated instanceof TrainingDivergedError)) return;
    const { lastGood } = validated;
    t.is(
      lastGood?.validation,
      Math.max(...(lastGood?.history ?? []).map((report) => report.validation ?? -1)),
    );

    const early = await t.throwsAsync(fitModel({ ...diverged, hyperparameters: { batchSize: 1 } }), {
      instanceOf: TrainingDivergedError,
    });
    t.is(early instanceof TrainingDivergedError && early.lastGood, null, "in the first epoch there is none");
  });

  test(`${where}: an error of a callback or of validate rejects the training as it is`, async (t) => {
    const reason = new Error("mine");
    const fail = (): never => {
      throw reason;
    };
    for (const callbacks of [{ onEpoch: fail }, { onStep: fail }, { validate: fail }])
      await t.throwsAsync(fitModel({ worker, ...callbacks }), { is: reason });
    const failLater = async (): Promise<never> => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      return fail();
    };
    for (const callbacks of [{ onEpoch: failLater }, { onStep: failLater }, { validate: failLater }])
      await t.throwsAsync(fitModel({ worker, ...callbacks }), { is: reason }, "an asynchronous one");
    for (const score of [Number.NaN, Number.POSITIVE_INFINITY, undefined, "1", fail])
      await t.throwsAsync(fitModel({ worker, validate: () => score as number }), {
        code: "E_ARGUMENT",
        message: /^validate: expected a finite number/,
      });
  });
}

test("what a module of the thread says to its parent is no message of the training", async (t) => {
  t.deepEqual(bits(await fitThere({ backbone: exported("posts") })), bits(await fitModel()));
});

test("a process that runs text instead of a file has threads too", async (t) => {
  const module = new URL("./fitModel.js", import.meta.url).href;
  const text = `const { fitModel } = await import("${module}");
    console.log((await fitModel({ worker: true, hyperparameters: { epochs: 1 } })).epoch);`;
  const flags = ["--no-warnings", "--input-type=module", "--eval", text];
  t.is((await promisify(execFile)(process.execPath, flags)).stdout, "1\n");
});

test("a package is looked for from the current folder", async (t) => {
  const folder = folderOf(t, {
    "node_modules/llama4rec-test-backbone/package.json": '{ "type": "module", "main": "index.js" }',
    "node_modules/llama4rec-test-backbone/index.js": `export { plain as default } from "${exported("plain").module}";`,
  });
  const module = new URL("./fitModel.js", import.meta.url).href;
  const text = `import("${module}").then(async ({ fitModel }) => {
    for (const worker of [true, false]) {
      const options = { worker, backbone: { module: "llama4rec-test-backbone" }, hyperparameters: { epochs: 1 } };
      console.log((await fitModel(options)).ranker.name);
    }
  });`;
  const { stdout } = await promisify(execFile)(process.execPath, ["-e", text], { cwd: folder });
  t.is(stdout, "Plain\nPlain\n");
});

test("a thread that dies is E_WORKER, and what it says is said", async (t) => {
  await t.throwsAsync(fitThere({ backbone: exported("exits") }), {
    instanceOf: Llama4RecError,
    code: "E_WORKER",
    message: /exit code 9 before its result/,
  });
  await t.throwsAsync(fitThere({ backbone: exported("strays"), hyperparameters: { epochs: 10_000 } }), {
    instanceOf: Llama4RecError,
    code: "E_WORKER",
    message: /died: .*no such thing/,
  });
});

test("a thread that runs out of memory is E_WORKER, and the process lives on", async (t) => {
  const script = fileURLToPath(new URL("./outOfMemory.js", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ["--max-old-space-size=48", script]);
  t.regex(stdout, /^E_WORKER the training thread died: .*memory/);
});

test("a bad option is refused before a thread is started", async (t) => {
  for (const options of [
    { threads: 0 },
    { threads: 1.5 },
    { hyperparameters: { epochs: 0 } },
    { validation, validate: () => 1 },
    { validation: { heldOut, metric: "ndcg@7" as "ndcg@5" } },
    { validation: { heldOut, masking: "some" as "none" } },
    { checkpoint: { path: "x", everySeconds: -1 } },
    { insertions: Int32Array.of(0, 0, 0) },
  ])
    await t.throwsAsync(fitThere(options), { instanceOf: Llama4RecError, code: "E_ARGUMENT" });
});
