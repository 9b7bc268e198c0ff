import { randomUUID } from "node:crypto";
import { open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { describe, Llama4RecError } from "../native/errors.js";
import { factorRanker } from "./factorRanker.js";
import type { FactorRanker } from "./ranker.js";

/** Version of the layout below; readers refuse others. */
const formatVersion = 1;
/** Longest JSON header a reader accepts, in bytes. */
const longestHeader = 64 * 1024 * 1024;

/** Everything that a header may hold. */
const knownNames: ReadonlySet<string> = new Set(["__metadata__", "users", "items", "item_biases"]);

interface TensorEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [begin: number, end: number];
}

/** What is stored beside the weights, all as text. */
export type ModelMetadata = Readonly<Record<string, string>>;

/**
 * Writes a frozen ranker as one safetensors file (JSON header, then little-endian float32), readable elsewhere.
 * Crash-safe: a new name, fsync, rename, fsync of the folder; a reader sees the old file or the new one, whole.
 * @throws Llama4RecError `E_FILE` when it cannot be written; nothing is left behind.
 */
export async function saveRanker(
  path: string,
  ranker: FactorRanker,
  metadata: ModelMetadata = {},
): Promise<void> {
  const { userCount, itemCount, dimension } = ranker;
  const tensors: [name: string, shape: number[], values: Float32Array][] = [
    ["users", [userCount, dimension], ranker.userVectors],
    ["items", [itemCount, dimension], ranker.itemVectors],
  ];
  if (ranker.itemBiases !== null) tensors.push(["item_biases", [itemCount], ranker.itemBiases]);
  const header: Record<string, unknown> = {
    __metadata__: { ...metadata, format: "llama4rec", version: String(formatVersion), name: ranker.name },
  };
  let offset = 0;
  for (const [name, shape, values] of tensors) {
    header[name] = { dtype: "F32", shape, data_offsets: [offset, offset + values.byteLength] };
    offset += values.byteLength;
  }
  const json = Buffer.from(JSON.stringify(header));
  const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, " ")]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  const blocks = tensors.map(([, , values]) =>
    Buffer.from(values.buffer, values.byteOffset, values.byteLength),
  );
  await replaceFile(path, [length, padded, ...blocks]);
}

async function replaceFile(path: string, parts: readonly Buffer[]): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, "wx");
    try {
      for (const part of parts) await file.writeFile(part);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    const folder = await open(dirname(path), "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new Llama4RecError(
      "E_FILE",
      `cannot write ${path}: ${cause instanceof Error ? cause.message : describe(cause)}`,
      {
        cause,
      },
    );
  }
}

/**
 * Opens a file of {@link saveRanker}. Trusts no length: everything is checked against the file's size first.
 * @throws Llama4RecError `E_FILE` when it cannot be read, `E_CORRUPT` when it is no whole model file.
 */
export async function loadRanker(path: string): Promise<{ ranker: FactorRanker; metadata: ModelMetadata }> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    throw new Llama4RecError("E_FILE", `cannot read ${path}: expected a model file`, { cause });
  }
  const broken = (why: string): Llama4RecError =>
    new Llama4RecError("E_CORRUPT", `${path}: expected a llama4rec model file, but ${why}`);
  if (bytes.length < 8) throw broken(`it has ${bytes.length} bytes`);
  const headerLength = Number(bytes.readBigUInt64LE(0));
  if (headerLength > longestHeader || 8 + headerLength > bytes.length)
    throw broken(`its header claims ${headerLength} of ${bytes.length} bytes`);
  let header: Record<string, unknown>;
  try {
    header = JSON.parse(bytes.toString("utf8", 8, 8 + headerLength));
  } catch {
    throw broken("its header is no JSON");
  }
  if (typeof header !== "object" || header === null) throw broken("its header is no JSON object");
  const metadata = textRecord(header.__metadata__);
  if (metadata?.format !== "llama4rec") throw broken("it was written by another program");
  if (metadata.version !== String(formatVersion)) throw broken(`it has version ${metadata.version}`);

  const unknown = Object.keys(header).find((name) => !knownNames.has(name));
  if (unknown !== undefined) throw broken(`it holds ${describe(unknown)}`);

  const data = bytes.subarray(8 + headerLength);
  let used = 0;
  const tensor = (name: string, rank: number): { shape: readonly number[]; values: Float32Array } => {
    const entry = tensorEntry(header[name]);
    if (entry === null || entry.dtype !== "F32" || entry.shape.length !== rank)
      throw broken(`tensor ${name} is malformed`);
    const [begin, end] = entry.data_offsets;
    const size = entry.shape.reduce((product, length) => product * length, 4);
    if (!(begin >= 0 && end <= data.length && end - begin === size))
      throw broken(`tensor ${name} does not fit the file`);
    const values = new Float32Array(size / 4);
    for (let i = 0; i < values.length; i++) {
      values[i] = data.readFloatLE(begin + 4 * i);
      if (!Number.isFinite(values[i])) throw broken(`tensor ${name} holds ${values[i]} at ${i}`);
    }
    used += size;
    return { shape: entry.shape, values };
  };
  const users = tensor("users", 2);
  const items = tensor("items", 2);
  const biases = header.item_biases === undefined ? null : tensor("item_biases", 1);
  if (used !== data.length) throw broken(`${data.length - used} bytes belong to no tensor`);
  const dimension = users.shape[1];
  if (
    dimension < 1 ||
    items.shape[1] !== dimension ||
    (biases !== null && biases.shape[0] !== items.shape[0])
  )
    throw broken("its tensors do not fit each other");
  const ranker = factorRanker(metadata.name ?? "model", {
    dimension,
    users: users.values,
    items: items.values,
    itemBiases: biases?.values ?? null,
  });
  return { ranker, metadata };
}

function textRecord(value: unknown): Record<string, string> | null {
  if (typeof value !== "object" || value === null) return null;
  const entries = Object.entries(value).filter(
    (entry): entry is [string, string] => typeof entry[1] === "string",
  );
  return Object.fromEntries(entries);
}

function tensorEntry(value: unknown): TensorEntry | null {
  if (typeof value !== "object" || value === null) return null;
  const { dtype, shape, data_offsets: offsets } = value as Partial<Record<keyof TensorEntry, unknown>>;
  const lengths = (list: unknown): list is number[] =>
    Array.isArray(list) && list.every((length) => Number.isSafeInteger(length) && length >= 0);
  if (typeof dtype !== "string" || !lengths(shape) || !lengths(offsets) || offsets.length !== 2) return null;
  return { dtype, shape, data_offsets: [offsets[0], offsets[1]] };
}
