import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { TrainView } from "../../../lib/data/trainView.js";
import { readGguf } from "../../../lib/llm/gguf/reader.js";
import { defaultStages, type KindCounts } from "../../../lib/llm/tuning/mix.js";
import { type TuneOptions, type TuneReport, tune } from "../../../lib/llm/tuning/tune.js";
import {
  checkTunedType,
  type PocketWeights,
  type TunedWeights,
  writeTuned,
} from "../../../lib/llm/tuning/tunedModel.js";
import { threads } from "../../../lib/native/addon.js";
import { kindView } from "./views.js";

const view = kindView(24, 10, 8);
const shape = { vocabulary: 448, context: 256, dimension: 32, blocks: 1, hidden: 64, heads: 2, kvHeads: 1 };
const small: TuneOptions = {
  view,
  seed: 1,
  shape,
  tokens: 24_000,
  settings: { batchTokens: 500 },
  worker: false,
};

const folder = mkdtempSync(join(tmpdir(), "tune-"));
test.after.always(() => rmSync(folder, { recursive: true, force: true }));

function pocket(tuned: TunedWeights): PocketWeights {
  if (tuned.kind !== "pocket") throw new Error("expected a pocket model");
  return tuned;
}
/** An item of the user's kind that the view does not have. */
const unseen = (user: number): number => {
  const kind = user % 4;
  return Array.from({ length: 10 }, (_, n) => 10 * kind + n).find((item) => !view.has(user, item)) ?? 0;
};
const plain = (tuned: TunedWeights): unknown =>
  [...pocket(tuned).weights].map(([name, values]) => [name, [...values]]);

test("the loss falls, and reports say how far it is", async (t) => {
  const reports: TuneReport[] = [];
  await tune({ ...small, onProgress: (report) => reports.push(report) });
  const [first, last] = [reports[0], reports[reports.length - 1]];
  t.true(last.loss < 0.8 * first.loss, `${first.loss} to ${last.loss}`);
  t.true(last.tokens >= last.totalTokens);
  t.is(last.totalTokens, 24_000);
  t.deepEqual([first.stage, last.stage], ["histories", "instructions"]);
});

test("same bits here and in a worker, with 1, 2 and 3 threads; another seed gives others", async (t) => {
  const tokens = 6000;
  const expected = plain(await tune({ ...small, tokens, threads: 1 }));
  for (const count of [2, 3]) t.deepEqual(plain(await tune({ ...small, tokens, threads: count })), expected);
  t.deepEqual(plain(await tune({ ...small, tokens, worker: true, threads: 2 })), expected);
  t.notDeepEqual(plain(await tune({ ...small, tokens, seed: 2 })), expected);
  t.true(threads() >= 1);
});

test("cut off and resumed, it ends with the same bits", async (t) => {
  const validation = { users: Int32Array.of(0, 1, 2), items: Int32Array.of(39, 0, 5) };
  const options = { ...small, tokens: 12_000, validation, evaluateEvery: 3000 };
  const expected = plain(await tune(options));
  const path = join(folder, "cut.checkpoint");
  const checkpoint = { path, everySeconds: 0 };
  for (const cut of [3, 5, 6]) {
    const abort = new AbortController();
    let steps = 0;
    const onProgress = (report: TuneReport): void => {
      steps = report.steps;
      if (steps >= cut) abort.abort();
    };
    await t.throwsAsync(tune({ ...options, checkpoint, signal: abort.signal, onProgress }), {
      any: true,
      name: "AbortError",
    });
    t.true(steps >= cut);
  }
  t.deepEqual(plain(await tune({ ...options, checkpoint })), expected);
  await t.throwsAsync(tune({ ...options, seed: 2, checkpoint }), { code: "E_MISMATCH", message: /seed/ });
});

