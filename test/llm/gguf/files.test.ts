import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { parseGgufHeader } from "../../../lib/llm/gguf/header.js";
import { llamaContent, writeLlamaFile } from "../../../lib/llm/gguf/llamaFile.js";
import { llamaShape, llamaTensors } from "../../../lib/llm/gguf/llamaShape.js";
import { readGguf } from "../../../lib/llm/gguf/reader.js";
import { decodeTensor, encodeTensor } from "../../../lib/llm/gguf/tensorTypes.js";
import {
  encodeGguf,
  type GgufContent,
  type GgufMetadataValue,
  writeGguf,
} from "../../../lib/llm/gguf/writer.js";
import { Tokenizer } from "../../../lib/llm/tokenizer/tokenizer.js";
import { trainTokenizer } from "../../../lib/llm/tokenizer/trainer.js";
import { storiesModel, temporaryFolder } from "../files.js";
import { uniform } from "../random.js";
import { smallShape, smallWeights } from "../smallLlama.js";

const folder = await temporaryFolder();
test.after.always(() => folder.remove());
let written = 0;

async function file(bytes: Uint8Array): Promise<string> {
  const path = join(folder.path, `${written++}.gguf`);
  await writeFile(path, bytes);
  return path;
}
const encoded = (content: GgufContent): Promise<string> => file(Buffer.concat(encodeGguf(content)));

const tokenizer = trainTokenizer({ texts: [{ text: "Alien (1979) Dune (1984)", weight: 1 }] });
const shape = smallShape(tokenizer.size);
const weights = smallWeights(shape, 1);
const model = llamaContent({ shape, tokenizer, weights, type: "F32" });
const withMetadata = (changes: Record<string, GgufMetadataValue>): GgufContent => ({
  ...model,
  metadata: { ...model.metadata, ...changes },
});

test("metadata and tensors come back, arrays included", async (t) => {
  const next = uniform(1);
  const path = join(folder.path, "any.gguf");
  const values = Float32Array.from({ length: 192 }, () => next() - 0.5);
  const metadata = {
    name: "Dune 夜",
    empty: "",
    flag: true,
    off: false,
    count: { uint32: 2 ** 32 - 1 },
    rate: { float32: 0.25 },
    words: ["", "a", "é"],
    scores: Float32Array.of(-1.5, 3),
    types: Int32Array.of(-1, 7),
    none: [],
  };
  await writeGguf(path, {
    metadata,
    tensors: (["F32", "F16", "Q8_0"] as const).map((type) => ({ name: type, shape: [64, 3], type, values })),
  });
  const gguf = await readGguf(path);
  t.deepEqual(Object.fromEntries(gguf.metadata), { ...metadata, count: 2 ** 32 - 1, rate: 0.25 });
  for (const type of ["F32", "F16", "Q8_0"] as const)
    t.deepEqual(gguf.tensor(type), decodeTensor(encodeTensor("w", values, 64, type), type));
  t.deepEqual(
    gguf.tensors.map(({ shape, offset }) => [shape, offset % 32]),
    Array(3).fill([[64, 3], 0]),
  );
  t.true(gguf.has("F16") && !gguf.has("f16"));
  t.throws(() => gguf.tensor("f16"), {
    code: "E_GGUF",
    message: /any\.gguf: expected a tensor f16, got none/,
  });
});

test("a file is known by its hash", async (t) => {
  const path = await encoded(model);
  const sha256 = createHash("sha256")
    .update(await readFile(path))
    .digest("hex");
  t.is((await readGguf(path, { sha256: sha256.toUpperCase() })).sha256, sha256);
  await t.throwsAsync(readGguf(path, { sha256: "0".repeat(64) }), { code: "E_GGUF", message: /sha256 0000/ });
  await t.throwsAsync(readGguf(path, { sha256: "12" }), { code: "E_ARGUMENT", message: /sha256/ });
  await t.throwsAsync(readGguf(join(folder.path, "none.gguf")), { code: "E_FILE" });
  await t.throwsAsync(readGguf(folder.path), { code: "E_FILE" });
});

test("the same content has the same bytes", (t) => {
  t.deepEqual(Buffer.concat(encodeGguf(model)), Buffer.concat(encodeGguf(model)));
});

