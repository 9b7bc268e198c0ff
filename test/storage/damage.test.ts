import { closeSync, ftruncateSync, openSync, writeFileSync, writeSync } from "node:fs";
import test, { type ExecutionContext } from "ava";
import { Llama4RecError } from "../../lib/native/errors.js";
import { readTensorFile, verifyTensorFile } from "../../lib/storage/safetensors.js";
import { fileOf } from "../datasets/temporary.js";
import { uniform } from "../llm/random.js";
import { forged, sample, written } from "./samples.js";

/** The error of a call, or null. Anything but the package's own error fails the test. */
async function errorOf(call: Promise<unknown>): Promise<Llama4RecError | null> {
  try {
    await call;
    return null;
  } catch (error) {
    if (error instanceof Llama4RecError) return error;
    throw error;
  }
}

const open = (path: string, verify = false) => errorOf(readTensorFile(path, { kind: "model", verify }));

/** A file whose bytes are changed in place, for thousands of variants. */
function scratch(
  t: ExecutionContext,
  bytes: Buffer,
): { path: string; put(at: number, part: Uint8Array): void } {
  const path = fileOf(t, "damaged.safetensors", bytes);
  const file = openSync(path, "r+");
  t.teardown(() => closeSync(file));
  return { path, put: (at, part) => writeSync(file, part, 0, part.length, at) };
}

test("a file cut short at any length is refused when it is opened", async (t) => {
  const { bytes } = await written(t);
  const path = fileOf(t, "cut.safetensors", bytes);
  const file = openSync(path, "r+");
  t.teardown(() => closeSync(file));
  for (let length = bytes.length - 1; length >= 0; length--) {
    ftruncateSync(file, length);
    const error = await open(path);
    t.is(error?.code, "E_CORRUPT", `${length}`);
    t.regex(error?.message ?? "", /cut\.safetensors: expected a whole llama4rec file, but /);
    t.is((await errorOf(verifyTensorFile(path)))?.code, "E_CORRUPT");
  }
});

test("bytes after the end are refused when it is opened", async (t) => {
  const { bytes } = await written(t);
  const path = fileOf(t, "longer", Buffer.concat([bytes, Buffer.alloc(4)]));
  t.regex((await open(path))?.message ?? "", /its tensors take 44 bytes and 48 follow the header/);
});

test("any flipped bit of the header is refused when it is opened", async (t) => {
  const { bytes, data } = await written(t);
  const { path, put } = scratch(t, bytes);
  const named = ["E_MISMATCH", "E_VERSION"]; // where the flip makes another format's or version's name
  let others = 0;
  for (let at = 0; at < bytes.length - data.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      put(at, Buffer.of(bytes[at] ^ (1 << bit)));
      const code = (await open(path))?.code ?? "nothing";
      if (named.includes(code)) others++;
      else t.is(code, "E_CORRUPT", `bit ${bit} of byte ${at}`);
    }
    put(at, bytes.subarray(at, at + 1));
  }
  t.true(others < 400, `${others} named as another's`);
  t.is(await open(path, true), null, "whole again");
});

test("any flipped bit of the data is found by verify, and its block named", async (t) => {
  const { bytes, data } = await written(t);
  const { path, put } = scratch(t, bytes);
  for (let at = bytes.length - data.length; at < bytes.length; at++) {
    put(at, Buffer.of(bytes[at] ^ (1 << (at % 8))));
    for (const error of [await open(path, true), await errorOf(verifyTensorFile(path))]) {
      t.is(error?.code, "E_CORRUPT", `byte ${at}`);
      t.regex(error?.message ?? "", /block 0 of its data/);
    }
    t.is(await open(path), null, "data is not hashed unless it is asked for");
    put(at, bytes.subarray(at, at + 1));
  }
});

