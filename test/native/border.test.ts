/** The Node-API border: whatever JavaScript hands over, the addon answers with a result or a coded error, never a crash. */
import { readFileSync } from "node:fs";
import test from "ava";
import ts from "typescript";
import { type Addon, call, native } from "../../lib/native/addon.js";
import { Llama4RecError } from "../../lib/native/errors.js";
import { detached, raises } from "./raises.js";

const notNumbers = [undefined, null, "1", {}, [], true, Number.NaN, Number.POSITIVE_INFINITY];
const notIntegers = [...notNumbers, -1, 1.5, 2 ** 53, 1e300];
const notArrays = [
  3,
  "1",
  {},
  [1],
  new ArrayBuffer(8),
  new DataView(new ArrayBuffer(8)),
  new BigInt64Array(2),
];
const typed = [
  new Int32Array(2),
  new Float32Array(2),
  new Float64Array(2),
  new Uint8Array(2),
  new Int16Array(2),
];
const notTyped = (kind: new () => object): unknown[] => [
  ...notArrays,
  ...typed.filter((array) => !(array instanceof kind)),
];

/** What an argument is not, by what it is. */
const garbage = {
  /** Ids are random to callers: made up, stale or of another kind is as wrong as no id. */
  id: [...notIntegers, 0, 12345, 2 ** 52],
  maybeId: [...notIntegers.filter((value) => value !== null), 0, 12345, 2 ** 52],
  integer: notIntegers,
  /** -1 is the processor. */
  device: [...notIntegers.filter((value) => value !== -1), -2, 256],
  number: notNumbers,
  text: [undefined, null, 1, {}],
  flag: [undefined, null, 0, "true"],
  ids: [undefined, null, 1, {}, ["x"], [-1], [2 ** 53], [Number.NaN]],
  filter: [undefined, null, 1, "x"],
  maybeFilter: [undefined, 1, "x"],
  callback: [undefined, null, 1, "x", {}],
  int32: [undefined, null, ...notTyped(Int32Array)],
  float32: [undefined, null, ...notTyped(Float32Array)],
  float64: [undefined, null, ...notTyped(Float64Array)],
  uint8: [undefined, null, ...notTyped(Uint8Array)],
  maybeFloat32: notTyped(Float32Array),
  maybeFloat64: notTyped(Float64Array),
} satisfies Record<string, readonly unknown[]>;

type Argument = readonly [kind: keyof typeof garbage, valid: unknown];

const addon = native();
const parameter = addon.parameterCreate("p", 4, 3);
const other = addon.parameterCreate("q", 4, 3);
const optimizer = addon.adamCreate([parameter], 0.1, 0.9, 0.999, 1e-8, 0, 0, true);
const sampler = addon.samplerCreate(1, 3, Int32Array.of(0, 1), Int32Array.of(0), new Int32Array(0), 1, 1);
const graph = addon.graphCreate(1, 1, Int32Array.of(0, 1), Int32Array.of(0));
const catalogue = addon.catalogueCreate(new Float32Array(6), null, 3, 2);
const embedding = addon.embeddingCreate(new Float32Array(6), 2, "float32");
const matrix = addon.tapeInput(new Float32Array(6), 2, 3);
const sequences = addon.sequencesCreate(3, Int32Array.of(0, 2), Int32Array.of(0, 1), 2, 1, 1);
const shape = {
  dimension: 2,
  hidden: 2,
  blocks: 1,
  heads: 1,
  length: 2,
  causal: true,
  activation: "relu",
  inputScale: 1,
  epsilon: 1e-5,
} as const;
/** Items, positions, one block, the last layer norm. */
const weights = [6, 4, 2, 2, 12, 6, 4, 2, 2, 2, 4, 2, 4, 2, 2, 2].map((size) => new Float32Array(size));
const encoder = addon.encoderCreate(shape, weights, null);
const square = addon.tapeInput(new Float32Array(9), 3, 3);
const row = addon.tapeInput(new Float32Array(3), 1, 3);
const column = addon.tapeInput(new Float32Array(2), 2, 1);
test.after.always(() => addon.tapeReset());

const offsets = Int32Array.of(0, 1);
const rows = Int32Array.of(0);
/** The rest of a top-k call: filter and rows. */
const topKRest = [
  ["maybeFilter", {}],
  ["int32", new Int32Array(1)],
  ["float64", new Float64Array(1)],
  ["int32", new Int32Array(1)],
] as const satisfies readonly Argument[];
const done: Argument = ["callback", () => {}];