test("an abort ends a tuning in its thread", async (t) => {
  const abort = new AbortController();
  const running = tune({
    ...small,
    tokens: 1e9,
    worker: true,
    signal: abort.signal,
    onProgress: () => abort.abort(),
  });
  await t.throwsAsync(running, { any: true, name: "AbortError" });
});

test("validation rows choose when a stage ends and what it leaves, and change nothing else", async (t) => {
  const held = {
    users: Int32Array.from(view.userCounts.keys()),
    items: Int32Array.from({ length: 24 }, (_, user) => unseen(user)),
  };
  const reports: TuneReport[] = [];
  const stages = defaultStages(200_000).slice(0, 1);
  await tune({
    ...small,
    stages,
    validation: held,
    evaluateEvery: 2000,
    patience: 1,
    onProgress: (report) => reports.push(report),
  });
  const last = reports[reports.length - 1];
  t.not(last.validation, null);
  t.true(last.tokens < 60_000, "it stopped early");
});

test("what cannot cross to its thread is named", async (t) => {
  const titles = view.titles.map(() => (() => "a title") as unknown as string);
  await t.throwsAsync(tune({ ...small, worker: true, view: new TrainView({ ...view, titles }) }), {
    code: "E_ARGUMENT",
    message: /^options: expected plain data, .*titles.*could not be cloned/,
  });
});

test("a base gets an adapter, its own weights stay as they are", async (t) => {
  const base = join(folder, "base.gguf");
  await writeTuned(base, await tune({ ...small, tokens: 6000 }), { type: "F32" });
  const tuned = await tune({ ...small, shape: undefined, base, tokens: 6000, lora: { rank: 4 } });
  if (tuned.kind !== "adapter") return t.fail("expected an adapter");
  t.is(tuned.rank, 4);
  t.is(tuned.alpha, 8);
  t.true(
    tuned.factors.every(({ b }) => b.some((value) => value !== 0)),
    "it learnt",
  );
  const path = join(folder, "adapter.gguf");
  await writeTuned(path, tuned);
  const file = await readGguf(path);
  t.is(file.metadata.get("llama4rec.base.sha256"), (await readGguf(base)).sha256);
  t.true(file.has("blk.0.attn_q.weight.lora_a"));
  t.is(file.tensor("blk.0.attn_k.weight.lora_b").length, (32 / 2) * 4);
});

test("a checkpoint knows its base by what is in it, not by its path", async (t) => {
  const [base, moved] = [join(folder, "here.gguf"), join(folder, "there.gguf")];
  const options = {
    ...small,
    shape: undefined,
    tokens: 2000,
    checkpoint: { path: join(folder, "base.checkpoint") },
  };
  const model = await tune({ ...small, tokens: 1000 });
  for (const path of [base, moved]) await writeTuned(path, model, { type: "F32" });
  await tune({ ...options, base });
  await t.notThrowsAsync(tune({ ...options, base: moved }));
  await writeTuned(base, model, { type: "F16" });
  await t.throwsAsync(tune({ ...options, base }), { code: "E_MISMATCH", message: /differs in base / });
});

test("the file says how prompts are to be written", async (t) => {
  const path = join(folder, "pocket.gguf");
  await writeTuned(path, await tune({ ...small, tokens: 3000 }), {
    name: "kinds",
    metadata: { "llama4rec.seed": "1" },
  });
  const { metadata } = await readGguf(path);
  t.is(metadata.get("llama4rec.format"), "pocket-1");
  t.is(metadata.get("general.name"), "kinds");
  t.is(metadata.get("llama4rec.seed"), "1");
});

