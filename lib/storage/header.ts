import { call } from "../native/addon.js";
import { describe, Llama4RecError } from "../native/errors.js";
import { blockCount, blockSize } from "./blocks.js";
import { isObject } from "./json.js";

/** Version of the layout. Version 1 had no checksums and was never published. */
const layoutVersion = 2;
/** Longest JSON header in bytes; the Python package refuses longer ones too. */
export const longestHeader = 100_000_000;

/** The header begins so; the 64 digits of its own checksum follow. ASCII. */
const opening = `{"__metadata__":{"format":"llama4rec","version":"${layoutVersion}","header_sha256":"`;
const noDigest = "0".repeat(64);
/** Entries of the metadata that belong to the layout. */
const reserved = ["format", "version", "header_sha256", "kind", "alignment", "block_size", "block_sha256"];

/** Bytes of one number. */
const itemSizes = { F64: 8, F32: 4, I32: 4, U8: 1 } as const;

/** Type of a tensor's numbers, little-endian. */
export type Dtype = keyof typeof itemSizes;

/** 64 for files that are mapped; they say so. */
export type Alignment = 8 | 64;

/** One tensor as the header describes it. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
}

/** What a header says. */
export interface Header {
  readonly kind: string;
  /** The data begin at a multiple of so many bytes of the file. */
  readonly alignment: Alignment;
  /** The caller's own entries. */
  readonly metadata: Readonly<Record<string, string>>;
  /** In the order of {@link inFileOrder}, which is that of the data. */
  readonly entries: readonly TensorEntry[];
  /** SHA-256 in hex of each block of the data, one after the other without a break. */
  readonly digests: string;
}

/** How many numbers a shape has, `NaN` when that, or a length, is no safe integer of at least 0. */
export function elementsOf(shape: readonly unknown[]): number {
  return shape.reduce<number>((product, length) => {
    const next = typeof length === "number" && isCount(length) ? product * length : Number.NaN;
    return Number.isSafeInteger(next) ? next : Number.NaN;
  }, 1);
}

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
const byteLengthOf = ({ dtype, shape }: TensorEntry): number => itemSizes[dtype] * elementsOf(shape);

/** Bytes of all tensors. */
export function dataLengthOf(entries: readonly TensorEntry[]): number {
  return entries.reduce((sum, entry) => sum + byteLengthOf(entry), 0);
}

/** The one order of tensors in a file: wide numbers first, so that without gaps all are aligned, then by name. */
export function inFileOrder<T extends TensorEntry>(entries: readonly T[]): readonly T[] {
  return entries.toSorted(
    (a, b) => itemSizes[b.dtype] - itemSizes[a.dtype] || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
  );
}

/** Whether a caller may use this name for a metadata entry. */
export const isFreeName = (name: string): boolean => !reserved.includes(name);

/**
 * The header in the one form that it has: no spaces but those that pad it, and the 8 bytes before it, to a multiple of
 * the alignment, checksum in place. Written by hand because an object would move names that look like integers to its
 * front.
 */
export function encodeHeader({ kind, alignment, metadata, entries, digests }: Header): Buffer {
  const aligned = alignment === 64 ? { alignment: "64" } : {};
  const own = { kind, ...aligned, block_size: String(blockSize), block_sha256: digests };
  const texts = [...Object.entries(own), ...Object.entries(metadata)].map(member);
  let end = 0;
  const tensors = entries.map((entry) => {
    const begin = end;
    end += byteLengthOf(entry);
    return member([entry.name, { dtype: entry.dtype, shape: entry.shape, data_offsets: [begin, end] }]);
  });
  const json = `${opening}${noDigest}"${texts.join("")}}${tensors.join("")}}`;
  const bytes = Buffer.alloc(Math.ceil((8 + Buffer.byteLength(json)) / alignment) * alignment - 8, " ");
  bytes.write(json);
  bytes.write(digestOf(bytes), opening.length, "latin1");
  return bytes;
}

/** Natively: where a catalogue is opened and queried at once, loading `node:crypto` would take a quarter of the time. */
const digestOf = (bytes: Uint8Array): string => call((addon) => addon.sha256(bytes));

const member = ([name, value]: [string, unknown]): string =>
  `,${JSON.stringify(name)}:${JSON.stringify(value)}`;

