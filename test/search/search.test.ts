import { appendFileSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { HeldOut } from "../../lib/data/heldOut.js";
import { MF } from "../../lib/models/direct/mf.js";
import { DEEPFM } from "../../lib/models/rating/deepfm.js";
import { evaluateRatings } from "../../lib/models/ratings.js";
import { Llama4RecError } from "../../lib/native/errors.js";
import { type SearchOptions, type SearchResult, searchHyperparameters } from "../../lib/search/index.js";
import { trainRating } from "../../lib/training/trainRating.js";
import { folderOf } from "../datasets/temporary.js";
import { ratedHeldOut, ratedView } from "../models/plantedRatings.js";
import { exported, fitModel, heldOut, view } from "../training/fitModel.js";

const options = {
  backbone: MF,
  view,
  validation: { heldOut },
  hyperparameters: { batchSize: 32 },
  space: { dimension: { values: [4, 8] }, learningRate: { low: 0.005, high: 0.05, scale: "log" } },
  evaluateEvery: 2,
  threads: 1,
  worker: false,
  seed: 3,
  trials: 9,
  epochs: 9,
} as const satisfies SearchOptions;

/** Without the times. */
const findings = ({ best, trials }: SearchResult) =>
  [best, ...trials].map(({ seconds: _, ...finding }) => finding);

test("random search: the same for the same seed, and trial n is the same among fewer", async (t) => {
  const run = (change: Partial<SearchOptions> = {}) =>
    searchHyperparameters({ ...options, trials: 4, epochs: 2, ...change });
  const found = await run();
  t.deepEqual(findings(await run({ threads: 2 })), findings(found));
  t.deepEqual(
    (await run({ trials: 2 })).trials.map(({ score }) => score),
    found.trials.slice(0, 2).map(({ score }) => score),
  );
  t.notDeepEqual(findings(await run({ seed: 4 })), findings(found));
  t.is(found.best.score, Math.max(...found.trials.map(({ score }) => score ?? -1)));
  t.deepEqual(found.rungs, [{ trials: 4, epochs: 2 }]);
  for (const { hyperparameters } of found.trials) t.like(hyperparameters, { batchSize: 32, epochs: 2 });
});

test("halving keeps the best third, and what goes on is the same as one training", async (t) => {
  const { best, trials, rungs } = await searchHyperparameters({ ...options, strategy: "halving" });
  t.deepEqual(rungs, [
    { trials: 9, epochs: 1 },
    { trials: 3, epochs: 3 },
    { trials: 1, epochs: 9 },
  ]);
  for (const [rung, { trials: most }] of rungs.entries()) {
    const inRung = trials.filter((trial) => trial.rung === rung);
    t.is(inRung.length, most);
    const next = trials.filter((trial) => trial.rung === rung + 1).map(({ trial }) => trial);
    const ranked = inRung.toSorted((a, b) => Number(b.score) - Number(a.score) || a.trial - b.trial);
    t.deepEqual(
      next,
      ranked
        .slice(0, next.length)
        .map(({ trial }) => trial)
        .sort((a, b) => a - b),
    );
  }
  for (const { hyperparameters, score, epoch } of [best, ...trials.filter(({ rung }) => rung === 1)]) {
    const { validation, evaluateEvery, seed } = options;
    const straight = await fitModel({ hyperparameters, validation, evaluateEvery, seed });
    t.is(straight.validation, score);
    t.is(straight.epoch, Number(epoch));
    straight.ranker.dispose();
  }
});

const stop = new Error("stop");
/** Runs until so many trials are done, then aborts. */
async function stopped(file: string, after: number, change: Partial<SearchOptions> = {}): Promise<unknown> {
  const abort = new AbortController();
  let done = 0;
  return await searchHyperparameters({
    ...options,
    ...change,
    file,
    signal: abort.signal,
    onTrial: () => {
      if (++done === after) abort.abort(stop);
    },
  }).then(
    () => undefined,
    (error: unknown) => error,
  );
}

for (const strategy of ["random", "halving"] as const)
  test(`${strategy}: aborted anywhere it goes on from its file, repeats nothing and leaves no checkpoint`, async (t) => {
    const straight = await searchHyperparameters({ ...options, strategy });
    const count = straight.trials.length;
    for (const after of [1, count - 2]) {
      const folder = folderOf(t, {});
      const file = join(folder, "trials.jsonl");
      t.is(await stopped(file, after, { strategy }), stop);
      let ran = 0;
      const resumed = await searchHyperparameters({ ...options, strategy, file, onTrial: () => ran++ });
      t.is(ran, count - after);
      t.deepEqual(findings(resumed), findings(straight));
      t.deepEqual(readdirSync(folder), ["trials.jsonl"]);
      await searchHyperparameters({ ...options, strategy, file, onTrial: () => t.fail("all was done") });
    }
  });

test("aborted in the middle of a trial, the file goes on before it", async (t) => {
  const file = join(folderOf(t, {}), "trials.jsonl");
  const abort = new AbortController();
  const onProgress: SearchOptions["onProgress"] = ({ trial, epoch }) => {
    if (trial === 3 && epoch.epoch === 2) abort.abort(stop);
  };
  const run = searchHyperparameters({ ...options, file, signal: abort.signal, onProgress });
  t.is(await run.catch((error) => error), stop);
  t.is(readFileSync(file, "utf8").split("\n").length, 1 + 2 + 1);
  const already = searchHyperparameters({ ...options, signal: abort.signal });
  t.is(await already.catch((error) => error), stop);
});

test("a cut last line is dropped and its trial run again; a lost checkpoint costs time alone", async (t) => {
  const straight = await searchHyperparameters({ ...options, strategy: "halving" });
  const folder = folderOf(t, {});
  const file = join(folder, "trials.jsonl");
  await stopped(file, 11, { strategy: "halving" }); // two of the second rung
  const size = readFileSync(file).length;
  truncateSync(file, size - 20);
  // All survivors have their checkpoints, which are further than what the file says of the cut trial; one is lost.
  const left = readdirSync(folder).filter((name) => name.endsWith(".checkpoint"));
  t.is(left.length, 3);
  rmSync(join(folder, left[0]));
  writeFileSync(join(folder, "other"), "");
  let ran = 0;
  const resumed = await searchHyperparameters({
    ...options,
    strategy: "halving",
    file,
    onTrial: () => ran++,
  });
  t.is(ran, straight.trials.length - 10);
  t.deepEqual(findings(resumed), findings(straight));
  t.deepEqual(readdirSync(folder).sort(), ["other", "trials.jsonl"]);
});

test("checkpoints of another search that had this file's name are in nobody's way", async (t) => {
  const folder = folderOf(t, { "trials.jsonl.trial-1.checkpoint": "no checkpoint at all" });
  const file = join(folder, "trials.jsonl");
  await t.notThrowsAsync(searchHyperparameters({ ...options, trials: 1, epochs: 1, file }));
  t.deepEqual(readdirSync(folder), ["trials.jsonl"]);
});

test("the file of another search is refused, naming what differs, and stays as it is", async (t) => {
  const file = join(folderOf(t, {}), "trials.jsonl");
  const short = { ...options, trials: 2, epochs: 1, file };
  await searchHyperparameters(short);
  const before = readFileSync(file, "utf8");
  const other = new HeldOut(
    "validation",
    heldOut.users,
    heldOut.users.map(() => 0),
  );
  const changes: readonly (readonly [change: Partial<SearchOptions>, differing: RegExp])[] = [
    [{ seed: 4 }, /seed \(3 there, 4 here\)/],
    [{ epochs: 2 }, /epochs \(1 there, 2 here\)/],
    [{ strategy: "halving" }, /strategy \(random there, halving here\)/],
    [{ hyperparameters: { batchSize: 16 } }, /hyper-parameter batchSize \(32 there, 16 here\)/],
    [{ space: { ...options.space, dimension: { values: [4] } } }, /dimension \(4,8 there, 4 here\)/],
    [{ validation: { heldOut, metric: "hr@5" } }, /metric \(ndcg@10 there, hr@5 here\)/],
    [{ validation: { heldOut, masking: "none" } }, /masking \(seen there, none here\)/],
    [{ validation: { heldOut: other } }, /validation \(/],
    [{ backbone: { ...MF, name: "Other" } }, /backbone \(MF \(direct\) there, Other \(direct\) here\)/],
  ];
  for (const [change, message] of changes)
    await t.throwsAsync(searchHyperparameters({ ...short, ...change }), { code: "E_MISMATCH", message });
  t.is(readFileSync(file, "utf8"), before);
  // More trials of the same random search are no other search.
  let ran = 0;
  await searchHyperparameters({ ...short, trials: 3, onTrial: () => ran++ });
  t.is(ran, 1);
});

test("other damage names file and line, and stays as it is", async (t) => {
  const folder = folderOf(t, {});
  const file = join(folder, "trials.jsonl");
  const short = { ...options, trials: 3, epochs: 1, file };
  await searchHyperparameters(short);
  const good = readFileSync(file, "utf8");
  const [first, one, two, three] = good.trimEnd().split("\n");
  const changed = (change: object): string => JSON.stringify({ ...JSON.parse(two), ...change });
  const damage: readonly (readonly [lines: readonly string[], message: RegExp])[] = [
    [[first, one, "{", three], /trials\.jsonl:3: damaged, expected a trial as JSON/],
    [[first, one, "", two, three], /trials\.jsonl:3: damaged/],
    [
      [first, one, changed({ score: "high" })],
      /trials\.jsonl:3: damaged, expected a trial with a valid score/,
    ],
    [[first, one, changed({ score: null })], /valid score/],
    [[first, one, changed({ trial: 0 })], /valid trial/],
    [[first, one, changed({ rung: -1 })], /valid rung/],
    [[first, one, changed({ epoch: 1.5 })], /valid epoch/],
    [[first, one, changed({ seconds: -1 })], /valid seconds/],
    [[first, one, changed({ diverged: "no" })], /valid diverged/],
    [
      [first, one, changed({ hyperparameters: {} })],
      /:3: damaged, expected trial 2 with the hyper-parameters/,
    ],
    [[first, one, one], /trials\.jsonl:3: damaged, expected trial 1 once in rung 0/],
    [[one, two], /trials\.jsonl:1: damaged, expected the first line of a search/],
    [["a shopping list"], /trials\.jsonl:1: damaged/],
    [[first.replace('"identity":{', '"identity":{"x":[],')], /its identity/],
  ];
  for (const [lines, message] of damage) {
    const text = `${lines.join("\n")}\n`;
    writeFileSync(file, text);
    await t.throwsAsync(searchHyperparameters(short), {
      instanceOf: Llama4RecError,
      code: "E_CORRUPT",
      message,
    });
    t.is(readFileSync(file, "utf8"), text);
  }
  writeFileSync(file, "");
  await t.throwsAsync(searchHyperparameters(short), { code: "E_CORRUPT", message: /trials\.jsonl:1/ });
  writeFileSync(file, good.replace('"version":1', '"version":2'));
  await t.throwsAsync(searchHyperparameters(short), { code: "E_VERSION" });
  await t.throwsAsync(searchHyperparameters({ ...short, file: folder }), { code: "E_FILE" });
  await t.throwsAsync(searchHyperparameters({ ...short, file: join(folder, "no/x") }), { code: "E_FILE" });
});

test("a file that somebody else writes to meanwhile ends the search", async (t) => {
  const file = join(folderOf(t, {}), "trials.jsonl");
  const onTrial = (): void => appendFileSync(file, "mine\n");
  await t.throwsAsync(searchHyperparameters({ ...options, file, onTrial }), {
    code: "E_MISMATCH",
    message: /expected it as this search left it/,
  });
});

test("a trial that diverges is noted and out", async (t) => {
  const folder = folderOf(t, {});
  const file = join(folder, "trials.jsonl");
  const diverging = {
    ...options,
    backbone: exported("explodes"), // in step 20, which only the small batches come to
    hyperparameters: { dimension: 4 },
    space: { batchSize: { values: [16, 1024] } },
    epochs: 4,
    trials: 6,
    file,
  };
  const { best, trials } = await searchHyperparameters(diverging);
  const out = trials.filter(({ diverged }) => diverged);
  t.true(out.length > 0 && out.length < 6);
  for (const { hyperparameters, score, epoch } of out) {
    t.is(hyperparameters.batchSize, 16);
    t.is(score, null);
    t.is(epoch, null);
  }
  t.is(best.hyperparameters.batchSize, 1024);
  t.deepEqual(findings(await searchHyperparameters(diverging)), findings({ best, trials } as SearchResult));
  t.deepEqual(readdirSync(folder), ["trials.jsonl"]);
  const all = { ...diverging, file: undefined, space: { batchSize: { values: [16] } }, trials: 2 };
  await t.throwsAsync(searchHyperparameters(all), { code: "E_DIVERGED", message: /all 2 trials/ });
});

const ratings = {
  backbone: DEEPFM,
  view: ratedView,
  validation: { heldOut: ratedHeldOut },
  hyperparameters: { dimension: 4, hidden1: 8, hidden2: 4, history: 3, batchSize: 32 },
  space: { learningRate: { low: 1e-4, high: 3e-2, scale: "log" } },
  strategy: "halving",
  evaluateEvery: 2,
  threads: 1,
  worker: false,
  seed: 1,
  trials: 4,
  epochs: 4,
  eta: 2,
} as const satisfies SearchOptions;

test("a rating backbone is searched by its error: the lowest is best, and what goes on is the same as one training", async (t) => {
  for (const metric of ["rmse", "mae"] as const) {
    const validation = { heldOut: ratedHeldOut, metric };
    const { best, trials, sign } = await searchHyperparameters({ ...ratings, validation });
    t.is(sign, -1);
    const first = trials.filter(({ rung }) => rung === 0).map(({ score }) => Number(score));
    const survivors = trials.filter(({ rung }) => rung === 1).map(({ trial }) => first[trial - 1]);
    const ascending = (a: number, b: number): number => a - b;
    t.deepEqual(survivors.toSorted(ascending), first.toSorted(ascending).slice(0, 2));
    const { backbone, view: rated, seed, evaluateEvery, worker } = ratings;
    const { hyperparameters } = best;
    const straight = await trainRating({
      ...{ backbone, view: rated, seed, evaluateEvery, worker, validation, hyperparameters },
    });
    t.is(straight.validation, best.score);
    t.is(straight.epoch, best.epoch);
    t.is(best.score, evaluateRatings(straight.predictor, ratedHeldOut)[metric]);
    straight.predictor.dispose();
  }
});

test("a search of a rating backbone goes on from its file, which belongs to its metric", async (t) => {
  const straight = await searchHyperparameters({ ...ratings, backbone: "DeepFM" });
  const folder = folderOf(t, {});
  const file = join(folder, "trials.jsonl");
  t.is(await stopped(file, 5, ratings), stop);
  let ran = 0;
  const resumed = await searchHyperparameters({ ...ratings, file, onTrial: () => ran++ });
  t.is(ran, straight.trials.length - 5);
  t.deepEqual(findings(resumed), findings(straight));
  t.deepEqual(readdirSync(folder), ["trials.jsonl"]);
  const validation = { heldOut: ratedHeldOut, metric: "mae" } as const;
  await t.throwsAsync(searchHyperparameters({ ...ratings, file, validation }), {
    code: "E_MISMATCH",
    message: /metric \(rmse there, mae here\)/,
  });
});

test("a trial of a rating backbone that diverges is noted and out", async (t) => {
  const backbone = { module: new URL("../training/ratingBackbones.js", import.meta.url), export: "explodes" };
  const { best, trials } = await searchHyperparameters({
    ...{ ...ratings, backbone, strategy: "random", trials: 6 },
    hyperparameters: { dimension: 4, hidden1: 8, hidden2: 4 },
    space: { batchSize: { values: [16, 1024] } }, // in step 20, which only the small batches come to
  });
  const out = trials.filter(({ diverged }) => diverged);
  t.true(out.length > 0 && out.length < 6);
  for (const { hyperparameters } of out) t.is(hyperparameters.batchSize, 16);
  t.is(best.hyperparameters.batchSize, 1024);
});

test("bad options are refused before anything is trained", async (t) => {
  const changes: readonly (readonly [change: object, code: string, message: RegExp])[] = [
    [{ backbone: "MFF" }, "E_BACKBONE", /; did you mean "MF"\?/],
    [{ trials: 1.5 }, "E_ARGUMENT", /trials: expected an integer/],
    [{ epochs: 0 }, "E_ARGUMENT", /MF epochs: expected an integer in 1/],
    [{ seed: -1 }, "E_ARGUMENT", /seed: expected/],
    [{ eta: 1 }, "E_ARGUMENT", /eta: expected/],
    [{ file: "" }, "E_ARGUMENT", /file: expected a path/],
    [{ threads: 0 }, "E_ARGUMENT", /threads: expected/],
    [{ patience: 0 }, "E_ARGUMENT", /patience: expected/],
    [{ view: {} }, "E_ARGUMENT", /view: expected a TrainView/],
    [{ validation: { heldOut, metric: "mrr" } }, "E_ARGUMENT", /validation\.metric: expected one of/],
    [{ validation: { heldOut, metric: "rmse" } }, "E_ARGUMENT", /validation\.metric: .*got "rmse"/],
    [
      { backbone: "DeepFM", validation: { heldOut, metric: "hr@5" }, space: undefined, hyperparameters: {} },
      "E_ARGUMENT",
      /rmse or mae, got "hr@5"/,
    ],
    [
      { validation: { heldOut: new HeldOut("test", heldOut.users, heldOut.items) } },
      "E_ARGUMENT",
      /expected validation rows, for test rows never choose anything, got "test"/,
    ],
  ];
  for (const [change, code, message] of changes)
    await t.throwsAsync(searchHyperparameters({ ...options, ...change } as SearchOptions), { code, message });
});