test("a type is checked against the rows that it would hold", (t) => {
  const sizes = { dimension: 64, hidden: 96 };
  for (const type of [undefined, "F32", "F16"] as const)
    t.notThrows(() => checkTunedType(type, { dimension: 6, hidden: 7 }, { rank: 1 }));
  t.notThrows(() => checkTunedType("Q8_0", sizes, null));
  t.notThrows(() => checkTunedType("Q8_0", sizes, { rank: 32 }));
  const bad = [
    [{ ...sizes, dimension: 48 }, null, /^shape\.dimension: .* Q8_0, got 48/],
    [{ ...sizes, hidden: 100 }, null, /^shape\.hidden/],
    [sizes, {}, /^lora\.rank: .* Q8_0, got 8/],
    [{ ...sizes, hidden: 100 }, { rank: 32 }, /^base, its hidden/],
  ] as const;
  for (const [shape, lora, message] of bad)
    t.throws(() => checkTunedType("Q8_0", shape, lora), { code: "E_ARGUMENT", message });
});

test("bad options are named", async (t) => {
  const [stage] = defaultStages();
  const none = { title: 0, choose: 0, compare: 0, rate: 0 };
  const silent = { historyWeight: 0, ratingWeight: 0, questions: none };
  const withNewUser = new TrainView({
    ...view,
    userCount: 25,
    offsets: Int32Array.of(...view.offsets, view.items.length),
  });
  const bad: readonly (readonly [Partial<TuneOptions>, RegExp])[] = [
    [{ seed: -1 }, /seed/],
    [{ tokens: 1 }, /tokens/],
    [{ shape: { ...shape, heads: 3 } }, /shape\.dimension/],
    [{ shape: { ...shape, kvHeads: 3 } }, /shape\.kvHeads/],
    [{ shape: { ...shape, vocabulary: 10 } }, /shape\.vocabulary/],
    [{ mix: { direct: 0, sequential: 0, rating: 0 } }, /mix/],
    [{ mix: { direct: -1 } }, /mix\.direct/],
    [{ stages: [] }, /stages/],
    [{ settings: { dropout: 1 } }, /settings\.dropout/],
    [{ patience: 0 }, /patience/],
    [{ validation: { users: Int32Array.of(99), items: Int32Array.of(0) } }, /validation\.users\[0\]/],
    [{ validation: { users: Int32Array.of(0), items: view.items.slice(0, 1) } }, /validation\.items\[0\]/],
    [{ validation: { users: new Int32Array(), items: new Int32Array() } }, /validation/],
    [{ view: withNewUser, validation: { users: Int32Array.of(24), items: Int32Array.of(0) } }, /validation/],
    [{ base: "x.gguf" }, /shape/],
    [{ checkpoint: { path: "" } }, /checkpoint\.path/],
    [{ checkpoint: { path: join(folder, "x"), everySeconds: -1 } }, /checkpoint\.everySeconds/],
    [{ checkpoint: { path: join(folder, "x"), everySeconds: Number.NaN } }, /checkpoint\.everySeconds/],
    [{ lora: { rank: 4 } }, /lora/],
    [{ shape: undefined, base: join(folder, "x"), lora: { rank: 2000 } }, /lora\.rank/],
    [{ stages: [{ ...stage, questions: undefined as unknown as KindCounts }] }, /stages\[0\]\.questions/],
    [{ stages: [{ ...stage, questions: { title: 1 } as KindCounts }] }, /stages\[0\]\.questions\.choose/],
    [{ stages: [stage, { ...stage, ...silent }] }, /stages\[1\]: expected something with a weight/],
    [
      { stages: [{ ...stage, ...silent, questions: { ...none, rate: 1 } }], mix: { rating: 0 } },
      /stages\[0\]/,
    ],
  ];
  for (const [change, message] of bad)
    await t.throwsAsync(tune({ ...small, ...change }), { code: "E_ARGUMENT", message });
  await t.throwsAsync(tune({ ...small, checkpoint: { path: join(folder, "no", "x") } }), { code: "E_FILE" });
  const empty = new TrainView({
    ...view,
    offsets: new Int32Array(25),
    items: new Int32Array(),
    ratings: new Float32Array(),
  });
  await t.throwsAsync(tune({ ...small, view: empty }), { code: "E_ARGUMENT", message: /view/ });
});