/**
 * Reads and checks a header, trusting nothing in it.
 * @param path Names the file in errors.
 * @param dataLength Bytes that follow the header.
 * @throws Llama4RecError `E_MISMATCH` for another program's file, `E_VERSION` for another version of the layout,
 *   `E_CORRUPT` for everything else that is wrong.
 */
export function decodeHeader(path: string, bytes: Buffer, dataLength: number): Header {
  if (bytes.toString("latin1", 0, opening.length) !== opening) throw foreign(path, bytes);
  const digestEnd = opening.length + noDigest.length;
  const blank = Buffer.from(bytes);
  blank.write(noDigest, opening.length, "latin1");
  if (bytes.toString("latin1", opening.length, digestEnd) !== digestOf(blank))
    throw corrupt(path, "its header does not match its checksum");

  const { __metadata__, ...tensors } = parsedObject(path, bytes);
  const texts = textEntries(path, __metadata__);
  const kind = texts.get("kind");
  const digests = texts.get("block_sha256");
  if (kind === undefined || digests === undefined) throw corrupt(path, "its metadata is incomplete");
  const entries = inFileOrder(Object.entries(tensors).map(([name, value]) => tensorEntry(path, name, value)));
  const promised = dataLengthOf(entries);
  if (promised !== dataLength)
    throw corrupt(path, `its tensors take ${promised} bytes and ${dataLength} follow the header`);
  if (digests.length !== 64 * blockCount(dataLength))
    throw corrupt(path, `it has no checksum for each of its ${blockCount(dataLength)} blocks`);

  const metadata = Object.fromEntries([...texts].filter(([name]) => isFreeName(name)));
  const alignment: Alignment = texts.has("alignment") ? 64 : 8;
  const header = { kind, alignment, metadata, entries, digests };
  // There is one way to write a header, so this finds what JSON.parse hides, a name that stands there twice, and
  // gaps, overlaps and any other order too.
  if (!encodeHeader(header).equals(bytes))
    throw corrupt(path, "its header is not in its one form: a name twice, a gap, another order");
  return header;
}

/** Why a header with another opening is refused. */
function foreign(path: string, bytes: Buffer): Llama4RecError {
  const metadata = parsedObject(path, bytes).__metadata__;
  const { format, version } = isObject(metadata) ? metadata : {};
  if (format !== "llama4rec")
    return new Llama4RecError(
      "E_MISMATCH",
      `${path}: expected a file of llama4rec, got another program's safetensors`,
    );
  if (typeof version === "string" && /^\d{1,9}$/.test(version) && version !== String(layoutVersion))
    return new Llama4RecError(
      "E_VERSION",
      `${path}: expected layout version ${layoutVersion}, which this version of llama4rec reads, got version ${version}`,
    );
  return corrupt(path, "its header does not begin as it should");
}

function parsedObject(path: string, bytes: Buffer): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString());
  } catch {
    throw corrupt(path, "its header is no JSON");
  }
  if (!isObject(value)) throw corrupt(path, "its header is no JSON object");
  return value;
}

function textEntries(path: string, value: unknown): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const [name, text] of Object.entries(isObject(value) ? value : {})) {
    if (typeof text !== "string") throw corrupt(path, `its metadata entry ${describe(name)} is no text`);
    texts.set(name, text);
  }
  return texts;
}

/** One tensor's entry; its offsets are checked with the whole header. */
function tensorEntry(path: string, name: string, value: unknown): TensorEntry {
  const { dtype, shape } = isObject(value) ? value : {};
  if (!isDtype(dtype)) throw corrupt(path, `tensor ${describe(name)} has dtype ${describe(dtype)}`);
  if (!Array.isArray(shape) || !Number.isSafeInteger(8 * elementsOf(shape)))
    throw corrupt(path, `tensor ${describe(name)} has no possible shape`);
  return { name, dtype, shape };
}

const isDtype = (value: unknown): value is Dtype =>
  typeof value === "string" && Object.hasOwn(itemSizes, value);

/** Error for a file that is not what was written. */
export function corrupt(path: string, why: string): Llama4RecError {
  return new Llama4RecError("E_CORRUPT", `${path}: expected a whole llama4rec file, but ${why}`);
}
