import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { IdMap } from "../../lib/data/idMap.js";
import { type FactorModel, type FrozenModel, rankerOf, type SequenceModel } from "../../lib/models/frozen.js";
import { loadModel, type ModelAbout, saveModel, verifyModel } from "../../lib/models/modelFile.js";
import { native } from "../../lib/native/addon.js";
import { type ErrorCode, Llama4RecError } from "../../lib/native/errors.js";
import { packageVersion } from "../../lib/native/packageVersion.js";
import { readTensorFile, type StoredTensor, writeTensorFile } from "../../lib/storage/safetensors.js";
import { folderOf } from "../datasets/temporary.js";
import { uniform } from "../llm/random.js";

const factorModel = (itemBiases: Float32Array | null = Float32Array.of(0.5, -0, 7)): FactorModel => ({
  kind: "factors",
  name: "MF",
  factors: {
    dimension: 2,
    users: Float32Array.of(0.1, -2, 3e-30, 4),
    items: Float32Array.of(1, 2, 3, 4, 5, -6),
    itemBiases,
  },
});

/** Two blocks over 5 items; users with 2, 0 and 4 items. */
function sequenceModel(masked = false): SequenceModel {
  const next = uniform(1);
  const floats = (count: number): Float32Array => Float32Array.from({ length: count }, () => next() - 0.5);
  const [d, hidden, length] = [4, 6, 3];
  const block = () => ({
    norm1Gain: floats(d),
    norm1Bias: floats(d),
    qkv: floats(d * 3 * d),
    qkvBias: floats(3 * d),
    out: floats(d * d),
    outBias: floats(d),
    norm2Gain: floats(d),
    norm2Bias: floats(d),
    up: floats(d * hidden),
    upBias: floats(hidden),
    down: floats(hidden * d),
    downBias: floats(d),
  });
  return {
    kind: "sequence",
    name: "SASRec",
    encoder: {
      shape: {
        dimension: d,
        hidden,
        blocks: 2,
        heads: 2,
        length,
        causal: true,
        activation: "relu",
        inputScale: Math.sqrt(d),
        epsilon: 1e-8,
      },
      items: floats(5 * d),
      positions: floats(length * d),
      blocks: [block(), block()],
      normGain: floats(d),
      normBias: floats(d),
      ...(masked ? { maskToken: floats(d) } : {}),
    },
    histories: { offsets: Int32Array.of(0, 2, 2, 6), items: Int32Array.of(4, 0, 1, 2, 3, 4) },
  };
}

const about: Required<Omit<ModelAbout, "createdBy">> = {
  backbone: "MF",
  task: "direct",
  hyperparameters: { dimension: 2, learningRate: 1e-3 },
  users: IdMap.from(["7", 7]),
  items: IdMap.from(["__proto__", "\ud800", '"']),
  metrics: { "NDCG@10": 0.1 + 0.2, "HR@5": 0 },
  dataDigest: "abc",
};

async function saved(
  t: ExecutionContext,
  model: FrozenModel = factorModel(),
  said?: ModelAbout,
): Promise<string> {
  const path = join(folderOf(t, {}), "model.safetensors");
  await saveModel(path, model, said);
  return path;
}

async function refuses(t: ExecutionContext, path: string, code: ErrorCode, message = /./): Promise<void> {
  const error = { instanceOf: Llama4RecError, code, message };
  await t.throwsAsync(loadModel(path), error);
  await t.throwsAsync(verifyModel(path), error);
}

// Without the encoder in the engine a sequence model can be written and checked, but not served.
const served = "encoderCreate" in native() ? test : test.skip;

for (const biases of [factorModel().factors.itemBiases, null])
  test(`factors have the same bits again, ${biases ? "with" : "without"} biases`, async (t) => {
    const model = factorModel(biases);
    const path = await saved(t, model);
    await verifyModel(path);
    for (const verify of [false, true]) {
      using ranker = (await loadModel(path, { verify })).ranker;
      t.like(ranker, { name: "MF", userCount: 2, itemCount: 3, dimension: 2 });
      t.deepEqual(ranker.model, model);
    }
  });

test("a ranker is saved as its model is", async (t) => {
  using ranker = rankerOf(factorModel());
  const folder = folderOf(t, {});
  await saveModel(join(folder, "ranker"), ranker);
  await saveModel(join(folder, "model"), ranker.model);
  t.deepEqual(readFileSync(join(folder, "ranker")), readFileSync(join(folder, "model")));
});

