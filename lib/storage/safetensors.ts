import { type FileHandle, open } from "node:fs/promises";
import { argumentError, describe, Llama4RecError } from "../native/errors.js";
import { blockSize, blocksOf, sha256Of } from "./blocks.js";
import { firstNotFinite } from "./finite.js";
import {
  corrupt,
  type Dtype,
  dataLengthOf,
  decodeHeader,
  elementsOf,
  encodeHeader,
  type Header,
  inFileOrder,
  isFreeName,
  longestHeader,
  type TensorEntry,
} from "./header.js";

/** Numbers of a tensor: dtypes F32, F64, I32 and U8. */
export type TensorValues = Float32Array | Float64Array | Int32Array | Uint8Array;

/** One tensor, row-major. */
export interface StoredTensor {
  /** Length of each axis; `[]` is one number. */
  readonly shape: readonly number[];
  readonly values: TensorValues;
}

/** Content of one file: named tensors and texts. */
export interface TensorFile {
  /** What the file is for: `model` or `checkpoint`. */
  readonly kind: string;
  /** The writer's own entries. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/**
 * Bytes of one write. Large ones at multiples of their size let file systems cache a file in huge pages, which a process
 * that maps it has all at once.
 */
const writeSize = 8 * 2 ** 20;
/** Blocks that are hashed before the event loop has its turn: a few milliseconds. */
const blocksATurn = 4;

/**
 * Writes one safetensors file, which the Python package and others read too: 8 bytes of header length, a JSON header,
 * then the tensors' numbers, little-endian as on every machine that this package runs on. The header carries a checksum
 * of itself and of every MiB of the data. Atomic and crash-safe as {@link replaceFile}.
 * @param file Written without a copy: do not change its arrays before the promise settles.
 * @param commit As in {@link replaceFile}.
 * @throws Llama4RecError `E_FILE` when it cannot be written; `E_ARGUMENT` when a shape does not fit its values, a name is
 *   taken by the format or no valid Unicode, or names and metadata take more than the format's 100 MB.
 */
export async function writeTensorFile(
  path: string,
  file: TensorFile,
  commit?: (written: string) => void,
): Promise<void> {
  checkNames(file);
  const entries = inFileOrder([...file.tensors].map(([name, tensor]) => sectionOf(name, tensor)));
  const sections = entries.map(({ bytes }) => bytes);
  const { kind, metadata } = file;
  await writeBlocks(path, { kind, metadata, alignment: 8, entries }, () => blocksOf(sections), commit);
}

/**
 * Writes a file whose data come in blocks, in the form of {@link writeTensorFile}.
 * @param header All of it but the checksums; entries in their order.
 * @param blocks All blocks from the first on, the pieces of each. Called twice; a piece is done with when the next one is
 *   asked for.
 * @throws Llama4RecError As {@link writeTensorFile}.
 */
export async function writeBlocks(
  path: string,
  header: Omit<Header, "digests">,
  blocks: () => Iterable<readonly Uint8Array[]>,
  commit?: (written: string) => void,
): Promise<void> {
  const digests: string[] = [];
  for (const pieces of blocks()) {
    digests.push(sha256Of(pieces));
    if (digests.length % blocksATurn === 0) await new Promise(setImmediate);
  }
  const bytes = encodeHeader({ ...header, digests: digests.join("") });
  if (bytes.length > longestHeader)
    throw argumentError("file", `names and metadata of at most ${longestHeader} bytes`, bytes.length);
  const { replaceFile } = await import("./atomicFile.js"); // which a reader need not load
  await replaceFile(path, joined(parts(bytes, blocks())), commit);
}

function* parts(header: Buffer, blocks: Iterable<readonly Uint8Array[]>): Generator<Uint8Array> {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  yield length;
  yield header;
  for (const pieces of blocks) yield* pieces;
}

/** The parts in pieces of {@link writeSize}, the last one shorter, each in the memory of the one before. */
function* joined(parts: Iterable<Uint8Array>): Generator<Uint8Array> {
  const buffer = Buffer.allocUnsafeSlow(writeSize);
  let filled = 0;
  for (const part of parts)
    for (let start = 0; start < part.length; ) {
      const piece = part.subarray(start, start + writeSize - filled);
      buffer.set(piece, filled);
      start += piece.length;
      filled += piece.length;
      if (filled < writeSize) continue;
      yield buffer;
      filled = 0;
    }
  yield buffer.subarray(0, filled);
}

/**
 * Reads a file of {@link writeTensorFile}. Nothing in it is trusted: sizes are checked against the real size of the file
 * before anything is allocated, and the header against its checksum.
 * @param options `verify` also checks every block of the data while it is read (default: false); `finite` whether float32 numbers
 *   are finite (default: they may be anything).
 * @throws Llama4RecError `E_FILE` when it cannot be read, `E_CORRUPT` when it is not what was written, `E_VERSION` when
 *   its layout is of another version, `E_MISMATCH` when it is of another kind or another program's, `E_NO_MEMORY`.
 */
export async function readTensorFile(
  path: string,
  options: { kind: string; verify?: boolean; finite?: boolean },
): Promise<TensorFile> {
  return withHeader(path, async (file, header, dataStart) => {
    const { kind, metadata, entries } = header;
    checkKind(path, header, options.kind);
    const tensors = new Map(
      entries.map((entry): [string, StoredTensor] => [
        entry.name,
        { shape: entry.shape, values: emptyValues(entry) },
      ]),
    );
    const sections = [...tensors.values()].map(({ values }) => bytesOf(values));
    const floats = new Map<ArrayBufferLike, string>();
    if (options.finite)
      for (const [name, { values }] of tensors)
        if (values instanceof Float32Array) floats.set(values.buffer, name);
    let position = dataStart;
    let block = 0;
    for (const pieces of blocksOf(sections)) {
      for (const piece of pieces) {
        await readInto(path, file, piece, position);
        position += piece.length;
        checkFinite(path, piece, floats.get(piece.buffer));
      }
      if (options.verify) checkBlock(path, header, block, pieces);
      block++;
    }
    return { kind, metadata, tensors };
  });
}

/**
 * Checks a whole file of any kind, every byte of it, in the memory of one block.
 * @throws Llama4RecError As {@link readTensorFile}; `E_CORRUPT` names the first bad block.
 */
export async function verifyTensorFile(path: string): Promise<void> {
  await withHeader(path, async (file, header, dataStart) => {
    const dataLength = dataLengthOf(header.entries);
    const buffer = Buffer.alloc(Math.min(blockSize, dataLength));
    for (let start = 0; start < dataLength; start += blockSize) {
      const bytes = buffer.subarray(0, dataLength - start);
      await readInto(path, file, bytes, dataStart + start);
      checkBlock(path, header, start / blockSize, [bytes]);
    }
  });
}

/** @throws Llama4RecError `E_MISMATCH` for a file of another kind. */
export function checkKind(path: string, { kind }: Header, expected: string): void {
  if (kind !== expected)
    throw new Llama4RecError("E_MISMATCH", `${path}: expected a ${expected}, got a ${describe(kind)}`);
}

function checkNames({ kind, metadata, tensors }: TensorFile): void {
  for (const [name, text] of Object.entries({ ...metadata, kind })) {
    if (typeof text !== "string") throw argumentError(`metadata.${name}`, "a string", text);
    if (!isUnicode(name) || !isUnicode(text))
      throw argumentError(`metadata.${name}`, "valid Unicode", "half of a surrogate pair");
  }
  for (const name of Object.keys(metadata))
    if (!isFreeName(name)) throw argumentError("metadata", "no name that belongs to the format", name);
  for (const name of tensors.keys())
    if (name === "__metadata__" || !isUnicode(name))
      throw argumentError("tensors", "names in valid Unicode other than __metadata__", name);
}

/** Whether other readers of JSON accept a text: half of a surrogate pair has no UTF-8. */
const isUnicode = (text: string): boolean => !/\p{Surrogate}/u.test(text);

/** Entry and bytes of one tensor. */
function sectionOf(name: string, { shape, values }: StoredTensor): TensorEntry & { bytes: Uint8Array } {
  if (elementsOf(shape) !== values.length)
    throw argumentError(`tensor ${name}`, `numbers for shape [${shape.join(", ")}]`, values.length);
  return { name, dtype: dtypeOf(name, values), shape, bytes: bytesOf(values) };
}

function dtypeOf(name: string, values: TensorValues): Dtype {
  if (values instanceof Float32Array) return "F32";
  if (values instanceof Float64Array) return "F64";
  if (values instanceof Int32Array) return "I32";
  if (values instanceof Uint8Array) return "U8";
  throw argumentError(`tensor ${name}`, "a Float32Array, Float64Array, Int32Array or Uint8Array", values);
}

function emptyValues({ dtype, shape }: TensorEntry): TensorValues {
  const elements = elementsOf(shape);
  switch (dtype) {
    case "F32":
      return new Float32Array(elements);
    case "F64":
      return new Float64Array(elements);
    case "I32":
      return new Int32Array(elements);
    case "U8":
      return new Uint8Array(elements);
  }
}

const bytesOf = (values: TensorValues): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

/**
 * Opens a file of any kind, reads and checks its header, and closes it after `body`.
 * @param body Also takes the byte at which the data begin.
 * @throws Llama4RecError As {@link readTensorFile}, and what `body` throws.
 */
export async function withHeader<T>(
  path: string,
  body: (file: FileHandle, header: Header, dataStart: number) => Promise<T>,
): Promise<T> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, "r");
    const stat = await file.stat();
    if (!stat.isFile()) throw new Error("it is a folder or device");
    const bytes = await readHeader(path, file, stat.size);
    const dataStart = 8 + bytes.length;
    return await body(file, decodeHeader(path, bytes, stat.size - dataStart), dataStart);
  } catch (cause) {
    if (cause instanceof Llama4RecError) throw cause;
    // The only sizes asked for are those of a file that is really as large.
    const code = cause instanceof RangeError ? "E_NO_MEMORY" : "E_FILE";
    const reason = cause instanceof Error ? cause.message : describe(cause);
    throw new Llama4RecError(code, `cannot read ${path}: ${reason}`, { cause });
  } finally {
    await file?.close();
  }
}