test("a Llama comes back with shape, tokenizer, template and weights", async (t) => {
  for (const type of ["F32", "F16", "Q8_0"] as const) {
    const path = join(folder.path, `${type}.gguf`);
    const metadata = { "llama4rec.task": "direct", "llama4rec.seed": { uint32: 7 } };
    await writeLlamaFile(path, { shape, tokenizer, weights, type, chatTemplate: "{{ x }}", metadata });
    const gguf = await readGguf(path);
    t.deepEqual(llamaShape(gguf), { ...shape, epsilon: Math.fround(shape.epsilon) });
    t.deepEqual(Tokenizer.fromGguf(gguf).vocabulary, tokenizer.vocabulary);
    t.is(gguf.metadata.get("tokenizer.chat_template"), "{{ x }}");
    t.is(gguf.metadata.get("llama4rec.task"), "direct");
    t.false(gguf.has("output.weight"));
    for (const [name, values] of weights) {
      const norm = name.includes("norm");
      const row = llamaTensors(shape).get(name)?.[0] ?? 0;
      const stored = norm ? "F32" : type;
      t.deepEqual(gguf.tensor(name), decodeTensor(encodeTensor(name, values, row, stored), stored), name);
    }
  }
});

test("weights that are not the shape's are refused by name", (t) => {
  const refused = (changes: [string, Float32Array | null][], message: RegExp) => {
    const changed = new Map(weights);
    for (const [name, values] of changes) {
      if (values === null) changed.delete(name);
      else changed.set(name, values);
    }
    t.throws(() => encodeGguf(llamaContent({ shape, tokenizer, weights: changed, type: "F32" })), {
      code: "E_ARGUMENT",
      message,
    });
  };
  refused([["blk.1.ffn_up.weight", null]], /weights: expected a tensor blk\.1\.ffn_up\.weight/);
  refused([["blk.2.ffn_up.weight", new Float32Array(1)]], /weights.*blk\.2\.ffn_up\.weight/);
  refused([["output_norm.weight", new Float32Array(3)]], /output_norm\.weight: expected 64 numbers/);
  refused(
    [["output_norm.weight", new Float32Array(64).fill(Number.NaN)]],
    /output_norm\.weight: expected finite/,
  );
  t.throws(() => llamaContent({ shape: smallShape(5), tokenizer, weights, type: "F32" }), {
    code: "E_ARGUMENT",
    message: /tokenizer: expected one of 5 pieces/,
  });
});

test("what a GGUF cannot hold is refused", async (t) => {
  const write = (content: Partial<GgufContent>) =>
    writeGguf(join(folder.path, "never.gguf"), { metadata: {}, tensors: [], ...content });
  const tensor = { name: "w", shape: [2], type: "F32", values: new Float32Array(2) } as const;
  const argument = (message: RegExp) => ({ code: "E_ARGUMENT", message });
  await t.throwsAsync(write({ tensors: [tensor, tensor] }), argument(/names that occur once/));
  await t.throwsAsync(write({ tensors: [{ ...tensor, shape: [3] }] }), argument(/w: expected 3 numbers/));
  await t.throwsAsync(write({ tensors: [{ ...tensor, shape: [] }] }), argument(/1\.\.4 positive sizes/));
  await t.throwsAsync(write({ metadata: { x: { uint32: -1 } } }), argument(/x: expected an integer/));
  await t.throwsAsync(write({ metadata: { "general.alignment": { uint32: 64 } } }), argument(/alignment/));
  await t.throwsAsync(writeGguf(join(folder.path, "no", "folder.gguf"), model), { code: "E_FILE" });
});

test("a file cut at every byte of its header is E_GGUF", (t) => {
  const [header, ...data] = encodeGguf({ ...model, tensors: model.tensors.slice(-1) });
  for (let length = 0; length < header.length; length++) {
    const cut = Buffer.from(header.buffer, header.byteOffset, length);
    t.throws(
      () => parseGgufHeader("cut.gguf", cut, length, true),
      { code: "E_GGUF", message: /^cut\.gguf: expected/ },
      `cut at ${length}`,
    );
  }
  const whole = Buffer.concat([header, ...data]);
  t.is(parseGgufHeader("whole.gguf", whole, whole.length, true).tensors.length, 1);
});

