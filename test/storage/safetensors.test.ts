import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { Llama4RecError } from "../../lib/native/errors.js";
import {
  readTensorFile,
  type StoredTensor,
  type TensorFile,
  verifyTensorFile,
  writeTensorFile,
} from "../../lib/storage/safetensors.js";
import { fileOf, folderOf } from "../datasets/temporary.js";
import { uniform } from "../llm/random.js";
import { detached, loosely } from "../native/raises.js";
import { sample, written } from "./samples.js";

const MiB = 2 ** 20;

function fileWith(tensors: Record<string, StoredTensor>, metadata: Record<string, string> = {}): TensorFile {
  return { kind: "model", metadata, tensors: new Map(Object.entries(tensors)) };
}

async function returns(t: ExecutionContext, file: TensorFile): Promise<void> {
  const { path } = await written(t, file);
  for (const verify of [false, true]) {
    const read = await readTensorFile(path, { kind: file.kind, verify });
    t.deepEqual({ ...read, tensors: new Map() }, { ...file, tensors: new Map() });
    t.deepEqual([...read.tensors.keys()].sort(), [...file.tensors.keys()].sort());
    for (const [name, { shape, values }] of file.tensors) {
      const found = read.tensors.get(name);
      t.deepEqual(found?.shape, shape, name);
      t.is(found?.values.constructor, values.constructor, name);
      t.true(found !== undefined && Buffer.from(found.values.buffer).equals(bytesOf(values)), name);
    }
  }
  await t.notThrowsAsync(verifyTensorFile(path));
}

const bytesOf = (values: ArrayBufferView): Buffer =>
  Buffer.from(values.buffer, values.byteOffset, values.byteLength);

test("what is written is read, bit for bit: every dtype, NaN, -0, no number and a single one", (t) =>
  returns(t, sample));

test("no tensors and no metadata", (t) => returns(t, fileWith({})));

test("only empty tensors", (t) =>
  returns(
    t,
    fileWith({
      b: { shape: [0], values: new Float32Array(0) },
      7: { shape: [0, 2 ** 40], values: new Float64Array(0) },
      a: { shape: [3, 0, 2], values: new Int32Array(0) },
    }),
  ));

test("unusual names and texts", (t) => {
  const names = [
    "",
    " ",
    "10",
    "9",
    "-1",
    "__proto__",
    "constructor",
    'quo"te',
    "\\",
    "\0\n",
    "ü",
    "推薦",
    "🎬",
  ];
  names.push("kind", "dtype", "header_sha256", "x".repeat(10_000));
  const tensors = names.map((name, index): [string, StoredTensor] => [
    name,
    { shape: [2], values: (index % 2 === 0 ? Float32Array : Float64Array).of(index, -index) },
  ]);
  const own = names.filter((name) => name !== "kind" && name !== "header_sha256");
  const metadata = Object.fromEntries(own.map((name) => [name, `"header_sha256":"${name}`]));
  return returns(t, { kind: "check\npoint", metadata, tensors: new Map(tensors) });
});

test("views into a larger buffer are written as they are, a shared one too", (t) => {
  const memory = Float64Array.of(1, 2, 3, 4, 5).buffer;
  const shared = new Float32Array(new SharedArrayBuffer(16), 4, 2).fill(7);
  return returns(
    t,
    fileWith({
      view: { shape: [2], values: new Float64Array(memory, 16, 2) },
      shared: { shape: [2, 1], values: shared },
    }),
  );
});

for (const length of [MiB - 1, MiB, MiB + 1, 3 * MiB + 12345])
  test(`${length} numbers: tensors over many blocks and blocks over many tensors`, (t) => {
    const next = uniform(length);
    const floats = Float32Array.from({ length: length / 4 }, next);
    const tensors: Record<string, StoredTensor> = { floats: { shape: [floats.length], values: floats } };
    for (let i = 0; i < 50; i++)
      tensors[`small ${i}`] = { shape: [i], values: Int32Array.from({ length: i }, (_, at) => at) };
    return returns(t, fileWith(tensors));
  });

test("the same content gives the same bytes, in whatever order its tensors come", async (t) => {
  const { bytes } = await written(t);
  const turned = new Map([...sample.tensors].reverse());
  t.deepEqual((await written(t, { ...sample, tensors: turned })).bytes, bytes);
});

test("every tensor begins at a multiple of its numbers' size", async (t) => {
  const { header, bytes } = await written(t);
  t.is(
    (bytes.length - [...sample.tensors.values()].reduce((n, { values }) => n + values.byteLength, 0)) % 8,
    0,
  );
  const { __metadata__, ...entries } = JSON.parse(header);
  for (const [name, { data_offsets: offsets }] of Object.entries<{ data_offsets: number[] }>(entries))
    t.is(offsets[0] % (sample.tensors.get(name)?.values.BYTES_PER_ELEMENT ?? 0), 0, name);
});