test("a flipped bit in each of several blocks is found", async (t) => {
  const values = Float32Array.from({ length: 700_000 }, uniform(1));
  const { bytes, data } = await written(t, {
    ...sample,
    tensors: new Map([["a", { shape: [700_000], values }]]),
  });
  const { path, put } = scratch(t, bytes);
  const dataStart = bytes.length - data.length;
  for (const [offset, block] of [
    [0, 0],
    [2 ** 20 - 1, 0],
    [2 ** 20, 1],
    [2 ** 21, 2],
    [data.length - 1, 2],
  ]) {
    const at = dataStart + offset;
    put(at, Buffer.of(bytes[at] ^ 1));
    for (const error of [await open(path, true), await errorOf(verifyTensorFile(path))])
      t.regex(error?.message ?? "", new RegExp(`block ${block} of its data`));
    put(at, bytes.subarray(at, at + 1));
  }
});

test("another version of the layout says which, and which is read", async (t) => {
  const { header, data } = await written(t);
  for (const version of ["3", "12", "1"])
    for (const text of [header, header.replace('"header_sha256"', '"new_checksum"')]) {
      const path = fileOf(t, "newer", forged(text.replace('"version":"2"', `"version":"${version}"`), data));
      const error = await open(path);
      t.is(error?.code, "E_VERSION");
      t.regex(error?.message ?? "", new RegExp(`newer: expected layout version 2.*got version ${version}$`));
    }
  const path = fileOf(t, "odd", forged(header.replace('"version":"2"', '"version":"two"'), data));
  t.is((await open(path))?.code, "E_CORRUPT");
});

test("a length of the header beyond the file or the limit is refused before anything is allocated", async (t) => {
  const { bytes } = await written(t);
  const { path, put } = scratch(t, bytes);
  const before = process.memoryUsage().arrayBuffers;
  for (const length of [
    BigInt(bytes.length - 7),
    100_000_001n,
    2n ** 31n,
    2n ** 53n,
    2n ** 63n,
    2n ** 64n - 1n,
  ]) {
    const prefix = Buffer.alloc(8);
    prefix.writeBigUInt64LE(length);
    put(0, prefix);
    const error = await open(path);
    t.is(error?.code, "E_CORRUPT");
    t.regex(error?.message ?? "", new RegExp(`header claims ${length} of ${bytes.length} bytes`));
  }
  t.true(process.memoryUsage().arrayBuffers - before < 50e6);
});

test("a header that lies is refused, though its checksum is right", async (t) => {
  const { header, data } = await written(t);
  const path = fileOf(t, "lies.safetensors", forged(header, data));
  t.is(await open(path, true), null, "the forger knows the format");
  const swap =
    (from: string | RegExp, to: string) =>
    (text: string): string =>
      text.replace(from, to);
  const counts = '"shape":[3]';
  const lies: readonly ((text: string) => string)[] = [
    // Shapes.
    ...[
      "[4]",
      "[2]",
      "[-3]",
      "[3.5]",
      "[1e15,1e15]",
      "[9007199254740993]",
      "[3,1e308]",
      "[[3]]",
      '["3"]',
    ].map((shape) => swap(counts, `"shape":${shape}`)),
    ...["3", "null", "{}", "[null]", "[3.0]", "[03]"].map((shape) => swap(counts, `"shape":${shape}`)),
    swap('"shape":[4,0]', '"shape":[5,1]'),
    // Types.
    swap('"I32"', '"I64"'),
    swap('"I32"', '"F64"'),
    swap('"I32"', '"toString"'),
    swap('"dtype":"I32",', ""),
    // Places: a gap, an overlap, the outside, turned round, and where another order would put them.
    swap("[8,20]", "[8,21]"),
    swap("[8,20]", "[4,16]"),
    swap("[8,20]", "[9007199254740980,9007199254740992]"),
    swap("[8,20]", "[20,8]"),
    swap("[8,20]", "[-4,8]"),
    swap(/,"counts":(\{.*?\}),"none":(\{.*?\})/, ',"none":$2,"counts":$1'),
    swap('"counts"', '"zzz"'),
    // Names that stand twice.
    swap(',"counts"', ',"counts":{"dtype":"I32","shape":[3],"data_offsets":[8,20]},"counts"'),
    swap(',"counts"', ',"counts":{"dtype":"F64","shape":[0],"data_offsets":[0,0]},"counts"'),
    swap('"kind":"model"', '"kind":"checkpoint","kind":"model"'),
    swap('"dtype":"I32"', '"dtype":"F32","dtype":"I32"'),
    // Other members.
    swap('"dtype":"I32"', '"dtype":"I32","more":1'),
    swap(/,"counts":\{.*?\}/, ',"counts":null'),
    swap(/,"counts":\{.*?\}/, ',"counts":[]'),
    swap(/,"counts":\{.*?\}/, ""),
    // Metadata.
    swap('"kind":"model",', ""),
    swap('"kind":"model"', '"kind":1'),
    swap('"note":"', '"note":"","more":null,"x":"'),
    swap(/"block_sha256":"../, '"block_sha256":"'),
    swap(/"block_sha256":".*?"/, '"block_sha256":""'),
    swap(/,"block_sha256":".*?"/, ""),
    swap('"block_size":"1048576"', '"block_size":"1"'),
    swap(',"block_size":"1048576"', ""),
    // Text.
    (text) => `${text}        `,
    swap('"kind":', '"kind": '),
    swap(/\}( *)$/, "$1"),
    swap("weights", "w\\u0065ights"),
  ];
  for (const lie of lies) {
    const text = lie(header);
    t.not(text, header, String(text));
    writeFileSync(path, forged(text, data));
    t.is((await open(path))?.code, "E_CORRUPT", text);
    t.is((await errorOf(verifyTensorFile(path)))?.code, "E_CORRUPT", text);
  }
});