for (const masked of [false, true])
  served(
    `a sequence model ${masked ? "with" : "without"} mask token has the same bits and recommends the same again`,
    async (t) => {
      const model = sequenceModel(masked);
      using before = rankerOf(model);
      using after = (await loadModel(await saved(t, model), { verify: true })).ranker;
      t.deepEqual(after.model, model);
      const users = Int32Array.of(0, 1, 2);
      t.deepEqual(after.topK(users, { k: 3 }), before.topK(users, { k: 3 }));
      t.deepEqual(after.userVectors, before.userVectors);
      t.is(after.itemCount, 5);
    },
  );

test("a sequence model's tensors have names and shapes that can be read", async (t) => {
  const path = await saved(t, sequenceModel());
  await verifyModel(path);
  const { metadata, tensors } = await readTensorFile(path, { kind: "model" });
  t.like(metadata, { model: "sequence", name: "SASRec" });
  t.deepEqual(JSON.parse(metadata.shape), sequenceModel().encoder.shape);
  const shapes = Object.fromEntries([...tensors].map(([name, { shape }]) => [name, shape]));
  const block = {
    "attention.norm.gain": [4],
    "attention.norm.bias": [4],
    "attention.qkv.weight": [4, 12],
    "attention.qkv.bias": [12],
    "attention.out.weight": [4, 4],
    "attention.out.bias": [4],
    "feed_forward.norm.gain": [4],
    "feed_forward.norm.bias": [4],
    "feed_forward.up.weight": [4, 6],
    "feed_forward.up.bias": [6],
    "feed_forward.down.weight": [6, 4],
    "feed_forward.down.bias": [4],
  };
  const blocks = [0, 1].flatMap((number) =>
    Object.entries(block).map(([name, shape]) => [`blocks.${number}.${name}`, shape]),
  );
  t.deepEqual(shapes, {
    items: [5, 4],
    positions: [3, 4],
    "norm.gain": [4],
    "norm.bias": [4],
    "histories.offsets": [4],
    "histories.items": [6],
    ...Object.fromEntries(blocks),
  });
  t.deepEqual(tensors.get("blocks.1.attention.qkv.weight")?.values, sequenceModel().encoder.blocks[1].qkv);
});

test("what is said about the model comes back, each field or none", async (t) => {
  const createdBy = packageVersion();
  const loaded = async (said?: ModelAbout): Promise<ModelAbout> => {
    const { ranker, about: found } = await loadModel(await saved(t, factorModel(), said));
    ranker.dispose();
    return found;
  };
  t.deepEqual(await loaded(), { createdBy });
  const { users, items, ...rest } = await loaded({ ...about, createdBy: "0.0.0" });
  const { users: givenUsers, items: givenItems, ...given } = about;
  t.deepEqual(rest, { ...given, createdBy });
  t.deepEqual([...(users ?? [])], [...givenUsers]);
  t.deepEqual([...(items ?? [])], [...givenItems]);
  t.deepEqual(await loaded({ metrics: {} }), { metrics: {}, createdBy });
});

const unfit: readonly [string, FrozenModel, ModelAbout, RegExp][] = [
  ["ids for other users", factorModel(), { users: IdMap.from([1]) }, /about\.users: expected 2 ids, got 1/],
  ["ids for other items", sequenceModel(), { items: IdMap.from([1]) }, /about\.items: expected 5 ids, got 1/],
  ["a metric that is not finite", factorModel(), { metrics: { a: Number.NaN } }, /about\.metrics\.a/],
  ["an id that is not finite", factorModel(), { users: IdMap.from([1, Number.NaN]) }, /about\.users\[\d\]/],
  ["biases for other items", factorModel(Float32Array.of(1)), {}, /item_biases.*\[3\].*\[1\]/],
  ["a weight that is not finite", factorModel(Float32Array.of(1, Number.NaN, 0)), {}, /item_biases\[1\]/],
  ["fewer blocks than the shape says", withBlocks(1), {}, /shape\.blocks/],
];
for (const [what, model, said, message] of unfit)
  test(`${what} cannot be saved`, async (t) => {
    const folder = folderOf(t, {});
    await t.throwsAsync(saveModel(join(folder, "model"), model, said), {
      instanceOf: Llama4RecError,
      code: "E_ARGUMENT",
      message,
    });
    t.deepEqual(readdirSync(folder), []);
  });

