/** Catalogues in files: the same bits back from every level, and no file that does harm. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import test, { type ExecutionContext } from "ava";
import { Random } from "../../lib/data/random.js";
import { cpuInfo, native } from "../../lib/native/addon.js";
import { Catalogue } from "../../lib/native/catalogue.js";
import { type ErrorCode, Llama4RecError } from "../../lib/native/errors.js";
import { openCatalogue, saveCatalogue, verifyCatalogue } from "../../lib/storage/catalogueFile.js";
import { readTensorFile, writeTensorFile } from "../../lib/storage/safetensors.js";
import { folderOf } from "../datasets/temporary.js";
import { forged } from "../storage/samples.js";
import { answers } from "./answers.js";
import { raises } from "./raises.js";

function made(size: number, dimension: number, biased: boolean): Catalogue {
  const random = new Random(size, dimension);
  const numbers = (count: number): Float32Array =>
    Float32Array.from({ length: count }, () => random.next() - 0.5);
  return new Catalogue(numbers(size * dimension), { dimension, biases: biased ? numbers(size) : null });
}

/** A catalogue, and its file until the test ends. */
async function saved(
  t: ExecutionContext,
  catalogue = made(100, 12, true),
): Promise<{ catalogue: Catalogue; path: string; bytes: Buffer; header: string; data: Buffer }> {
  t.teardown(() => catalogue.dispose());
  const path = join(folderOf(t, {}), "items.safetensors");
  await saveCatalogue(path, catalogue);
  const bytes = readFileSync(path);
  const dataStart = 8 + Number(bytes.readBigUInt64LE());
  const header = bytes.toString("utf8", 8, dataStart);
  return { catalogue, path, bytes, header, data: bytes.subarray(dataStart) };
}

async function refused(
  t: ExecutionContext,
  path: string,
  code: ErrorCode,
  message: RegExp,
  what = "",
): Promise<void> {
  for (const map of [true, false]) {
    const error = await t.throwsAsync(openCatalogue(path, { map }), { instanceOf: Llama4RecError }, what);
    t.is((error as Llama4RecError | undefined)?.code, code, `${what}: ${error?.message}`);
    t.true(error?.message.includes(path), `${error?.message} names the file`);
    t.regex(error?.message ?? "", message, what);
  }
}

for (const [size, dimension, biased] of [
  [1, 1, false],
  [17, 5, true],
  [1000, 64, false],
  [777, 37, true],
] as const)
  test(`${size} x ${dimension}${biased ? " with biases" : ""}: the same bits at every level, mapped and read`, async (t) => {
    const { catalogue, path } = await saved(t, made(size, dimension, biased));
    const expected = answers(catalogue);
    await verifyCatalogue(path);
    const script = fileURLToPath(new URL("./opened.js", import.meta.url));
    for (const level of cpuInfo().available)
      for (const map of ["map", "read"]) {
        const env = { ...process.env, LLAMA4REC_CPU: level };
        const { stdout } = await promisify(execFile)(process.execPath, [script, path, map], { env });
        t.deepEqual(JSON.parse(stdout), { level, answers: expected });
      }
  });

test("the file is one of safetensors whose data, and every tensor, start at a multiple of 64 bytes", async (t) => {
  const { path, bytes, header } = await saved(t);
  t.is((bytes.length - Number(bytes.readBigUInt64LE()) - 8) % 64, 0);
  t.is((8 + Number(bytes.readBigUInt64LE())) % 64, 0);
  const { __metadata__, ...tensors } = JSON.parse(header);
  t.is(__metadata__.kind, "catalogue");
  t.is(__metadata__.layout, "1: panels of 16 items, codes in blocks of 4");
  for (const { data_offsets } of Object.values<{ data_offsets: number[] }>(tensors))
    t.is(data_offsets[0] % 64, 0);
  t.deepEqual(tensors.rows.shape, [112, 12]);
  const { tensors: read } = await readTensorFile(path, { kind: "catalogue", verify: true });
  t.true(read.get("codes")?.values instanceof Uint8Array);
});

test("an empty catalogue has a file too", async (t) => {
  const { path } = await saved(t, new Catalogue(new Float32Array(0), { dimension: 3 }));
  for (const map of [true, false]) {
    using opened = await openCatalogue(path, { map });
    t.deepEqual([opened.size, opened.dimension], [0, 3]);
  }
});