const refused: readonly [string, TensorFile, RegExp][] = [
  [
    "a shape for other numbers",
    fileWith({ a: { shape: [2, 2], values: new Float32Array(3) } }),
    /tensor a.*\[2, 2\].*got 3/,
  ],
  ["a negative length", fileWith({ a: { shape: [-1, -1], values: new Float32Array(1) } }), /tensor a/],
  [
    "a length that is no integer",
    fileWith({ a: { shape: [0.5, 2], values: new Float32Array(1) } }),
    /tensor a/,
  ],
  [
    "lengths beyond 2^53",
    fileWith({ a: { shape: [2 ** 40, 2 ** 40, 0], values: new Float32Array(0) } }),
    /tensor a/,
  ],
  ["memory that is gone", fileWith({ a: { shape: [1], values: detached(new Float32Array(1)) } }), /tensor a/],
  [
    "a tensor named __metadata__",
    fileWith({ __metadata__: { shape: [], values: new Float32Array(1) } }),
    /__metadata__/,
  ],
  [
    "half a surrogate pair in a name",
    fileWith({ "\ud800": { shape: [], values: new Float32Array(1) } }),
    /Unicode/,
  ],
  ["half a surrogate pair in a text", fileWith({}, { a: "\udc00" }), /Unicode/],
  ["an entry that belongs to the format", fileWith({}, { block_sha256: "" }), /block_sha256/],
];
for (const [what, file, message] of refused)
  test(`${what} is not written`, async (t) => {
    const path = join(folderOf(t, {}), "file");
    await t.throwsAsync(writeTensorFile(path, file), {
      instanceOf: Llama4RecError,
      code: "E_ARGUMENT",
      message,
    });
    await t.throwsAsync(readTensorFile(path, { kind: "model" }), { code: "E_FILE" }, "nothing was written");
  });

test("values of another type are not written", async (t) => {
  const path = join(folderOf(t, {}), "file");
  const write = (values: unknown): unknown =>
    loosely(writeTensorFile, path, fileWith({ a: { shape: [1], values: values as Float32Array } }));
  for (const values of [new Uint16Array(1), [1]])
    await t.throwsAsync(async () => write(values), { code: "E_ARGUMENT", message: /tensor a.*Float32Array/ });
});

test("a file of another kind says which", async (t) => {
  const { path } = await written(t);
  await t.throwsAsync(readTensorFile(path, { kind: "checkpoint" }), {
    instanceOf: Llama4RecError,
    code: "E_MISMATCH",
    message: /sample\.safetensors: expected a checkpoint, got a "model"/,
  });
});

test("another program's safetensors says so", async (t) => {
  const header = '{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}  ';
  for (const text of [header, header.replace("{", '{"__metadata__":{"format":"pt"},')]) {
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(text.length));
    const path = fileOf(t, "other.safetensors", Buffer.concat([length, Buffer.from(text), Buffer.alloc(4)]));
    for (const read of [readTensorFile(path, { kind: "model" }), verifyTensorFile(path)])
      await t.throwsAsync(read, { code: "E_MISMATCH", message: /other\.safetensors.*another program's/ });
  }
});

test("what is missing or no file is E_FILE, and named", async (t) => {
  const folder = folderOf(t, {});
  for (const path of [folder, join(folder, "missing"), join(folder, "no folder", "file")])
    for (const read of [readTensorFile(path, { kind: "model" }), verifyTensorFile(path)]) {
      const error = await t.throwsAsync(read, { instanceOf: Llama4RecError, code: "E_FILE" });
      t.true(error.message.includes(path), error.message);
    }
});

// The rules that the Python package safetensors enforces, in Python: an independent reader.
const python = spawnSync("python3", ["--version"]).status === 0 ? test : test.skip;
python("an independent reader accepts the file and finds the same numbers", async (t) => {
  const next = uniform(3);
  const big = Float32Array.from({ length: 400_000 }, () => next() - 0.5);
  const tensors = new Map([...sample.tensors, ["🎬 7", { shape: [1000, 400], values: big }]]);
  for (const file of [sample, { ...sample, tensors }, fileWith({})]) {
    const { path } = await written(t, file);
    const output = execFileSync("python3", ["test/storage/readSafetensors.py", path], { encoding: "utf8" });
    const read: { metadata: Record<string, string>; tensors: Record<string, unknown> } = JSON.parse(output);
    t.like(read.metadata, { ...file.metadata, format: "llama4rec", kind: "model", version: "2" });
    const expected = [...file.tensors].map(([name, { shape, values }]) => {
      const dtype = values instanceof Int32Array ? "I32" : values instanceof Float64Array ? "F64" : "F32";
      let sum = 0;
      for (const value of values) sum += Number.isNaN(value) ? 0 : value;
      return [name, { dtype, shape, first: values.length > 0 ? values[0] : null, sum }];
    });
    t.deepEqual(read.tensors, Object.fromEntries(expected));
  }
});