function withBlocks(count: number): SequenceModel {
  const model = sequenceModel();
  return { ...model, encoder: { ...model.encoder, blocks: model.encoder.blocks.slice(0, count) } };
}

type Change = (file: { metadata: Record<string, string>; tensors: Map<string, StoredTensor> }) => void;

/** Writes the model's file with right checksums and, by each change, wrong content: it must be refused. */
async function lies(
  t: ExecutionContext,
  model: FrozenModel,
  changes: readonly [change: Change, message: RegExp][],
): Promise<void> {
  const path = await saved(t, model, { metrics: { a: 1 } });
  const { kind, metadata, tensors } = await readTensorFile(path, { kind: "model" });
  for (const [change, message] of changes) {
    const file = { kind, metadata: { ...metadata }, tensors: new Map(tensors) };
    change(file);
    await writeTensorFile(path, file);
    await refuses(t, path, "E_CORRUPT", message);
  }
}

const floats = (shape: number[], fill = 0): StoredTensor => ({
  shape,
  values: new Float32Array(shape.reduce((product, length) => product * length, 1)).fill(fill),
});
const integers = (...values: number[]): StoredTensor => ({
  shape: [values.length],
  values: Int32Array.from(values),
});

test("tensors that do not fit the model are E_CORRUPT", async (t) => {
  const factors: readonly [name: string, tensor: StoredTensor | null, message: RegExp][] = [
    ["users", null, /one named users/],
    ["users", floats([4]), /tensor users/],
    ["users", floats([2, 3]), /tensor items: expected shape \[3, 3\], got "\[3, 2\]"/],
    ["users", floats([2, 0]), /tensor users/],
    ["users", { shape: [2, 2], values: new Float64Array(4) }, /tensor users: expected float32/],
    ["users", floats([2, 2], Number.POSITIVE_INFINITY), /tensor users\[0\].*Infinity/],
    ["items", floats([2, 2]), /item_biases/],
    ["items", floats([3, 2], Number.NaN), /tensor items\[0\].*NaN/],
    ["item_biases", floats([3, 1]), /item_biases/],
    ["extra", floats([1]), /"extra"/],
  ];
  const sequence: typeof factors = [
    ["positions", null, /shape\.blocks/],
    ["positions", floats([4, 4]), /tensor positions: expected shape \[3, 4\]/],
    ["items", floats([5, 3]), /tensor items: expected shape \[5, 4\]/],
    ["blocks.1.attention.qkv.weight", floats([12, 4]), /blocks\.1\.attention\.qkv\.weight: expected shape/],
    ["blocks.1.feed_forward.up.bias", floats([6], Number.NaN), /blocks\.1\.feed_forward\.up\.bias\[0\]/],
    ["blocks.2.attention.out.bias", floats([4]), /shape\.blocks/],
    ["histories.offsets", integers(), /histories\.offsets/],
    ["histories.offsets", integers(1, 6), /histories\.offsets/],
    ["histories.offsets", integers(0, 2, 7), /histories\.offsets/],
    ["histories.offsets", integers(0, 4, 2, 6), /histories\.offsets\[2\]/],
    ["histories.offsets", floats([4]), /histories\.offsets/],
    [
      "histories.items",
      integers(0, 1, 2, 3, 4, 5),
      /histories\.items\[5\]: expected an item in 0\.\.4, got 5/,
    ],
    ["histories.items", integers(0, 1, -1, 3, 4, 4), /histories\.items\[2\]/],
    ["mask_token", floats([3]), /tensor mask_token: expected shape \[4\], got "\[3\]"/],
    ["mask_token", floats([0]), /tensor mask_token: expected shape/],
    ["mask_token", integers(1, 2, 3, 4), /tensor mask_token: expected float32/],
    ["mask_token", floats([4], Number.NaN), /tensor mask_token\[0\].*NaN/],
  ];
  const changes = (cases: typeof factors) =>
    cases.map(([name, tensor, message]): [Change, RegExp] => [
      ({ tensors }) => (tensor === null ? tensors.delete(name) : tensors.set(name, tensor)),
      message,
    ]);
  await lies(t, factorModel(), changes(factors));
  await lies(t, sequenceModel(), changes(sequence));
});