/** A valid call of every function of the addon. */
const calls: Record<keyof Addon, readonly Argument[]> = {
  cpuInfo: [],
  cudaInfo: [],
  threads: [],
  setThreads: [["integer", 2]],
  setLane: [
    ["integer", 0],
    ["flag", false],
  ],
  readBandwidth: [
    ["integer", 4096],
    ["integer", 1],
  ],
  fmaRate: [["integer", 1]],
  byteMultiplyRate: [["integer", 1]],
  lookupSeconds: [
    ["integer", 4],
    ["int32", Int32Array.of(0, 3)],
    ["integer", 2],
    ["integer", 0],
  ],
  parameterCreate: [
    ["text", "p"],
    ["integer", 4],
    ["integer", 3],
  ],
  parameterAcquire: [["id", parameter]],
  parameterRelease: [["integer", other]],
  parameterFillUniform: [
    ["id", parameter],
    ["number", 0],
    ["number", 1],
    ["integer", 1],
    ["integer", 0],
  ],
  parameterFillNormal: [
    ["id", parameter],
    ["number", 1],
    ["integer", 1],
    ["integer", 0],
  ],
  parameterRead: [["id", parameter]],
  parameterWrite: [
    ["id", parameter],
    ["float32", new Float32Array(12)],
  ],
  parameterReadState: [["id", parameter]],
  parameterWriteState: [
    ["id", parameter],
    ["float32", new Float32Array(12)],
    ["float32", new Float32Array(12)],
    ["int32", new Int32Array(4)],
    ["integer", 0],
  ],
  tapeReset: [],
  tapeRandomize: [
    ["integer", 1],
    ["integer", 0],
  ],
  tapeInput: [
    ["float32", new Float32Array(6)],
    ["integer", 2],
    ["integer", 3],
  ],
  tapeUse: [["id", parameter]],
  tapeUseFrozen: [["id", parameter]],
  tapeShape: [["id", matrix]],
  tapeValue: [["id", matrix]],
  tapeGradient: [["id", matrix]],
  tapeItem: [["id", matrix]],
  tapeBackward: [["id", matrix]],
  gather: [
    ["id", parameter],
    ["int32", rows],
  ],
  embed: [
    ["id", parameter],
    ["int32", rows],
    ["number", 2],
    ["id", parameter],
    ["int32", rows],
    ["number", 0.5],
  ],
  bag: [
    ["id", parameter],
    ["int32", rows],
    ["int32", offsets],
    ["maybeFloat32", null],
    ["flag", false],
  ],
  rowDot: [
    ["id", matrix],
    ["id", matrix],
  ],
  matmul: [
    ["id", matrix],
    ["id", matrix],
    ["flag", false],
    ["flag", true],
  ],
  bprLoss: [
    ["id", column],
    ["id", column],
  ],
  bprRows: [
    ["id", parameter],
    ["id", parameter],
    ["int32", rows],
    ["int32", rows],
    ["int32", rows],
    ["number", 0.5],
  ],
  l2: [["id", matrix]],
  add: [
    ["id", matrix],
    ["id", matrix],
  ],
  scale: [
    ["id", matrix],
    ["number", 2],
  ],
  linear: [
    ["id", matrix],
    ["id", square],
    ["id", row],
    ["text", "relu"],
    ["number", 0.5],
    ["maybeId", null],
  ],
  layerNorm: [
    ["id", matrix],
    ["id", row],
    ["id", row],
    ["number", 1e-5],
  ],
  dropout: [
    ["id", matrix],
    ["number", 0.5],
  ],
  addDropout: [
    ["id", matrix],
    ["id", matrix],
    ["number", 0.5],
  ],
  attention: [
    ["id", matrix],
    ["int32", Int32Array.of(0, 2)],
    ["integer", 1],
    ["flag", true],
    ["number", 0],
  ],
  take: [
    ["id", matrix],
    ["int32", rows],
  ],
  reshape: [
    ["id", matrix],
    ["integer", 3],
    ["integer", 2],
  ],
  slice: [
    ["id", matrix],
    ["integer", 0],
    ["integer", 1],
  ],
  normalizeRows: [["id", matrix]],
  propagate: [
    ["id", graph],
    ["id", matrix],
  ],
  multiply: [
    ["id", matrix],
    ["id", matrix],
  ],
  relu: [["id", matrix]],
  biInteraction: [
    ["id", matrix],
    ["integer", 1],
  ],
  pairProducts: [
    ["id", matrix],
    ["integer", 1],
  ],
  cross: [
    ["id", matrix],
    ["id", matrix],
    ["id", row],
    ["id", row],
  ],
  outerRows: [
    ["id", matrix],
    ["id", column],
  ],
  sumGroups: [
    ["id", matrix],
    ["integer", 2],
  ],
  softmaxPool: [
    ["id", column],
    ["id", matrix],
    ["integer", 2],
  ],
  transposeBlocks: [
    ["id", matrix],
    ["integer", 2],
  ],
  hopMix: [
    ["id", matrix],
    ["id", matrix],
    ["int32", Int32Array.of(0, 1)],
    ["int32", Int32Array.of(1, 0, 1, 1)],
  ],
  bceLoss: [
    ["id", column],
    ["id", column],
  ],
  softmaxLoss: [
    ["id", matrix],
    ["id", square],
    ["int32", Int32Array.of(0, 1)],
    ["maybeFloat32", null],
  ],
  logSoftmax: [
    ["id", matrix],
    ["id", square],
    ["int32", Int32Array.of(0, 1)],
  ],
  rmsNorm: [
    ["id", matrix],
    ["id", row],
    ["number", 1e-5],
  ],
  swiglu: [["id", addon.tapeInput(new Float32Array(8), 2, 4)]],
  rope: [
    ["id", matrix],
    ["int32", Int32Array.of(0, 1)],
    ["integer", 1],
    ["integer", 2],
    ["number", 10_000],
  ],
  segmentAttention: [
    ["id", matrix],
    ["int32", Int32Array.of(0, 2)],
    ["int32", Int32Array.of(0, 1)],
    ["integer", 1],
    ["integer", 1],
    ["number", 0],
  ],
  adamCreate: [
    ["ids", [other]],
    ...Array.from({ length: 6 }, (): Argument => ["number", 0.5]),
    ["flag", true],
  ],
  adamSetLearningRate: [
    ["id", optimizer],
    ["number", 0.1],
  ],
  adamStep: [["id", optimizer]],
  adamRelease: [["integer", 2 ** 40]],
  samplerCreate: [
    ["integer", 1],
    ["integer", 3],
    ["int32", offsets],
    ["int32", rows],
    ["int32", new Int32Array(0)],
    ["integer", 1],
    ["integer", 1],
  ],
  samplerStartEpoch: [
    ["id", sampler],
    ["integer", 1],
    ["integer", 0],
  ],
  samplerExamples: [["id", sampler]],
  samplerNext: [
    ["id", sampler],
    ["int32", new Int32Array(2)],
    ["int32", new Int32Array(2)],
    ["int32", new Int32Array(2)],
  ],
  samplerRelease: [["integer", 2 ** 40]],
  graphCreate: [
    ["integer", 1],
    ["integer", 3],
    ["int32", offsets],
    ["int32", rows],
  ],
  graphDropEdges: [
    ["id", graph],
    ["number", 0.5],
    ["integer", 1],
    ["integer", 1],
  ],
  graphEdges: [["id", graph]],
  graphRelease: [["integer", 2 ** 40]],
  sequencesCreate: [
    ["integer", 3],
    ["int32", Int32Array.of(0, 2)],
    ["int32", Int32Array.of(0, 1)],
    ["integer", 2],
    ["integer", 1],
    ["integer", 1],
  ],
  sequencesStartEpoch: [
    ["id", sequences],
    ["integer", 0],
    ["integer", 0],
  ],
  sequencesExamples: [["id", sequences]],
  sequencesNext: [
    ["id", sequences],
    ["int32", new Int32Array(2)],
    ["int32", new Int32Array(2)],
    ["int32", new Int32Array(2)],
    ["int32", new Int32Array(2)],
    ["int32", new Int32Array(2)],
  ],
  sequencesRelease: [["integer", 2 ** 40]],
  encoderCreate: [
    ["filter", shape],
    ["filter", weights],
    ["maybeFloat32", new Float32Array(2)],
  ],
  encoderOver: [
    ["id", catalogue],
    ["filter", shape],
    ["filter", weights.slice(1)],
    ["maybeFloat32", new Float32Array(2)],
  ],
  encoderAcquire: [["id", encoder]],
  encoderRelease: [["integer", 2 ** 40]],
  encoderEncode: [
    ["id", encoder],
    ["int32", offsets],
    ["int32", rows],
  ],
  encoderEncodeAsync: [
    ["id", encoder],
    ["int32", offsets],
    ["int32", rows],
    ["float32", new Float32Array(2)],
    done,
  ],
  asyncDrop: [["integer", 2 ** 40]],
  encoderTopK: [["id", encoder], ["int32", offsets], ["int32", rows], ["integer", 1], ...topKRest],
  encoderTopKAsync: [["id", encoder], ["int32", offsets], ["int32", rows], ["integer", 1], ...topKRest, done],
  catalogueCreate: [
    ["float32", new Float32Array(6)],
    ["maybeFloat32", null],
    ["integer", 3],
    ["integer", 2],
  ],
  catalogueAcquire: [["id", catalogue]],
  catalogueRelease: [["integer", 2 ** 40]],
  catalogueTopK: [
    ["id", catalogue],
    ["float32", new Float32Array(2)],
    ["integer", 1],
    ["integer", 1],
    ...topKRest,
  ],
  sha256: [["uint8", new Uint8Array(4)]],
  catalogueSizes: [["id", catalogue]],
  catalogueLayout: [
    ["integer", 3],
    ["integer", 2],
    ["flag", true],
    ["flag", false],
  ],
  catalogueRead: [
    ["id", catalogue],
    ["integer", 0],
    ["uint8", new Uint8Array(4)],
  ],
  catalogueOpen: [
    ["integer", 0],
    ["integer", 0],
    ["integer", 3],
    ["integer", 2],
    ["flag", true],
    ["flag", false],
    ["flag", true],
  ],
  catalogueTopKAsync: [
    ["id", catalogue],
    ["float32", new Float32Array(2)],
    ["integer", 1],
    ["integer", 1],
    ...topKRest,
    done,
  ],
  bruteForceTopK: [
    ["float32", new Float32Array(6)],
    ["maybeFloat32", null],
    ["integer", 2],
    ["float32", new Float32Array(2)],
    ["integer", 1],
    ...topKRest,
    ["device", -1],
  ],
  sequenceAttention: [
    ["float32", new Float32Array(4)],
    ["float32", new Float32Array(4)],
    ["float32", new Float32Array(4)],
    ["int32", Int32Array.of(0, 2)],
    ["integer", 2],
    ["integer", 1],
    ["number", 1],
    ["flag", true],
    ["float32", new Float32Array(4)],
  ],
  embeddingCreate: [
    ["float32", new Float32Array(6)],
    ["integer", 2],
    ["text", "bf16"],
  ],
  embeddingRelease: [["integer", 2 ** 40]],
  embeddingBytes: [["id", embedding]],
  embeddingLookup: [
    ["id", embedding],
    ["integer", 2],
    ["int32", rows],
    ["float32", new Float32Array(2)],
    ["device", -1],
  ],
  embeddingBag: [
    ["id", embedding],
    ["integer", 2],
    ["int32", rows],
    ["int32", offsets],
    ["maybeFloat32", null],
    ["flag", true],
    ["float32", new Float32Array(2)],
    ["device", -1],
  ],
  selectTopK: [["float64", new Float64Array(3)], ["integer", 1], ["integer", 3], ["integer", 1], ...topKRest],
  spdInverse: [
    ["float64", Float64Array.of(1)],
    ["integer", 1],
  ],
  gram: [
    ["int32", offsets],
    ["int32", rows],
    ["maybeFloat64", null],
    ["integer", 2],
  ],
  sparseScores: [
    ["int32", offsets],
    ["int32", rows],
    ["maybeFloat64", null],
    ["float64", new Float64Array(4)],
    ["integer", 2],
  ],
};