/** A copy of a file's bytes with a 32-bit or 64-bit number changed after the last occurrence of `marker`. */
function patched(content: GgufContent, marker: string, at: number, value: number | bigint): Buffer {
  const bytes = Buffer.concat(encodeGguf(content));
  const place = bytes.lastIndexOf(marker, bytes.indexOf("output_norm.weight") + 1) + marker.length + at;
  if (typeof value === "bigint") bytes.writeBigUInt64LE(value, place);
  else bytes.writeUInt32LE(value, place);
  return bytes;
}

test("lies of the header are E_GGUF", async (t) => {
  const refused = async (bytes: Buffer, message: RegExp) =>
    t.throwsAsync(readGguf(await file(bytes)), { code: "E_GGUF", message });
  const last = "output_norm.weight";
  // Behind a name: dimensions (4 bytes), one size (8), type (4), offset (8).
  await refused(patched(model, last, 0, 0), /output_norm\.weight: 1\.\.4 dimensions/);
  await refused(patched(model, last, 4, 2n ** 60n), /size below 2\^53/);
  await refused(patched(model, last, 4, 2n ** 50n), /end within the file/);
  await refused(patched(model, last, 4, 0n), /1\.\.2\^53 elements/);
  await refused(patched(model, last, 16, 33n), /offset that is a multiple of 32/);
  await refused(patched(model, last, 16, 0n), /after the end of/);
  await refused(patched(model, last, 16, 2n ** 40n), /end within the file/);
  await refused(patched(model, "tokenizer.ggml.scores", 8, 2n ** 60n), /scores length at most/);
  await refused(patched(model, "tokenizer.ggml.scores", 8, 8_000_000n), /a whole header/);
  await refused(patched(model, "tokenizer.ggml.tokens", 8, 2n ** 60n), /tokens length at most/);
  await refused(patched(model, "tokenizer.ggml.scores", 4, 99), /known type/);
  await refused(patched(model, "tokenizer.ggml.pre", 4, 2n ** 40n), /bytes at most/);
  const twice = Buffer.concat(encodeGguf(withMetadata({ "general.aaaa": "x", "general.aaab": "y" })));
  twice.write("a", twice.indexOf("general.aaab") + 11);
  await refused(twice, /metadata keys that occur once, got general\.aaaa/);
  const tensors = Buffer.concat(encodeGguf(model));
  tensors.write("0", tensors.indexOf("blk.1.ffn_up.weight") + 4);
  await refused(tensors, /tensor names that occur once, got blk\.0\.ffn_up\.weight/);
  await refused(
    Buffer.concat(encodeGguf(withMetadata({ "general.alignment": { uint32: 33 } }))),
    /general\.alignment/,
  );
});

test("arrays nested beyond the limit are refused", async (t) => {
  const bytes = Buffer.concat(encodeGguf(withMetadata({ deep: Int32Array.of(...Array(60).fill(0)) })));
  // An array of arrays of arrays ...: each level is its type, the type of its items and their number.
  for (let level = 0, at = bytes.indexOf("deep") + 8; level < 15; level++, at += 12) {
    bytes.writeUInt32LE(9, at);
    bytes.writeBigUInt64LE(1n, at + 4);
  }
  await t.throwsAsync(readGguf(await file(bytes)), { code: "E_GGUF", message: /nested at most 4 deep/ });
});

