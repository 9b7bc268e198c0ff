import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { factorRanker } from "../../lib/models/factorRanker.js";
import { loadRanker, saveRanker } from "../../lib/models/modelFile.js";
import type { FactorRanker } from "../../lib/models/ranker.js";
import { type ErrorCode, Llama4RecError } from "../../lib/native/errors.js";
import { fileOf, folderOf } from "../datasets/temporary.js";

const factors = {
  dimension: 2,
  users: Float32Array.of(0.1, -2, 3e-30, 4),
  items: Float32Array.of(1, 2, 3, 4, 5, -6),
  itemBiases: Float32Array.of(0.5, -0, 7),
};
const rankerOf = (
  t: ExecutionContext,
  itemBiases: Float32Array | null = factors.itemBiases,
): FactorRanker => {
  const ranker = factorRanker("MF", { ...factors, itemBiases });
  t.teardown(() => ranker.dispose());
  return ranker;
};

async function saved(
  t: ExecutionContext,
  biases?: Float32Array | null,
): Promise<{ path: string; bytes: Buffer }> {
  const path = join(folderOf(t, {}), "model.safetensors");
  await saveRanker(path, rankerOf(t, biases), { note: "a user's own" });
  return { path, bytes: readFileSync(path) };
}

const refuses = (t: ExecutionContext, path: string, code: ErrorCode, message = /./) =>
  t.throwsAsync(loadRanker(path), { instanceOf: Llama4RecError, code, message });

for (const biases of [factors.itemBiases, null])
  test(`loaded again it has the same bits, ${biases ? "with" : "without"} biases`, async (t) => {
    const { path } = await saved(t, biases);
    const { ranker, metadata } = await loadRanker(path);
    t.teardown(() => ranker.dispose());
    t.like(ranker, { name: "MF", userCount: 2, itemCount: 3, dimension: 2 });
    t.deepEqual(ranker.userVectors, factors.users);
    t.deepEqual(ranker.itemVectors, factors.items);
    t.deepEqual(ranker.itemBiases, biases);
    t.is(metadata.note, "a user's own");
  });

test("any reader of safetensors can open it", async (t) => {
  const { bytes } = await saved(t);
  const length = Number(bytes.readBigUInt64LE(0));
  t.is(length % 8, 0, "the data is aligned");
  const { __metadata__, ...tensors } = JSON.parse(bytes.toString("utf8", 8, 8 + length));
  t.true(Object.values(__metadata__).every((value) => typeof value === "string"));
  let end = 0;
  const expected = {
    users: [[2, 2], factors.users],
    items: [[3, 2], factors.items],
    item_biases: [[3], factors.itemBiases],
  };
  t.deepEqual(Object.keys(tensors), Object.keys(expected));
  for (const [name, [shape, values]] of Object.entries(expected)) {
    const {
      dtype,
      shape: found,
      data_offsets: [from, to],
    } = tensors[name];
    t.deepEqual([dtype, found, from], ["F32", shape, end], "in order, without gaps");
    end = to;
    t.deepEqual(
      new Float32Array(
        bytes.buffer.slice(bytes.byteOffset + 8 + length + from, bytes.byteOffset + 8 + length + to),
      ),
      values,
    );
  }
  t.is(8 + length + end, bytes.length);
});

test("a file cut short anywhere is refused", async (t) => {
  const { bytes } = await saved(t);
  const path = fileOf(t, "cut.safetensors", "");
  for (let length = 0; length < bytes.length; length += 7) {
    writeFileSync(path, bytes.subarray(0, length));
    await refuses(t, path, "E_CORRUPT", /cut.safetensors: expected a llama4rec model file, but /);
  }
});

test("a flipped bit in the header is refused, or harmless", async (t) => {
  const { bytes } = await saved(t);
  const length = 8 + Number(bytes.readBigUInt64LE(0));
  const path = fileOf(t, "flipped.safetensors", "");
  let refused = 0;
  for (let at = 0; at < length; at++) {
    const flipped = Buffer.from(bytes);
    flipped[at] ^= 1 << (at % 8);
    writeFileSync(path, flipped);
    try {
      const { ranker } = await loadRanker(path);
      t.deepEqual(
        [ranker.userVectors, ranker.itemVectors, ranker.itemBiases],
        [factors.users, factors.items, factors.itemBiases],
      );
      ranker.dispose();
    } catch (error) {
      refused++;
      t.true(error instanceof Llama4RecError && error.code === "E_CORRUPT", `byte ${at}: ${error}`);
    }
  }
  t.true(refused > length / 2, `${refused} of ${length}`);
});

test("lengths that promise more than there is allocate nothing", async (t) => {
  const { bytes } = await saved(t);
  const length = Number(bytes.readBigUInt64LE(0));
  const header = bytes.toString("utf8", 8, 8 + length);
  const withHeader = (text: string): Buffer => {
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(Buffer.byteLength(text)));
    return Buffer.concat([size, Buffer.from(text), bytes.subarray(8 + length)]);
  };
  const path = fileOf(t, "lies.safetensors", "");
  const before = process.memoryUsage().rss;
  const lies = [
    header.replace("[2,2]", "[2,9007199254740991]"),
    header.replace("[2,2]", "[1e15,1e15]"),
    header.replace("[2,2]", "[-2,-2]"),
    header.replace("[2,2]", "[4,1]"),
    header.replace("[2,2]", "[0,0]"),
    header.replace('"data_offsets":[0,16]', '"data_offsets":[0,1e15]'),
    header.replace('"F32"', '"F64"'),
    header.replace("item_biases", "item_biasez"),
    header.replace("{", '{"extra":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},'),
    header.replace('"version":"1"', '"version":"2"'),
    header.replace('"format":"llama4rec"', '"format":"pt"'),
    "[]",
    "null",
    "{}",
  ];
  for (const lie of lies) {
    t.not(lie, header);
    writeFileSync(path, withHeader(lie));
    await refuses(t, path, "E_CORRUPT");
  }
  writeFileSync(path, Buffer.concat([bytes, Buffer.alloc(4)]));
  await refuses(t, path, "E_CORRUPT", /4 bytes belong to no tensor/);
  const infinite = Buffer.from(bytes);
  infinite.writeFloatLE(Number.POSITIVE_INFINITY, 8 + length);
  writeFileSync(path, infinite);
  await refuses(t, path, "E_CORRUPT", /users holds Infinity at 0/);
  t.true(process.memoryUsage().rss - before < 100e6);
});

test("what is no file says so", async (t) => {
  const folder = folderOf(t, {});
  await refuses(t, join(folder, "missing"), "E_FILE", /missing/);
  await refuses(t, folder, "E_FILE");
});

test("a failed write leaves nothing behind, and the old file whole", async (t) => {
  const folder = folderOf(t, {});
  const ranker = rankerOf(t);
  const error = { instanceOf: Llama4RecError, code: "E_FILE", message: /cannot write/ };
  await t.throwsAsync(saveRanker(join(folder, "nowhere", "model"), ranker), error);
  mkdirSync(join(folder, "taken"));
  await t.throwsAsync(saveRanker(join(folder, "taken"), ranker), error);
  t.deepEqual(readdirSync(folder), ["taken"]);
  const path = join(folder, "model");
  await saveRanker(path, ranker);
  await saveRanker(path, rankerOf(t, null));
  t.deepEqual(readdirSync(folder).sort(), ["model", "taken"]);
  t.is((await loadRanker(path)).ranker.itemBiases, null);
});
