import { type FileHandle, open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { readGgufHeader } from "../../../lib/llm/gguf/header.js";
import type { GgufMetadataValue } from "../../../lib/llm/gguf/writer.js";
import { temporaryFolder, WEIGHTS } from "../files.js";
import { uniform } from "../random.js";
import { TINY, tinyGguf } from "../tinyGguf.js";

const folder = await temporaryFolder();
test.after.always(() => folder.remove());
let written = 0;

async function file(bytes: Buffer): Promise<string> {
  const path = join(folder.path, `${written++}.gguf`);
  await writeFile(path, bytes);
  return path;
}

test("reads version, metadata and tensors", async (t) => {
  const header = await readGgufHeader(await file(tinyGguf(WEIGHTS)));
  t.is(header.version, 3);
  t.is(header.metadata.get("general.architecture"), "llama");
  t.is(header.metadata.get("tokenizer.ggml.add_bos_token"), true);
  const tokens = header.metadata.get("tokenizer.ggml.tokens");
  t.true(Array.isArray(tokens) && tokens.length === TINY.vocabulary);
  t.is(header.tensors.length, WEIGHTS.size);
  t.deepEqual(header.tensors[0].shape, [TINY.width, TINY.vocabulary]);
  t.is(header.dataOffset % 32, 0);
});

test("a header longer than the first read is read on", async (t) => {
  const long = "x".repeat(3 * 2 ** 20);
  const header = await readGgufHeader(await file(tinyGguf(WEIGHTS, { "general.description": long })));
  t.is(header.tensors.length, WEIGHTS.size);
});

test.serial("reads that give fewer bytes than asked for are no end of the file", async (t) => {
  const path = await file(tinyGguf(WEIGHTS));
  const handle = await open(path);
  const prototype: FileHandle = Object.getPrototypeOf(handle);
  await handle.close();
  const { read } = prototype;
  prototype.read = function (
    this: FileHandle,
    ...[bytes, at, length, from]: [Buffer, number, number, number]
  ) {
    return Reflect.apply(read, this, [bytes, at, Math.min(length, 5000), from]);
  } as FileHandle["read"];
  try {
    t.is((await readGgufHeader(path)).tensors.length, WEIGHTS.size);
  } finally {
    prototype.read = read;
  }
});

test("a missing file and a folder are E_FILE and named", async (t) => {
  const path = join(folder.path, "nowhere.gguf");
  await t.throwsAsync(readGgufHeader(path), { code: "E_FILE", message: /nowhere\.gguf.*ENOENT/ });
  await t.throwsAsync(readGgufHeader(folder.path), { code: "E_FILE" });
});

test("a file cut short anywhere is E_GGUF", async (t) => {
  const whole = tinyGguf(WEIGHTS);
  const next = uniform(1);
  const lengths = [0, 1, 3, 4, 7, 8, 23, 24, 25, whole.length - 1];
  for (let i = 0; i < 60; i++) lengths.push(Math.floor(next() * 9000), Math.floor(next() * whole.length));
  for (const length of lengths) {
    const path = await file(whole.subarray(0, length));
    await t.throwsAsync(readGgufHeader(path), { code: "E_GGUF" }, `cut at ${length}`);
  }
});

test("random bytes, with and without the magic, are E_GGUF", async (t) => {
  const next = uniform(2);
  for (let i = 0; i < 60; i++) {
    const bytes = Buffer.from(
      Array.from({ length: Math.floor(next() * 4000) }, () => Math.floor(next() * 256)),
    );
    if (i % 2 === 0) bytes.write("GGUF\u0003\0\0\0", 0, "latin1");
    const path = await file(bytes);
    await t.throwsAsync(readGgufHeader(path), { code: "E_GGUF" });
  }
});

test("one changed header byte either reads or is E_GGUF, never anything else", async (t) => {
  const whole = tinyGguf(WEIGHTS);
  const next = uniform(3);
  const path = join(folder.path, "flipped.gguf");
  for (let i = 0; i < 300; i++) {
    const bytes = Buffer.from(whole);
    bytes[Math.floor(next() * 8000)] = Math.floor(next() * 256);
    await writeFile(path, bytes);
    const error = await readGgufHeader(path).then(
      () => null,
      (reason: unknown) => reason,
    );
    if (error !== null) t.like(error, { code: "E_GGUF" });
  }
  t.pass();
});

const lies: readonly [string, Record<string, GgufMetadataValue | undefined>, RegExp][] = [
  ["no architecture", { "general.architecture": undefined }, /general\.architecture/],
  [
    "an end token outside the vocabulary",
    { "tokenizer.ggml.eos_token_id": { uint32: 260 } },
    /eos_token_id below 260/,
  ],
  ["fewer token types than tokens", { "tokenizer.ggml.token_type": new Int32Array(0) }, /token_type of 260/],
  ["no heads", { "llama.attention.head_count": { uint32: 0 } }, /head_count in 1\.\./],
  [
    "no feed-forward width",
    { "llama.feed_forward_length": undefined },
    /feed_forward_length in 1\.\.\d+, got undefined/,
  ],
  ["more layers than llama.cpp has", { "llama.block_count": { uint32: 513 } }, /block_count in 1\.\.512/],
  ["no key-value heads", { "llama.attention.head_count_kv": { uint32: 0 } }, /head_count_kv/],
  [
    "an epsilon that is no number",
    { "llama.attention.layer_norm_rms_epsilon": { float32: Number.NaN } },
    /epsilon/,
  ],
  ["an odd alignment", { "general.alignment": { uint32: 33 } }, /general\.alignment/],
  ["a piece that occurs twice", { "tokenizer.ggml.tokens": ["a", "a"] }, /tokens that occur once/],
  [
    "an SPM vocabulary without byte pieces",
    {
      "tokenizer.ggml.tokens": ["<unk>", "<s>", "</s>"],
      "tokenizer.ggml.scores": undefined,
      "tokenizer.ggml.token_type": undefined,
    },
    /a piece for every byte, got none for <0x00>/,
  ],
  ["a vocabulary of numbers", { "tokenizer.ggml.tokens": new Int32Array(0) }, /an array of strings/],
  ["no vocabulary", { "tokenizer.ggml.tokens": undefined }, /tokenizer\.ggml\.tokens/],
];
for (const [what, override, message] of lies) {
  test(`${what} is E_GGUF`, async (t) => {
    const path = await file(tinyGguf(WEIGHTS, override));
    await t.throwsAsync(readGgufHeader(path), { code: "E_GGUF", message });
  });
}

test("counts beyond the limits are refused before anything is allocated", async (t) => {
  for (const at of [8, 16]) {
    const bytes = tinyGguf(WEIGHTS);
    bytes.writeBigUInt64LE(2n ** 60n, at);
    const path = await file(bytes);
    await t.throwsAsync(readGgufHeader(path), { code: "E_GGUF", message: /count at most/ });
  }
});

test("versions other than 2 and 3 and big-endian files are E_GGUF", async (t) => {
  for (const version of [0, 1, 4, 0x03000000]) {
    const bytes = tinyGguf(WEIGHTS);
    bytes.writeUInt32LE(version, 4);
    const path = await file(bytes);
    await t.throwsAsync(readGgufHeader(path), { code: "E_GGUF", message: /version 2 or 3/ });
  }
});