test("only a plain Llama has a shape", async (t) => {
  const refused = async (content: GgufContent, message: RegExp) => {
    const gguf = await readGguf(await encoded(content));
    t.throws(() => llamaShape(gguf), { code: "E_GGUF", message });
  };
  const changed = (changes: Record<string, GgufMetadataValue>, message: RegExp) =>
    refused(withMetadata(changes), message);
  await changed({ "general.architecture": "qwen2" }, /general\.architecture "llama", got qwen2/);
  await changed({ "llama.rope.scaling.type": "linear" }, /no scaled rotation.*rope\.scaling\.type/);
  await changed({ "llama.rope.scale_linear": { float32: 2 } }, /no scaled rotation/);
  await changed({ "llama.expert_count": { uint32: 8 } }, /no experts/);
  await changed(
    { "llama.block_count": { uint32: 3 } },
    /blk\.2\.attn_norm\.weight of shape \[64\], got none/,
  );
  await changed({ "llama.block_count": { uint32: 1 } }, /only tensors of a plain Llama, got blk\.1/);
  await changed({ "llama.block_count": "two" }, /llama\.block_count in 1\.\.512, got two/);
  await changed({ "llama.attention.head_count": { uint32: 3 } }, /an even width for each head/);
  await changed({ "llama.attention.head_count_kv": { uint32: 3 } }, /a divisor of head_count/);
  await changed(
    { "llama.attention.head_count_kv": { uint32: 4 } },
    /attn_k\.weight of shape \[64, 64\], got \[64, 32\]/,
  );
  await changed({ "llama.rope.dimension_count": { uint32: 8 } }, /the width of a head, got 8/);
  await changed({ "llama.vocab_size": { uint32: 5 } }, /one for each token/);
  await changed({ "llama.attention.layer_norm_rms_epsilon": { float32: 0 } }, /epsilon in/);
  await changed({ "tokenizer.ggml.tokens": [] }, /a tokenizer/);
  const frequencies = {
    name: "rope_freqs.weight",
    shape: [8],
    type: "F32",
    values: new Float32Array(8),
  } as const;
  await refused({ ...model, tensors: [...model.tensors, frequencies] }, /a tensor rope_freqs\.weight/);
  t.is(
    llamaShape(await readGguf(await encoded(withMetadata({ "llama.rope.scaling.type": "none" })))).heads,
    4,
  );
});

test("only an SPM tokenizer is read", async (t) => {
  const refused = async (changes: Record<string, GgufMetadataValue>, message: RegExp) => {
    const gguf = await readGguf(await encoded(withMetadata(changes)));
    t.throws(() => Tokenizer.fromGguf(gguf), { code: "E_GGUF", message });
  };
  await refused({ "tokenizer.ggml.model": "gpt2" }, /model "llama" \(SPM\), got "gpt2"/);
  await refused({ "tokenizer.ggml.tokens": ["a"] }, /scores for 1 pieces/);
  await refused({ "tokenizer.ggml.scores": Int32Array.of(1) }, /scores, an array of float32/);
  await refused({ "tokenizer.ggml.token_type": "x" }, /token_type, an array of int32/);
  await refused({ "tokenizer.ggml.eos_token_id": { uint32: 9999 } }, /eos below/);
  const { metadata } = await readGguf(await encoded({ metadata: {}, tensors: [] }));
  t.is(metadata.size, 0);
  const bare = await readGguf(await encoded({ metadata: {}, tensors: [] }));
  t.throws(() => Tokenizer.fromGguf(bare), { code: "E_GGUF", message: /got undefined/ });
});

test("types beyond F32, F16 and Q8_0 are named, not decoded", async (t) => {
  const bytes = patched(model, "output_norm.weight", 12, 30);
  const gguf = await readGguf(await file(bytes));
  t.throws(() => gguf.tensor("output_norm.weight"), {
    code: "E_GGUF",
    message: /output_norm\.weight in F32, F16 or Q8_0, got BF16/,
  });
});

test("one changed header byte either reads or is E_GGUF, never anything else", async (t) => {
  const whole = Buffer.concat(encodeGguf(model));
  const next = uniform(4);
  const path = join(folder.path, "flipped.gguf");
  const headerBytes = encodeGguf(model)[0].length;
  for (let i = 0; i < 150; i++) {
    const bytes = Buffer.from(whole);
    bytes[Math.floor(next() * headerBytes)] = Math.floor(next() * 256);
    await writeFile(path, bytes);
    try {
      const gguf = await readGguf(path);
      Tokenizer.fromGguf(gguf).encode("Alien");
      llamaShape(gguf);
      for (const { name } of gguf.tensors) gguf.tensor(name);
    } catch (error) {
      t.like(error, { code: "E_GGUF" });
    }
  }
  t.pass();
});

const stories = storiesModel();
(stories === null ? test.skip : test)("a third party's file is read", async (t) => {
  const gguf = await readGguf(String(stories));
  t.like(llamaShape(gguf), { dimension: 64, blocks: 5, heads: 8, kvHeads: 4 });
  for (const { name, shape } of gguf.tensors)
    t.is(
      gguf.tensor(name).length,
      shape.reduce((product, size) => product * size, 1),
    );
});