test("a file may be replaced or removed under an opened catalogue, and opened many times", async (t) => {
  const { catalogue, path } = await saved(t);
  const expected = answers(catalogue);
  using first = await openCatalogue(path);
  using again = await openCatalogue(path);
  using other = made(50, 12, false);
  await saveCatalogue(path, other);
  using replaced = await openCatalogue(path);
  rmSync(path);
  t.deepEqual(answers(first), expected);
  t.deepEqual(answers(again), expected);
  t.deepEqual(answers(replaced), answers(other));
  first.dispose();
  raises(t, () => answers(first), "E_DISPOSED");
});

test("a saved catalogue may be disposed of meanwhile, an opened one saved over its own file", async (t) => {
  const { catalogue, path, bytes } = await saved(t);
  const expected = answers(catalogue);
  const saving = saveCatalogue(path, catalogue);
  catalogue.dispose();
  await saving;
  t.deepEqual(readFileSync(path), bytes);
  using opened = await openCatalogue(path);
  await saveCatalogue(path, opened);
  t.deepEqual(readFileSync(path), bytes);
  t.deepEqual(answers(opened), expected);
  await t.throwsAsync(saveCatalogue(path, catalogue), { instanceOf: Llama4RecError, code: "E_DISPOSED" });
});

test("worker threads share an opened catalogue by its id", async (t) => {
  const { catalogue, path } = await saved(t);
  using opened = await openCatalogue(path);
  const worker = new Worker(new URL("./openedWorker.js", import.meta.url), { workerData: { id: opened.id } });
  const [message] = await once(worker, "message");
  await once(worker, "exit");
  t.deepEqual(message, { size: 100, answers: answers(catalogue) });
  t.deepEqual(answers(opened), answers(catalogue));
  raises(t, () => new Catalogue(null, { shared: 12345 }), "E_DISPOSED");
});

test("a file cut short or with more behind it is refused", async (t) => {
  const { path, bytes } = await saved(t);
  const step = Math.ceil(bytes.length / 60);
  for (let length = bytes.length - 1; length > 0; length -= step) {
    truncateSync(path, length);
    await refused(t, path, "E_CORRUPT", /expected a whole llama4rec file/, `${length}`);
  }
  writeFileSync(path, Buffer.concat([bytes, Buffer.alloc(64)]));
  await refused(t, path, "E_CORRUPT", /follow the header/);
});

test("any flipped byte of the header is refused", async (t) => {
  const { path, bytes, data } = await saved(t);
  for (let at = 0; at < bytes.length - data.length; at += 7) {
    const damaged = Buffer.from(bytes);
    damaged[at] ^= 1 << (at % 8);
    writeFileSync(path, damaged);
    const error = await t.throwsAsync(openCatalogue(path), { instanceOf: Llama4RecError }, `byte ${at}`);
    t.regex(error?.message ?? "", /items\.safetensors/);
  }
});

test("any flipped byte of the items' order or places is refused, any other by verify", async (t) => {
  const { path, bytes, header, data } = await saved(t);
  const start = bytes.length - data.length;
  const tensors: Record<string, { data_offsets: [number, number] }> = JSON.parse(header);
  const flip = (at: number): void => {
    const damaged = Buffer.from(bytes);
    damaged[start + at] ^= 1 << (at % 8);
    writeFileSync(path, damaged);
  };
  const [begin, end] = tensors.order.data_offsets;
  for (let at = begin; at < end; at += 3) {
    flip(at);
    await refused(t, path, "E_CORRUPT", /its items do not have a place each/, `byte ${at}`);
  }
  for (let at = tensors.places.data_offsets[0]; at < tensors.places.data_offsets[0] + 400; at += 13) {
    flip(at);
    await refused(t, path, "E_CORRUPT", /its items do not have a place each/, `byte ${at}`);
  }
  for (const name of ["codes", "rows", "biases", "scales", "bounds", "largest_biases"]) {
    flip(tensors[name].data_offsets[0] + 1);
    await t.throwsAsync(verifyCatalogue(path), { instanceOf: Llama4RecError, code: "E_CORRUPT" }, name);
  }
});

