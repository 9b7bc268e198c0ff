import { type FileHandle, open } from "node:fs/promises";
import { Llama4RecError } from "../native/errors.js";
import { ByteReader, OutOfBytes } from "./byteReader.js";

/** A metadata value; arrays are only counted, their content is skipped. */
export type GgufValue = string | number | bigint | boolean | { readonly arrayLength: number };

/** One tensor as the header describes it. */
export interface GgufTensor {
  readonly name: string;
  /** Sizes, fastest-running dimension first. */
  readonly shape: readonly number[];
  /** ggml type number. */
  readonly type: number;
  /** Bytes from the start of the data section. */
  readonly offset: number;
}

/** The checked header of a GGUF file. */
export interface GgufHeader {
  readonly version: number;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: readonly GgufTensor[];
  /** Byte at which tensor data begins. */
  readonly dataOffset: number;
  /** Bytes of the whole file. */
  readonly fileSize: number;
}

// Generous for every published model, small enough that a hostile header cannot exhaust memory.
const LIMITS = {
  metadata: 65_536,
  tensors: 65_536,
  nameBytes: 65_535,
  stringBytes: 16 * 2 ** 20,
  arrayLength: 8 * 2 ** 20,
  arrayDepth: 4,
  headerBytes: 512 * 2 ** 20,
  dimensions: 4,
};

