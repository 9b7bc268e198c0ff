/** A training that is cut off anywhere goes on from its checkpoint and comes to the bits of one that never was. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { TrainView } from "../../lib/data/trainView.js";
import { MF } from "../../lib/models/direct/mf.js";
import { Llama4RecError } from "../../lib/native/errors.js";
import { packageVersion } from "../../lib/native/packageVersion.js";
import { Parameter } from "../../lib/native/parameter.js";
import { readTensorFile, type TensorFile, writeTensorFile } from "../../lib/storage/safetensors.js";
import { trainingCheckpoint } from "../../lib/training/checkpoint.js";
import { TrainingDivergedError, type TrainOptions } from "../../lib/training/train.js";
import { randomView } from "../models/planted.js";
import { explodes } from "./backbones.js";
import { bits, exported, fitModel, heldOut, view } from "./fitModel.js";
import { killAndResume } from "./kills.js";

const folder = mkdtempSync(join(tmpdir(), "llama4rec-"));
test.after.always(() => rmSync(folder, { recursive: true }));

let files = 0;
const newPath = (): string => join(folder, `${++files}.checkpoint`);

/** Trains until the checkpoint of this step is written, then aborts. */
async function cutOff(t: ExecutionContext, step: number, options: Partial<TrainOptions>): Promise<void> {
  const controller = new AbortController();
  const reason = new Error("cut off");
  const training = fitModel({
    ...options,
    checkpoint: { path: "", ...options.checkpoint, everySeconds: 0 },
    signal: controller.signal,
    onCheckpoint: (report) => report.step === step && controller.abort(reason),
  });
  await t.throwsAsync(training, { is: reason });
}

const validated = {
  validation: { heldOut },
  evaluateEvery: 2,
  patience: 3,
  extraPairs: Int32Array.of(0, 1, 2, 3, 4, 5),
};

test("cut off after any step it comes to the same bits, history and epoch", async (t) => {
  let epoch = 0; // in steps
  const straight = await fitModel({
    ...validated,
    onStep: ({ batches }) => {
      epoch = batches;
    },
  });
  for (const step of [1, epoch - 1, epoch, epoch + 1, 2 * epoch, 3 * epoch + 2]) {
    const options = { ...validated, checkpoint: { path: newPath() } };
    await cutOff(t, step, options);
    const first: number[] = [];
    const resumed = await fitModel({ ...options, onStep: (report) => first.push(report.step) });
    t.is(first[0], step + 1);
    t.deepEqual(bits(resumed), bits(straight), `step ${step}`);
    t.deepEqual(resumed.history, straight.history);
    t.is(resumed.epoch, straight.epoch);
    t.is(resumed.validation, straight.validation);
  }
});

test("begun on this thread it goes on in a worker with other threads, and back", async (t) => {
  const straight = await fitModel();
  const checkpoint = { path: newPath() };
  await cutOff(t, 10, { checkpoint });
  await cutOff(t, 31, { checkpoint, worker: true, threads: 3 });
  t.deepEqual(bits(await fitModel({ checkpoint, threads: 1 })), bits(straight));
});

test("a finished training gives its result again at once and leaves the file as it is", async (t) => {
  const checkpoint = { path: newPath() };
  const first = await fitModel({ ...validated, checkpoint });
  const before = readFileSync(checkpoint.path);
  for (const worker of [true, false]) {
    const again = await fitModel({
      ...validated,
      checkpoint,
      worker,
      onStep: () => t.fail("a step"),
      onCheckpoint: () => t.fail("a checkpoint"),
    });
    t.deepEqual(bits(again), bits(first));
    t.deepEqual(again.history, first.history);
    t.is(again.epoch, first.epoch);
  }
  t.deepEqual(readFileSync(checkpoint.path), before);
});

test("with more epochs a finished training goes on; with fewer it is E_MISMATCH", async (t) => {
  const checkpoint = { path: newPath() };
  await fitModel({ checkpoint });
  const hyperparameters = { epochs: 15 };
  const longer = await fitModel({ checkpoint, hyperparameters });
  t.deepEqual(bits(longer), bits(await fitModel({ hyperparameters })));
  await t.throwsAsync(fitModel({ checkpoint, hyperparameters: { epochs: 14 } }), {
    code: "E_MISMATCH",
    message: /at most 14 epochs, got one in epoch 15/,
  });
});