test("an impossible shape or type is named", async (t) => {
  const { header, data } = await written(t);
  const path = fileOf(t, "lies", "");
  for (const [from, to, message] of [
    ['"shape":[3]', '"shape":[-3]', /tensor "counts" has no possible shape/],
    ['"shape":[3]', '"shape":[9007199254740991]', /tensor "counts" has no possible shape/],
    ['"I32"', '"I64"', /tensor "counts" has dtype "I64"/],
  ] as const) {
    writeFileSync(path, forged(header.replace(from, to), data));
    t.regex((await open(path))?.message ?? "", message);
  }
});

test("a header that is no UTF-8, no object or very deep is refused", async (t) => {
  const { header, data } = await written(t);
  const path = fileOf(t, "odd", "");
  const broken = Buffer.from(header);
  broken[broken.indexOf("weights")] = 0xff;
  const deep = "[".repeat(1_000_000);
  for (const text of [
    broken,
    header.replace('"dtype":"I32"', `"dtype":${deep}`),
    deep,
    "",
    "{",
    "[]",
    "null",
    "7",
    '"text"',
    "not JSON",
  ]) {
    writeFileSync(path, forged(text, data));
    t.is((await open(path))?.code, "E_CORRUPT", text.toString().slice(0, 100));
  }
  for (const text of ["{}", '{"__metadata__":null}', '{"__metadata__":[]}', '{"__metadata__":"llama4rec"}']) {
    writeFileSync(path, forged(text, data));
    t.is((await open(path))?.code, "E_MISMATCH", text);
  }
});

test("thousands of random files are refused, never anything else", async (t) => {
  const { bytes } = await written(t);
  const next = uniform(5);
  const below = (limit: number): number => Math.floor(next() * limit);
  const path = fileOf(t, "random", "");
  const codes = new Set<string>();
  for (let round = 0; round < 3000; round++) {
    const random = Buffer.from(Array.from({ length: below(200) }, () => below(256)));
    const file = round % 3 === 0 ? random : Buffer.from(bytes);
    if (round % 3 === 0 && random.length > 8) random.writeBigUInt64LE(BigInt(below(random.length)), 0);
    // Otherwise a true file with a few bytes of it overwritten, or one part copied over another.
    if (round % 3 === 1) for (let i = 0; i < 4; i++) file[below(file.length)] ^= 1 + below(255);
    if (round % 3 === 2) file.copy(file, below(file.length), below(file.length), below(file.length));
    if (file.equals(bytes)) continue;
    writeFileSync(path, file);
    codes.add((await open(path, true))?.code ?? `nothing in round ${round}`);
  }
  t.true(codes.has("E_CORRUPT"));
  for (const code of codes) t.true(["E_CORRUPT", "E_MISMATCH", "E_VERSION"].includes(code), code);
});