test("texts that do not fit the model are E_CORRUPT", async (t) => {
  const { shape } = sequenceModel().encoder;
  const other = (changes: Record<string, unknown>): string => JSON.stringify({ ...shape, ...changes });
  const cases: readonly [name: string, text: string | null, message: RegExp][] = [
    ["model", null, /model: expected factors, sequence or rating/],
    ["model", "graph", /model: expected factors, sequence or rating, got "graph"/],
    ["model", "factors", /one named users/],
    ["name", null, /name/],
    ["shape", null, /shape/],
    ["shape", "{", /shape/],
    ["shape", "null", /shape/],
    ["shape", other({ dimension: 0 }), /shape\.dimension/],
    ["shape", other({ dimension: 1e15 }), /shape\.dimension/],
    ["shape", other({ dimension: 8 }), /tensor items/],
    ["shape", other({ hidden: 5 }), /feed_forward\.up\.weight/],
    ["shape", other({ blocks: 2 ** 30 }), /shape\.blocks/],
    ["shape", other({ blocks: 1.5 }), /shape\.blocks/],
    ["shape", other({ heads: 3 }), /shape\.heads: expected a divisor of 4, got 3/],
    ["shape", other({ length: "3" }), /shape\.length/],
    ["shape", other({ causal: 1 }), /shape\.causal/],
    ["shape", other({ activation: "tanh" }), /shape\.activation/],
    ["shape", other({ inputScale: null }), /shape\.inputScale/],
    ["shape", other({ epsilon: 0 }), /shape\.epsilon/],
    ["backbone", "MF", /about\.backbone/],
    ["task", "1", /about\.task/],
    ["hyperparameters", "[]", /about\.hyperparameters/],
    ["hyperparameters", '{"a":"1"}', /about\.hyperparameters\.a/],
    ["metrics", "null", /about\.metrics/],
    ["metrics", '{"a":1e999}', /about\.metrics\.a/],
    ["users", "[1,2]", /about\.users: expected 3 ids, got 2/],
    ["users", "[1,1,2]", /about\.users\[1\]: expected distinct ids/],
    ["users", "[3,1,2]", /about\.users\[0\]/],
    ["users", '[1,2,"3",null]', /about\.users\[3\]/],
    ["items", '{"length":5}', /about\.items/],
    ["dataDigest", "{}", /about\.dataDigest/],
    ["createdBy", "", /about\.createdBy/],
  ];
  const changes = cases.map(([name, text, message]): [Change, RegExp] => [
    ({ metadata }) => {
      if (text === null) delete metadata[name];
      else metadata[name] = text;
    },
    message,
  ]);
  await lies(t, sequenceModel(), changes);
});

test("a damaged weight is found by verify", async (t) => {
  const path = await saved(t);
  const bytes = readFileSync(path);
  bytes[bytes.length - 1] ^= 1;
  writeFileSync(path, bytes);
  const error = { instanceOf: Llama4RecError, code: "E_CORRUPT", message: /block 0 of its data/ };
  await t.throwsAsync(verifyModel(path), error);
  await t.throwsAsync(loadModel(path, { verify: true }), error);
  (await loadModel(path)).ranker.dispose();
});

test("a damaged header is found when the model is opened", async (t) => {
  const path = await saved(t);
  const bytes = readFileSync(path);
  bytes[bytes.indexOf('"MF"') + 1] ^= 1;
  writeFileSync(path, bytes);
  await refuses(t, path, "E_CORRUPT", /checksum/);
});

test("a checkpoint is no model", async (t) => {
  const path = join(folderOf(t, {}), "checkpoint");
  await writeTensorFile(path, { kind: "checkpoint", metadata: {}, tensors: new Map() });
  await refuses(t, path, "E_MISMATCH", /expected a model, got a "checkpoint"/);
});

test("what is no file says so", async (t) => {
  const folder = folderOf(t, {});
  await refuses(t, join(folder, "missing"), "E_FILE", /missing/);
  await refuses(t, folder, "E_FILE");
});

test("a failed write leaves nothing behind, and the old file whole", async (t) => {
  const folder = folderOf(t, {});
  const error = { instanceOf: Llama4RecError, code: "E_FILE", message: /cannot write/ };
  await t.throwsAsync(saveModel(join(folder, "nowhere", "model"), factorModel()), error);
  mkdirSync(join(folder, "taken"));
  await t.throwsAsync(saveModel(join(folder, "taken"), factorModel()), error);
  t.deepEqual(readdirSync(folder), ["taken"]);
  const path = join(folder, "model");
  await saveModel(path, factorModel());
  await saveModel(path, factorModel(null));
  t.deepEqual(readdirSync(folder).sort(), ["model", "taken"]);
  using ranker = (await loadModel(path)).ranker;
  t.is(ranker.itemBiases, null);
});