test("whatever a header says, its checksum right, nothing but the truth opens", async (t) => {
  const { path, header, data } = await saved(t);
  const write = (text: string, content: Uint8Array = data): void =>
    writeFileSync(path, forged(text.trimEnd().padEnd(header.length), content));
  const swap = (from: string, to: string): string => {
    t.true(header.includes(from), from);
    return header.replace(from, to);
  };
  const corrupt: [string, string][] = [
    ['"items":"100"', '"items":"101"'],
    ['"items":"100"', '"items":"99"'],
    ['"items":"100"', '"items":"1000000000"'],
    ['"items":"100"', '"items":"-1"'],
    ['"items":"100"', '"items":"1e2"'],
    ['"items":"100"', '"items":"x"'],
    ['"dimension":"12"', '"dimension":"13"'],
    ['"dimension":"12"', '"dimension":"65537"'],
    ['"biased":"true"', '"biased":"false"'],
    ['"biased":"true"', '"biased":"yes"'],
    ['"coarse":"false"', '"coarse":"true"'],
    ['"alignment":"64",', ""],
    ['"alignment":"64"', '"alignment":"8"'],
    ['"shape":[112,12]', '"shape":[112,13]'],
    ['"shape":[112,12]', '"shape":[12,112]'],
    ['"shape":[112,12]', '"shape":[56,24]'],
    ['"rows":{"dtype":"F32"', '"rows":{"dtype":"I32"'],
    ['"rows":', '"rowz":'],
    ['"data_offsets":[0,', '"data_offsets":[64,'],
  ];
  for (const [from, to] of corrupt) {
    write(swap(from, to));
    await refused(t, path, "E_CORRUPT", /expected a whole llama4rec file/, to);
  }
  for (const to of [
    "2: panels of 16 items, codes in blocks of 4",
    "1: panels of 32 items, codes in blocks of 4",
  ]) {
    write(swap("1: panels of 16 items, codes in blocks of 4", to));
    await refused(
      t,
      path,
      "E_VERSION",
      /expected layout 1: panels of 16 items, codes in blocks of 4, got /,
      to,
    );
  }
  write(swap('"version":"2"', '"version":"3"'));
  await refused(t, path, "E_VERSION", /layout version 2/);
  // Shapes that agree with each other, over no data.
  write(
    header.replace(/"shape":\[[^\]]*\],"data_offsets":\[[^\]]*\]/g, '"shape":[0],"data_offsets":[0,0]'),
    Buffer.alloc(0),
  );
  await refused(t, path, "E_CORRUPT", /expected a whole llama4rec file/);
  write(header);
  await verifyCatalogue(path);
});

test("files of another kind, no files and folders are refused by name", async (t) => {
  const folder = folderOf(t, { "text.txt": "no tensors", empty: "" });
  const model = join(folder, "model");
  const tensors = new Map([["x", { shape: [1], values: Float32Array.of(1) }]]);
  await writeTensorFile(model, { kind: "model", metadata: {}, tensors });
  await refused(t, model, "E_MISMATCH", /expected a catalogue, got a "model"/);
  await refused(t, join(folder, "none"), "E_FILE", /cannot read/);
  await refused(t, folder, "E_FILE", /cannot read/);
  await refused(t, join(folder, "empty"), "E_CORRUPT", /0 bytes/);
  const { path } = await saved(t);
  await t.throwsAsync(readTensorFile(path, { kind: "model" }), { code: "E_MISMATCH" });
  await t.throwsAsync(saveCatalogue(join(folder, "none", "x"), made(3, 2, false)), { code: "E_FILE" });
});

test("the engine's SHA-256 is that of node:crypto", (t) => {
  const random = new Random(9);
  for (const length of [0, 1, 3, 55, 56, 57, 63, 64, 65, 119, 120, 127, 128, 1000, 100_003]) {
    const bytes = Uint8Array.from({ length }, () => random.below(256));
    t.is(native().sha256(bytes), createHash("sha256").update(bytes).digest("hex"), `${length} bytes`);
  }
});

test("the addon itself trusts no file number, no offset and no size", async (t) => {
  const { path, bytes, data } = await saved(t);
  const file = await open(path);
  t.teardown(() => file.close());
  const start = bytes.length - data.length;
  const opening = (fd: number, begin: number, items = 100, dimension = 12): Promise<number> =>
    native().catalogueOpen(fd, begin, items, dimension, true, false, true);
  const id = await opening(file.fd, start);
  native().catalogueRelease(id);
  await t.throwsAsync(opening(1_000_000, start), { code: "E_FILE" });
  await t.throwsAsync(opening(file.fd, start + 8), { code: "E_ARGUMENT" });
  await t.throwsAsync(opening(file.fd, 0), { code: "E_ARGUMENT" });
  await t.throwsAsync(opening(file.fd, start, 2 ** 30), { code: "E_ARGUMENT" });
  using catalogue = made(3, 2, false);
  t.throws(() => native().catalogueRead(catalogue.id, 0, new Uint8Array(1 << 16)), { code: "E_ARGUMENT" });
});