const names = Object.keys(calls) as (keyof Addon)[];
const invoke = (name: keyof Addon, args: readonly unknown[]): unknown =>
  call((functions) => Reflect.apply(functions[name], functions, args));

test("the typed mirror and the binary name the same functions", (t) => {
  const source = ts.createSourceFile(
    "addon.ts",
    readFileSync("lib/native/addon.ts", "utf8"),
    ts.ScriptTarget.Latest,
  );
  const mirror = source.statements.find(
    (node): node is ts.InterfaceDeclaration => ts.isInterfaceDeclaration(node) && node.name.text === "Addon",
  );
  const declared = (mirror?.members ?? []).map((member) => member.name?.getText(source) ?? "");
  const exported = Object.entries(addon).filter(([, value]) => typeof value === "function");
  t.deepEqual([...declared].sort(), exported.map(([name]) => name).sort());
  t.deepEqual([...declared].sort(), [...names].sort(), "and so does the table of this file");
});

for (const name of names)
  test(`${name} refuses what its arguments are not`, (t) => {
    const valid = calls[name].map(([, value]) => value);
    calls[name].forEach(([kind], place) => {
      for (const wrong of garbage[kind]) {
        const error = t.throws(() => invoke(name, valid.with(place, wrong)), { instanceOf: Llama4RecError });
        t.true(
          error?.code === "E_ARGUMENT" || error?.code === "E_DISPOSED",
          `argument ${place}: ${String(wrong)} gave ${error?.code}`,
        );
      }
    });
    if (valid.length > 0) t.throws(() => invoke(name, []), { instanceOf: Llama4RecError }, "no argument");
    else t.notThrows(() => native().threads());
  });

