import { type FileHandle, open } from "node:fs/promises";
import { Llama4RecError } from "../../native/errors.js";
import { ByteReader, OutOfBytes } from "./byteReader.js";
import { checkModel, expect, Malformed, vocabularyKey } from "./modelChecks.js";
import { tensorTypes } from "./tensorTypes.js";

/** A metadata value. */
export type GgufValue = string | number | bigint | boolean | GgufArray;

/** An array of one type; the integer types of GGUF are those of the typed arrays. */
export type GgufArray =
  | readonly string[]
  | readonly boolean[]
  | readonly GgufArray[]
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | BigUint64Array
  | BigInt64Array
  | Float32Array
  | Float64Array;

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
  /** The file, for errors. */
  readonly path: string;
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

const FIRST_READ_BYTES = 2 ** 20;

interface NumberArray {
  new (buffer: ArrayBuffer): Exclude<GgufArray, readonly unknown[]>;
  readonly BYTES_PER_ELEMENT: number;
}

/** How the elements of a numeric array are held, by GGUF type. */
const NUMBER_ARRAYS = new Map<number, NumberArray>([
  [0, Uint8Array],
  [1, Int8Array],
  [2, Uint16Array],
  [3, Int16Array],
  [4, Uint32Array],
  [5, Int32Array],
  [6, Float32Array],
  [10, BigUint64Array],
  [11, BigInt64Array],
  [12, Float64Array],
]);

/**
 * Reads and checks the header of a model's GGUF before llama.cpp, which trusts it, sees the file.
 *
 * @throws Llama4RecError `E_FILE` if the file is missing or unreadable; `E_GGUF` if it is no GGUF, is truncated, its
 * header contradicts itself or it is no language model.
 *
 * @example
 * ```ts
 * const header = await readGgufHeader("model.gguf");
 * console.log(header.metadata.get("general.architecture"), header.tensors.length);
 * ```
 */
export async function readGgufHeader(path: string): Promise<GgufHeader> {
  const header = await readAnyGgufHeader(path);
  named(path, () => checkModel(header));
  return header;
}

/** The header of a model or an adapter. @throws Llama4RecError as {@link readGgufHeader}. */
export async function readAnyGgufHeader(path: string): Promise<GgufHeader> {
  return withGgufFile(path, (file, fileSize) => readHeader(path, file, fileSize));
}

/** Opens a file for `body`, and closes it. @throws Llama4RecError `E_FILE`. */
export async function withGgufFile<T>(
  path: string,
  body: (file: FileHandle, fileSize: number) => Promise<T>,
): Promise<T> {
  const file = await openFile(path);
  try {
    const stat = await file.stat();
    if (!stat.isFile())
      throw new Llama4RecError("E_FILE", `${path}: expected a GGUF file, got a folder or device`);
    return await body(file, stat.size);
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

/**
 * Fills `bytes` from the beginning of the file, however few of them one read gives.
 * @throws Llama4RecError `E_GGUF` when the file has become shorter.
 */
export async function fill(bytes: Buffer, path: string, file: FileHandle): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, done);
    if (bytesRead === 0)
      throw new Llama4RecError(
        "E_GGUF",
        `${path}: expected a file that stays as it is, got one that ended at byte ${done}`,
      );
    done += bytesRead;
  }
}

/** Parses from the first bytes of the file and reads on, doubling, while the header turns out longer. */
async function readHeader(path: string, file: FileHandle, fileSize: number): Promise<GgufHeader> {
  for (let wanted = FIRST_READ_BYTES; ; wanted *= 2) {
    const bytes = Buffer.alloc(Math.min(wanted, fileSize));
    await fill(bytes, path, file);
    const isAll = wanted >= Math.min(fileSize, LIMITS.headerBytes);
    const header = parseGgufHeader(path, bytes, fileSize, isAll);
    if (header !== null) return header;
  }
}

/**
 * The checked header of any GGUF, a model's or an adapter's.
 * @param bytes The file's first bytes.
 * @param isAll Whether there are no more: without all of them an unfinished header is null.
 * @throws Llama4RecError `E_GGUF`.
 */
export function parseGgufHeader(path: string, bytes: Buffer, fileSize: number, isAll: true): GgufHeader;
export function parseGgufHeader(
  path: string,
  bytes: Buffer,
  fileSize: number,
  isAll: boolean,
): GgufHeader | null;
export function parseGgufHeader(
  path: string,
  bytes: Buffer,
  fileSize: number,
  isAll: boolean,
): GgufHeader | null {
  return named(path, () => {
    try {
      return { path, ...parse(bytes, fileSize) };
    } catch (error) {
      if (!(error instanceof OutOfBytes)) throw error;
      if (!isAll) return null;
      throw new Malformed(
        "a whole header",
        `a file that ends or a header that runs on at byte ${bytes.length}`,
      );
    }
  });
}