const VOCABULARY = "tokenizer.ggml.tokens";
const BYTE_PIECES = Array.from(
  { length: 256 },
  (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`,
);
const FIRST_READ_BYTES = 2 ** 20;

/** ggml type number -> [elements per block, bytes per block]. Other numbers are newer or retired types. */
const TYPE_SIZES: Readonly<Record<number, readonly [number, number]>> = {
  0: [1, 4], // F32
  1: [1, 2], // F16
  2: [32, 18], // Q4_0
  3: [32, 20], // Q4_1
  6: [32, 22], // Q5_0
  7: [32, 24], // Q5_1
  8: [32, 34], // Q8_0
  10: [256, 84], // Q2_K
  11: [256, 110], // Q3_K
  12: [256, 144], // Q4_K
  13: [256, 176], // Q5_K
  14: [256, 210], // Q6_K
  30: [1, 2], // BF16
};

/**
 * Reads and checks the header of a GGUF file before llama.cpp, which trusts it, sees the file.
 *
 * @throws Llama4RecError `E_FILE` if the file is missing or unreadable; `E_GGUF` if it is no GGUF, is truncated or its
 * header contradicts itself.
 *
 * @example
 * ```ts
 * const header = await readGgufHeader("model.gguf");
 * console.log(header.metadata.get("general.architecture"), header.tensors.length);
 * ```
 */
export async function readGgufHeader(path: string): Promise<GgufHeader> {
  const file = await openFile(path);
  try {
    const stat = await file.stat();
    if (!stat.isFile())
      throw new Llama4RecError("E_FILE", `${path}: expected a GGUF file, got a folder or device`);
    return await parseGrowing(path, file, stat.size);
  } finally {
    await file.close();
  }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (cause) {
    const reason = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
    throw new Llama4RecError("E_FILE", `${path}: expected a readable GGUF file, got ${reason}`, { cause });
  }
}

/** Parses from the first bytes of the file and reads on, doubling, while the header turns out longer. */
async function parseGrowing(path: string, file: FileHandle, fileSize: number): Promise<GgufHeader> {
  for (let wanted = FIRST_READ_BYTES; ; wanted *= 2) {
    const bytes = Buffer.alloc(Math.min(wanted, fileSize));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
    try {
      return parse(bytes.subarray(0, bytesRead), fileSize);
    } catch (error) {
      if (error instanceof OutOfBytes) {
        if (bytesRead === wanted && wanted < LIMITS.headerBytes) continue;
        throw ggufError(
          path,
          `a whole header`,
          `a file that ends or a header that runs on at byte ${bytesRead}`,
        );
      }
      if (error instanceof Malformed) throw ggufError(path, error.expected, error.received);
      throw error;
    }
  }
}

function ggufError(path: string, expected: string, received: string): Llama4RecError {
  return new Llama4RecError("E_GGUF", `${path}: expected ${expected}, got ${received}`);
}

class Malformed extends Error {
  constructor(
    readonly expected: string,
    readonly received: string,
  ) {
    super(`expected ${expected}, got ${received}`);
  }
}

function expect(condition: boolean, expected: string, received: unknown): void {
  if (!condition) throw new Malformed(expected, String(received));
}

function parse(bytes: Buffer, fileSize: number): GgufHeader {
  const reader = new ByteReader(bytes);
  const magic = reader.bytes(4).toString("latin1");
  expect(magic === "GGUF", 'a GGUF file (first four bytes "GGUF")', JSON.stringify(magic));
  const version = reader.u32();
  expect(version === 2 || version === 3, "little-endian GGUF version 2 or 3", version);
  const tensorCount = count(reader, "tensor count", LIMITS.tensors);
  const metadataCount = count(reader, "metadata count", LIMITS.metadata);

  const metadata = new Map<string, GgufValue>();
  const pieces = new Set<string>();
  for (let i = 0; i < metadataCount; i++) {
    const key = text(reader, "metadata key", LIMITS.nameBytes);
    expect(!metadata.has(key), "metadata keys that occur once", key);
    const type = reader.u32();
    metadata.set(key, key === VOCABULARY ? vocabulary(reader, type, pieces) : value(reader, type, key, 0));
  }
  const tensors = Array.from({ length: tensorCount }, () => tensor(reader));

  const alignment = metadata.get("general.alignment") ?? 32;
  expect(
    typeof alignment === "number" && alignment >= 8 && Number.isInteger(Math.log2(alignment)),
    "general.alignment a power of two from 8",
    alignment,
  );
  const dataOffset = Math.ceil(reader.position / Number(alignment)) * Number(alignment);
  checkTensors(tensors, Number(alignment), dataOffset, fileSize);
  checkModel(metadata, tensors, pieces);
  return { version, metadata, tensors, dataOffset, fileSize };
}

function count(reader: ByteReader, name: string, limit: number): number {
  const n = reader.u64();
  expect(n <= BigInt(limit), `${name} at most ${limit}`, n);
  return Number(n);
}

function text(reader: ByteReader, name: string, limit: number): string {
  return reader.bytes(count(reader, `${name} bytes`, limit)).toString("utf8");
}

/** One value of GGUF type `type`. */
function value(reader: ByteReader, type: number, key: string, depth: number): GgufValue {
  switch (type) {
    case 0:
      return reader.u8();
    case 1:
      return reader.i8();
    case 2:
      return reader.u16();
    case 3:
      return reader.i16();
    case 4:
      return reader.u32();
    case 5:
      return reader.i32();
    case 6:
      return reader.f32();
    case 7: {
      const flag = reader.u8();
      expect(flag <= 1, `${key} a bool of 0 or 1`, flag);
      return flag === 1;
    }
    case 8:
      return text(reader, key, LIMITS.stringBytes);
    case 9: {
      expect(depth < LIMITS.arrayDepth, `${key} nested at most ${LIMITS.arrayDepth} deep`, depth);
      const itemType = reader.u32();
      const arrayLength = count(reader, `${key} length`, LIMITS.arrayLength);
      for (let i = 0; i < arrayLength; i++) value(reader, itemType, key, depth + 1);
      return { arrayLength };
    }
    case 10:
      return reader.u64();
    case 11:
      return reader.i64();
    case 12:
      return reader.f64();
    default:
      throw new Malformed(`${key} of a known type (0..12)`, `type ${type}`);
  }
}

/**
 * The pieces of the tokenizer: strings that, but for empty ones, occur once. They are also added to `pieces`, one
 * character a byte, so that pieces that are no valid UTF-8 stay distinct.
 */
function vocabulary(reader: ByteReader, type: number, pieces: Set<string>): GgufValue {
  const isStrings = type === 9 && reader.u32() === 8;
  expect(isStrings, `${VOCABULARY}, an array of strings`, `type ${type}`);
  const arrayLength = count(reader, `${VOCABULARY} length`, LIMITS.arrayLength);
  for (let i = 0; i < arrayLength; i++) {
    const piece = reader
      .bytes(count(reader, `${VOCABULARY}[${i}] bytes`, LIMITS.nameBytes))
      .toString("latin1");
    expect(piece === "" || !pieces.has(piece), `${VOCABULARY} that occur once`, JSON.stringify(piece));
    pieces.add(piece);
  }
  return { arrayLength };
}

function tensor(reader: ByteReader): GgufTensor {
  const name = text(reader, "tensor name", LIMITS.nameBytes);
  const dimensions = reader.u32();
  expect(
    dimensions >= 1 && dimensions <= LIMITS.dimensions,
    `${name}: 1..${LIMITS.dimensions} dimensions`,
    dimensions,
  );
  const shape = Array.from({ length: dimensions }, () => safe(reader.u64(), `${name}: size`));
  const type = reader.u32();
  return { name, shape, type, offset: safe(reader.u64(), `${name}: offset`) };
}

function safe(n: bigint, name: string): number {
  expect(n <= BigInt(Number.MAX_SAFE_INTEGER), `${name} below 2^53`, n);
  return Number(n);
}

/** Every tensor lies inside the file, aligned, under a name of its own. */
function checkTensors(
  tensors: readonly GgufTensor[],
  alignment: number,
  dataOffset: number,
  fileSize: number,
): void {
  const names = new Set<string>();
  for (const { name, shape, type, offset } of tensors) {
    expect(!names.has(name), "tensor names that occur once", name);
    names.add(name);
    expect(offset % alignment === 0, `${name}: an offset that is a multiple of ${alignment}`, offset);
    const elements = shape.reduce((product, size) => product * size, 1);
    expect(elements > 0 && Number.isSafeInteger(elements), `${name}: 1..2^53 elements`, shape.join(" x "));
    const [block, blockBytes] = TYPE_SIZES[type] ?? [1, 0];
    expect(shape[0] % block === 0, `${name}: rows that are multiples of ${block}`, shape[0]);
    const end = dataOffset + offset + (elements / block) * blockBytes;
    expect(
      end <= fileSize,
      `${name} to end within the file of ${fileSize} bytes (truncated?)`,
      `byte ${end}`,
    );
  }
}

/** Keys of the architecture outside whose range llama.cpp aborts the process: [key, low, high, may be absent]. */
const RANGES: readonly (readonly [string, number, number, "required" | "optional"])[] = [
  ["block_count", 1, 512, "required"],
  ["embedding_length", 1, 2 ** 20, "required"],
  ["feed_forward_length", 1, 2 ** 24, "required"],
  ["context_length", 1, 2 ** 31, "required"],
  ["attention.head_count", 1, 2 ** 16, "required"],
  ["attention.head_count_kv", 1, 2 ** 16, "optional"],
  ["attention.layer_norm_rms_epsilon", 0, 1, "optional"],
  ["rope.dimension_count", 1, 2 ** 16, "optional"],
  ["rope.freq_base", 1, 1e12, "optional"],
];

/** What llama.cpp asserts rather than checks. */
function checkModel(
  metadata: ReadonlyMap<string, GgufValue>,
  tensors: readonly GgufTensor[],
  pieces: ReadonlySet<string>,
): void {
  const architecture = metadata.get("general.architecture");
  expect(typeof architecture === "string", "general.architecture, a string", typeof architecture);
  expect(tensors.length > 0, "a model with weights", "no tensors");
  const vocabulary = metadata.get(VOCABULARY);
  if (typeof vocabulary !== "object")
    throw new Malformed("tokenizer.ggml.tokens, an array", typeof vocabulary);
  for (const key of ["scores", "token_type"]) {
    const list = metadata.get(`tokenizer.ggml.${key}`);
    if (list === undefined) continue;
    const length = typeof list === "object" ? list.arrayLength : Number.NaN;
    expect(
      length === vocabulary.arrayLength,
      `tokenizer.ggml.${key} of ${vocabulary.arrayLength} entries`,
      length,
    );
  }
  for (const [key, id] of metadata) {
    if (!/^tokenizer\.ggml\.\w+_token_id$/.test(key)) continue;
    expect(
      typeof id === "number" && id < vocabulary.arrayLength,
      `${key} below ${vocabulary.arrayLength}`,
      id,
    );
  }
  if (metadata.get("tokenizer.ggml.model") === "llama") {
    const missing = BYTE_PIECES.find((piece) => !pieces.has(piece));
    expect(missing === undefined, `${VOCABULARY} with a piece for every byte`, `none for ${missing}`);
  }
  for (const [key, low, high, presence] of RANGES) {
    const size = metadata.get(`${architecture}.${key}`);
    // One value per layer in some models.
    if (typeof size === "object" || (size === undefined && presence === "optional")) continue;
    expect(Number(size) >= low && Number(size) <= high, `${architecture}.${key} in ${low}..${high}`, size);
  }
}