test("the validation of a last epoch that is not due leaves no trace in a longer training", async (t) => {
  const scores = (better: number): Partial<TrainOptions> => {
    let asked = 0;
    return { validate: () => (++asked === better ? 1 : 1 / (asked + 1)), evaluateEvery: 5, patience: 2 };
  };
  const epochs = (count: number): Partial<TrainOptions> => ({ hyperparameters: { epochs: count } });
  // A validation in vain, which would be one too many for patience; and the best of all.
  for (const better of [0, 2]) {
    const checkpoint = { path: newPath() };
    const short = await fitModel({ ...epochs(7), ...scores(better), checkpoint });
    t.deepEqual(
      short.history.map(({ validation }) => validation !== null),
      [false, false, false, false, true, false, true],
    );
    t.is(short.epoch, better === 0 ? 5 : 7);
    const again = await fitModel({
      ...epochs(7),
      validate: () => t.fail() as never,
      evaluateEvery: 5,
      checkpoint,
    });
    t.deepEqual(
      [again.history, again.epoch, again.validation],
      [short.history, short.epoch, short.validation],
    );
    t.deepEqual(bits(again), bits(short));
  }
  const rows = { validation: { heldOut }, evaluateEvery: 5, patience: 2 };
  const checkpoint = { path: newPath() };
  for (const count of [7, 13, 20]) await fitModel({ ...rows, ...epochs(count), checkpoint });
  const resumed = await fitModel({ ...rows, ...epochs(20), checkpoint });
  const straight = await fitModel({ ...rows, ...epochs(20) });
  t.deepEqual(resumed.history, straight.history);
  t.deepEqual([resumed.epoch, resumed.validation], [straight.epoch, straight.validation]);
  t.deepEqual(bits(resumed), bits(straight));
});

test("a file that no training could have written is E_CORRUPT, names what is wrong, and changes nothing", async (t) => {
  const identity = { run: "this" };
  const { path } = { path: newPath() };
  using table = new Parameter("table", 3, 2).fillUniform(1, 2, 1, 0);
  const file = trainingCheckpoint(path, identity, [table]);
  const good = { epoch: 2, validation: 0.5, values: [table.read()] };
  const report = { epochs: 9, loss: 1, validation: null, best: null };
  const history = [1, 2].map((epoch) => ({ epoch, ...report }));
  const counts = { epoch: 3, batches: 1, steps: 5, loss: 1, weight: 2, sinceBest: 0, final: null };
  await file.write({ ...counts, history, good }, () => {});
  const whole = await readTensorFile(path, { kind: "checkpoint" });
  const progress = JSON.parse(whole.metadata.progress);
  t.deepEqual(await trainingCheckpoint(path, identity, [table]).read(), { ...counts, history, good });

  const before = table.fillUniform(3, 4, 1, 0).read();
  const refused = async (change: Partial<TensorFile>, what: RegExp): Promise<void> => {
    await writeTensorFile(path, { ...whole, ...change });
    const error = await t.throwsAsync(trainingCheckpoint(path, identity, [table]).read(), {
      code: "E_CORRUPT",
    });
    t.regex(error?.message ?? "", what);
    t.true(error?.message.startsWith(path));
    t.deepEqual(table.read(), before);
  };
  const entries: Readonly<Record<string, readonly unknown[]>> = {
    epoch: [0, 1.5, "3", null, 4],
    batches: [-1, "1", 6],
    steps: [-1, 2 ** 60],
    loss: [null, "1"],
    weight: [-1, null],
    sinceBest: [-1, null],
    history: [null, [], [null, null], [history[1], history[0]], [history[0], { ...history[1], loss: null }]],
    good: [1, { epoch: 3, validation: 1 }, { epoch: 1 }],
    final: ["1", undefined],
    updates: [null, [], [1, 1], [-1], [6], ["1"], [2 ** 31]],
  };
  for (const [name, values] of Object.entries(entries))
    for (const value of values) {
      const metadata = { ...whole.metadata, progress: JSON.stringify({ ...progress, [name]: value }) };
      await refused(
        { metadata },
        /its progress has no valid (epoch|batches|steps|loss|weight|sinceBest|history|good|final|updates)$/,
      );
    }
  for (const text of ["", "[", "null", "5"]) {
    await refused({ metadata: { ...whole.metadata, progress: text } }, /progress/);
    await refused({ metadata: { ...whole.metadata, identity: text } }, /identity/);
  }
  const shape = [3, 2];
  for (const [name, tensor, what] of [
    ["values.table", { shape, values: new Float32Array(6).fill(Number.NaN) }, /values.table\[0\] is NaN/],
    ["good.table", { shape, values: new Float32Array(6).fill(Infinity) }, /good.table\[0\] is Infinity/],
    ["second.table", { shape, values: new Float32Array(6).fill(-1) }, /second.table\[0\] is -1/],
    ["row_steps.table", { shape: [2], values: new Int32Array(2) }, /no 3 counters/],
    ["row_steps.table", { shape: [3], values: Int32Array.of(0, 1, 0) }, /row_steps.table\[1\] is 1 of 0/],
  ] as const)
    await refused({ tensors: new Map([...whole.tensors, [name, tensor]]) }, what);
});