/** Names the file in what `body` finds malformed. */
function named<T>(path: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (error instanceof Malformed) throw new Llama4RecError("E_GGUF", `${path}: ${error.message}`);
    throw error;
  }
}

function parse(bytes: Buffer, fileSize: number): Omit<GgufHeader, "path"> {
  const reader = new ByteReader(bytes);
  const magic = reader.bytes(4).toString("latin1");
  expect(magic === "GGUF", 'a GGUF file (first four bytes "GGUF")', JSON.stringify(magic));
  const version = reader.u32();
  expect(version === 2 || version === 3, "little-endian GGUF version 2 or 3", version);
  const tensorCount = count(reader, "tensor count", LIMITS.tensors);
  const metadataCount = count(reader, "metadata count", LIMITS.metadata);

  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < metadataCount; i++) {
    const key = text(reader, "metadata key", LIMITS.nameBytes);
    expect(!metadata.has(key), "metadata keys that occur once", key);
    const type = reader.u32();
    metadata.set(key, key === vocabularyKey ? vocabulary(reader, type) : value(reader, type, key, 0));
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
    case 7:
      return flag(reader, key);
    case 8:
      return text(reader, key, LIMITS.stringBytes);
    case 9:
      return array(reader, key, depth);
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

function flag(reader: ByteReader, key: string): boolean {
  const byte = reader.u8();
  expect(byte <= 1, `${key} a bool of 0 or 1`, byte);
  return byte === 1;
}

function array(reader: ByteReader, key: string, depth: number): GgufArray {
  expect(depth < LIMITS.arrayDepth, `${key} nested at most ${LIMITS.arrayDepth} deep`, depth);
  const type = reader.u32();
  const length = count(reader, `${key} length`, LIMITS.arrayLength);
  const Numbers = NUMBER_ARRAYS.get(type);
  if (Numbers !== undefined) {
    // A copy, made after the bytes are known to be there: typed arrays want an aligned start.
    const bytes = Uint8Array.from(reader.bytes(length * Numbers.BYTES_PER_ELEMENT));
    return new Numbers(bytes.buffer);
  }
  switch (type) {
    case 7:
      return items(length, () => flag(reader, key));
    case 8:
      return items(length, () => text(reader, key, LIMITS.stringBytes));
    case 9:
      return items(length, () => array(reader, key, depth + 1));
    default:
      throw new Malformed(`${key} of a known type (0..12)`, `an array of type ${type}`);
  }
}

/** Reads one item after the other: the declared length alone allocates nothing. */
function items<T>(length: number, read: () => T): T[] {
  const list: T[] = [];
  for (let i = 0; i < length; i++) list.push(read());
  return list;
}

/** The pieces of a tokenizer: strings that, but for empty ones, occur once, byte for byte. */
function vocabulary(reader: ByteReader, type: number): GgufArray {
  const isStrings = type === 9 && reader.u32() === 8;
  expect(isStrings, `${vocabularyKey}, an array of strings`, `type ${type}`);
  const known = new Set<string>();
  const length = count(reader, `${vocabularyKey} length`, LIMITS.arrayLength);
  return items(length, () => {
    const bytes = reader.bytes(count(reader, `${vocabularyKey} bytes`, LIMITS.nameBytes));
    // One character a byte: pieces that are no valid UTF-8 stay distinct.
    const piece = bytes.toString("latin1");
    expect(piece === "" || !known.has(piece), `${vocabularyKey} that occur once`, JSON.stringify(piece));
    known.add(piece);
    return bytes.toString("utf8");
  });
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
  const spans: { name: string; start: number; end: number }[] = [];
  for (const { name, shape, type, offset } of tensors) {
    expect(!names.has(name), "tensor names that occur once", name);
    names.add(name);
    expect(offset % alignment === 0, `${name}: an offset that is a multiple of ${alignment}`, offset);
    const elements = shape.reduce((product, size) => product * size, 1);
    expect(elements > 0 && Number.isSafeInteger(elements), `${name}: 1..2^53 elements`, shape.join(" x "));
    const { block, bytes } = tensorTypes.get(type) ?? { block: 1, bytes: 0 };
    expect(shape[0] % block === 0, `${name}: rows that are multiples of ${block}`, shape[0]);
    const end = dataOffset + offset + (elements / block) * bytes;
    expect(
      end <= fileSize,
      `${name} to end within the file of ${fileSize} bytes (truncated?)`,
      `byte ${end}`,
    );
    spans.push({ name, start: offset, end: offset + (elements / block) * bytes });
  }
  spans.sort((a, b) => a.start - b.start);
  for (const [i, { name, start }] of spans.slice(1).entries())
    expect(start >= spans[i].end, `${name} after the end of ${spans[i].name}`, `byte ${start}`);
}