test("an id is good for its own kind only", (t) => {
  const uses = {
    parameterRead: parameter,
    adamStep: optimizer,
    samplerExamples: sampler,
    catalogueTopK: catalogue,
    sequencesExamples: sequences,
    encoderEncode: encoder,
    graphEdges: graph,
    embeddingBytes: embedding,
  };
  for (const name of Object.keys(uses) as (keyof typeof uses)[])
    for (const id of Object.values(uses).filter((id) => id !== uses[name]))
      raises(t, () => invoke(name, [id, new Float32Array(2), 1, 1, {}]), "E_DISPOSED");
});

test("a detached array never reads as memory: it is empty or refused", (t) => {
  const kinds = { int32: Int32Array, float32: Float32Array, float64: Float64Array };
  for (const name of names) {
    const valid = calls[name].map(([, value]) => value);
    for (const [place, [kind]] of calls[name].entries()) {
      if (kind !== "int32" && kind !== "float32" && kind !== "float64") continue;
      const bare =
        name === "bruteForceTopK"
          ? kind === "float32" && place === 0
          : kind === "int32" &&
            (name === "gather" || name === "take" || (name === "samplerCreate" && place === 4));
      const body = (): unknown => invoke(name, valid.with(place, detached(new kinds[kind](12))));
      if (bare) t.notThrows(body, `${name}: no rows are fine`);
      else raises(t, body, "E_ARGUMENT", /expected/);
    }
  }
});