test("a file that another training has written meanwhile stays as it is", async (t) => {
  const { path } = { path: newPath() };
  let other = Buffer.alloc(0);
  let begun = false;
  const options = { checkpoint: { path, everySeconds: 0 }, hyperparameters: { epochs: 2 } };
  let validations = 0;
  const training = fitModel({
    ...options,
    hyperparameters: { epochs: 10_000 }, // it ends at the first checkpoint after the other one's, which a slow disk may put off
    onCheckpoint: async ({ step }) => {
      if (begun || step < 2) return;
      begun = true; // a busy disk may skip any step
      await fitModel({ ...options, seed: 2, checkpoint: { path, resume: false } });
      other = readFileSync(path);
    },
    // Its first validation waits for the other one.
    validate: async () => {
      do await new Promise((resolve) => setTimeout(resolve, 5));
      while (other.length === 0);
      return ++validations; // never worse: patience does not end it
    },
    evaluateEvery: 1,
  });
  await t.throwsAsync(training, { code: "E_MISMATCH", message: /written meanwhile/ });
  t.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith(basename(path))),
    [basename(path)],
  );
});

test("a checkpoint of another training is E_MISMATCH, names all that differs and stays as it is", async (t) => {
  const checkpoint = { path: newPath() };
  await fitModel({ ...validated, checkpoint });
  const before = readFileSync(checkpoint.path);
  const cases: [Partial<TrainOptions>, RegExp][] = [
    [{ seed: 2 }, /differs in seed \(1 there, 2 here\)$/],
    [{ hyperparameters: { l2: 0.5, dimension: 4 } }, /hyper-parameter dimension \(8 there, 4 here\).* l2 \(/],
    [{ view: randomView(40, 30, 4, 2) }, /differs in training view \([0-9a-f]{12}\.\.\. there/],
    [{ extraPairs: Int32Array.of(0, 1, 3) }, /differs in extra pairs/],
    [
      { view: new TrainView({ ...view, titles: view.titles.map((title) => `${title}!`) }) },
      /in titles and attr/,
    ],
    [{ view: new TrainView({ ...view, itemAttributes: { year: view.titles } }) }, /in titles and attributes/],
    [{ backbone: exported("plain") }, /backbone module \(none there, file:.*backbones\.js \(plain\) here\)/],
    [{ extraPairs: undefined }, /differs in extra pairs \(.* there, none here\)/],
    [{ validation: { heldOut, masking: "none" } }, /differs in validation/],
    [{ validation: undefined, validate: () => 1 }, /differs in validation .*a function of the caller here/],
    [{ evaluateEvery: 3 }, /differs in evaluateEvery \(2 there, 3 here\)/],
    [
      { backbone: exported("plain") },
      /differs in backbone \(MF \(direct\) there, Plain \(direct\) here\), backbone module/,
    ],
  ];
  for (const [options, message] of cases)
    await t.throwsAsync(fitModel({ ...validated, checkpoint, ...options }), {
      instanceOf: Llama4RecError,
      code: "E_MISMATCH",
      message,
    });
  await t.throwsAsync(fitModel({ ...validated, checkpoint, worker: true, seed: 3 }), { code: "E_MISMATCH" });
  t.deepEqual(readFileSync(checkpoint.path), before);
});

test("another instruction-set level is E_MISMATCH: the bits would differ", async (t) => {
  const checkpoint = { path: newPath() };
  await fitModel({ checkpoint });
  const file = await readTensorFile(checkpoint.path, { kind: "checkpoint" });
  const there = JSON.parse(file.metadata.identity);
  t.is(there["package version"], packageVersion());
  const identity = { ...there, "instruction-set level": "abacus" };
  await writeTensorFile(checkpoint.path, {
    ...file,
    metadata: { ...file.metadata, identity: JSON.stringify(identity) },
  });
  await t.throwsAsync(fitModel({ checkpoint }), {
    code: "E_MISMATCH",
    message: /instruction-set level \(abacus there, /,
  });
});

test("with resume: false it begins anew and replaces the file", async (t) => {
  const { path } = { path: newPath() };
  await fitModel({ seed: 2, checkpoint: { path } });
  const anew = await fitModel({ checkpoint: { path, resume: false } });
  t.deepEqual(bits(anew), bits(await fitModel()));
  t.deepEqual(bits(await fitModel({ checkpoint: { path } })), bits(anew));
});

test("a file that is cut short, flipped or of a newer version is refused and left alone", async (t) => {
  const { path } = { path: newPath() };
  await fitModel({ checkpoint: { path } });
  const whole = readFileSync(path);
  const refused = async (bytes: Uint8Array, code: string): Promise<void> => {
    writeFileSync(path, bytes);
    await t.throwsAsync(fitModel({ checkpoint: { path } }), { instanceOf: Llama4RecError, code });
    t.deepEqual(readFileSync(path), Buffer.from(bytes));
  };
  for (const length of [0, 5, 200, whole.length - 1]) await refused(whole.subarray(0, length), "E_CORRUPT");
  for (const place of [300, whole.length - 1000, whole.length - 1]) {
    const flipped = Buffer.from(whole);
    flipped[place] ^= 4;
    await refused(flipped, "E_CORRUPT");
  }
  writeFileSync(path, whole);
  const file = await readTensorFile(path, { kind: "checkpoint" });
  await writeTensorFile(path, { ...file, metadata: { ...file.metadata, content: "2" } });
  await refused(readFileSync(path), "E_VERSION");
});

test("a place where nothing can be written is E_FILE before a step is made", async (t) => {
  await t.throwsAsync(
    fitModel({ checkpoint: { path: join(folder, "nowhere", "x") }, onStep: () => t.fail("a step") }),
    { code: "E_FILE", message: /nowhere.*its folder does not exist/ },
  );
});

test("the clock decides when it is written, and the end always is", async (t) => {
  const steps: number[] = [];
  const checkpoint = { path: newPath() };
  await fitModel({ checkpoint, onCheckpoint: ({ step }) => steps.push(step) });
  t.deepEqual(steps, [84], "60 seconds are not over");
  const name = basename(checkpoint.path);
  t.deepEqual(
    readdirSync(folder).filter((found) => found.startsWith(name)),
    [name],
  );
});

test("no checkpoint is written from numbers that are not finite; the one before leads to the same divergence", async (t) => {
  const options = { backbone: explodes, checkpoint: { path: newPath(), everySeconds: 0 } };
  const saved: number[] = [];
  const diverged = async (): Promise<TrainingDivergedError | undefined> =>
    t.throwsAsync(fitModel({ ...options, onCheckpoint: ({ step }) => saved.push(step) }), {
      instanceOf: TrainingDivergedError,
    });
  const first = await diverged();
  t.is(saved.at(-1), 19);
  const { tensors } = await readTensorFile(options.checkpoint.path, { kind: "checkpoint", verify: true });
  for (const [name, { values }] of tensors) t.true(values.every(Number.isFinite), name);

  // Resumed, its count of steps begins anew, so that it would explode 20 steps later.
  const { lastGood } = first ?? {};
  t.is(lastGood?.epoch, 2);
  const later = await diverged();
  t.is(later?.step, 39);
});

test("killed at random moments, a process that trains comes to the bits of one that was left alone", async (t) => {
  const { kills, killed, straight } = await killAndResume({ kills: 4, epochs: 12 });
  t.is(kills, 4);
  t.is(killed, straight);
});

test("what a checkpoint holds can be read by name", async (t) => {
  const checkpoint = { path: newPath() };
  const { ranker } = await fitModel({ backbone: MF, checkpoint });
  const { tensors } = await readTensorFile(checkpoint.path, { kind: "checkpoint" });
  t.deepEqual(
    [...tensors.keys()].sort(),
    ["first", "good", "row_steps", "second", "values"].flatMap((name) => [`${name}.items`, `${name}.users`]),
  );
  t.deepEqual(tensors.get("good.items")?.values, ranker.itemVectors);
});