/** The bytes of the JSON header. */
async function readHeader(path: string, file: FileHandle, fileSize: number): Promise<Buffer> {
  const prefix = Buffer.alloc(8);
  if (fileSize < prefix.length) throw corrupt(path, `it has ${fileSize} bytes`);
  await readInto(path, file, prefix, 0);
  const length = prefix.readBigUInt64LE();
  if (length > BigInt(Math.min(longestHeader, fileSize - prefix.length)))
    throw corrupt(path, `its header claims ${length} of ${fileSize} bytes`);
  const bytes = Buffer.alloc(Number(length));
  await readInto(path, file, bytes, prefix.length);
  return bytes;
}

/** Fills `bytes` from the file, from byte `position` on. */
async function readInto(path: string, file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, position + done);
    if (bytesRead === 0) throw corrupt(path, "it became shorter while it was read");
    done += bytesRead;
  }
}

/** @param name Of the float32 tensor that the piece is of, if it is of one. */
function checkFinite(path: string, piece: Uint8Array, name: string | undefined): void {
  if (name === undefined) return;
  const values = new Float32Array(piece.buffer, piece.byteOffset, piece.length / 4);
  const place = firstNotFinite(values);
  if (place >= 0) throw corrupt(path, `tensor ${name}[${piece.byteOffset / 4 + place}] is ${values[place]}`);
}

function checkBlock(path: string, { digests }: Header, block: number, pieces: readonly Uint8Array[]): void {
  if (sha256Of(pieces) !== digests.slice(64 * block, 64 * (block + 1)))
    throw corrupt(path, `block ${block} of its data does not match its checksum`);
}