test("constructors that a program puts in place later have no part in results", (t) => {
  const size = 2 ** 18 + 1; // above 1 MB results are made by the constructor
  const large = addon.parameterCreate("large", size, 1);
  addon.parameterFillUniform(large, 1, 2, 1, 0);
  const [intrinsic, own] = [globalThis.Float32Array, new Float32Array(size)];
  try {
    globalThis.Float32Array = class extends intrinsic {
      constructor() {
        super(own.buffer);
      }
    } as unknown as Float32ArrayConstructor;
    t.true(addon.parameterRead(large).every((value) => value >= 1));
    t.true(addon.tapeValue(addon.tapeUse(large)).every((value) => value >= 1));
  } finally {
    globalThis.Float32Array = intrinsic;
    addon.parameterRelease(large);
  }
  t.true(own.every((value) => value === 0));
});

test("shared memory is refused: another thread could change it between check and use", (t) => {
  const shared = new Int32Array(new SharedArrayBuffer(8));
  raises(t, () => invoke("gather", [parameter, shared]), "E_ARGUMENT", /rows/);
});

test("a getter that transfers memory away while a filter is read gets an error, never stale memory", (t) => {
  const [queries, ids] = [new Float32Array(2), new Int32Array(1)];
  const filter = {
    get excludedOffsets() {
      detached(queries);
      return null;
    },
  };
  raises(
    t,
    () =>
      invoke("catalogueTopK", [
        catalogue,
        queries,
        1,
        1,
        filter,
        ids,
        new Float64Array(1),
        new Int32Array(1),
      ]),
    "E_ARGUMENT",
    /expected/,
  );
});

test("more memory than there is gives E_NO_MEMORY", (t) => {
  const items = 2 ** 20; // a matrix of 8 TiB
  raises(
    t,
    () => invoke("gram", [Int32Array.of(0), new Int32Array(0), null, items]),
    "E_NO_MEMORY",
    /cannot be had/,
  );
});

test("after all that the engine works", (t) => {
  addon.parameterWrite(
    parameter,
    Float32Array.from({ length: 12 }, (_, index) => index),
  );
  t.deepEqual([...addon.tapeValue(addon.gather(parameter, Int32Array.of(3, 0)))], [9, 10, 11, 0, 1, 2]);
});
