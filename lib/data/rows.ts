import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { describe, Llama4RecError } from "../native/errors.js";
import { type Quoting, splitRow } from "./delimited.js";

/** How far the reading of one file has come. */
export interface ReadProgress {
  /** Path of the file. */
  readonly file: string;
  /** Bytes read so far, as stored (compressed for `.gz`). */
  readonly bytesRead: number;
  /** Bytes of the whole file, as stored. */
  readonly bytesTotal: number;
  /** Rows read so far, the header not counted. */
  readonly rows: number;
}

/** What every reader takes besides its place. */
export interface ReadOptions {
  /** Called some times per megabyte and once at the end of each file. */
  readonly onProgress?: (progress: ReadProgress) => void;
  /** Stops the reading within one block of the file; the promise rejects with the signal's reason or an `AbortError`. */
  readonly signal?: AbortSignal;
}

/** Character encodings that tables come in. */
export type TextEncoding = "utf-8" | "latin1";

/** How rows and fields are written in a file. */
export interface RowFormat {
  readonly delimiter: string;
  readonly quoting: Quoting;
  readonly encoding: TextEncoding;
  /** The names of the columns, for files without a header line. */
  readonly columns?: readonly string[];
}

/** Cuts a file into blocks of this many bytes: about 10 ms of work between two turns of the event loop. */
const BLOCK_BYTES = 1 << 18;

/** Longest row that quotes may stretch over lines, in characters: a quote never closed is found early. */
const MAX_ROW = 1 << 20;

/** A plain decimal number, with or without fraction and exponent. */
const DECIMAL = /^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;

/** The row being read, with typed access to its fields. One object serves all rows of a file: keep none of it. */
export class Row {
  /** Line the row starts on, from 1. */
  line = 0;
  fields: readonly string[] = [];
  readonly #file: string;
  readonly #columns: readonly string[];

  constructor(file: string, columns: readonly string[]) {
    this.#file = file;
    this.#columns = columns;
  }

  /** The field as it stands. */
  text(column: number): string {
    return this.fields[column];
  }

  /** The field as an id: any text but the empty one. */
  id(column: number): string {
    const text = this.fields[column];
    if (text === "") throw this.error(column, "an id");
    return text;
  }

  /** The field as a non-negative integer. */
  integer(column: number): number {
    const value = this.number(column);
    if (!Number.isSafeInteger(value) || value < 0) throw this.error(column, "a non-negative integer");
    return value;
  }

  /** The field as a finite number, written in decimal. */
  number(column: number): number {
    const text = this.fields[column];
    const value = DECIMAL.test(text) ? Number(text) : Number.NaN;
    if (!Number.isFinite(value)) throw this.error(column, "a finite number");
    return value;
  }

  /** The field as a rating: a number that a 32-bit float can hold. */
  rating(column: number): number {
    const value = this.number(column);
    if (!Number.isFinite(Math.fround(value))) throw this.error(column, "a finite 32-bit number");
    return value;
  }

  /** The error of a field that is not what it should be. */
  error(column: number, expected: string): Llama4RecError {
    const got = describe(this.fields[column]);
    return new Llama4RecError(
      "E_ROW",
      `${this.#file}:${this.line}: ${this.#columns[column]}: expected ${expected}, got ${got}`,
    );
  }
}

/**
 * Reads a delimited file row by row. Lines end in LF or CRLF, empty lines are passed over, a name ending in `.gz` is
 * unpacked on the way.
 *
 * @param start receives the column names (of the header line, else of the format) and returns what takes each row
 * @throws Llama4RecError `E_FILE` when the file cannot be read, is no gzip or not of the encoding, or lacks its header;
 *   `E_ROW` when a row cannot be taken apart
 */
export async function readRows(
  file: string,
  format: RowFormat,
  start: (columns: readonly string[]) => (row: Row) => void,
  { onProgress, signal }: ReadOptions = {},
): Promise<void> {
  signal?.throwIfAborted();
  try {
    const bytesTotal = (await stat(file)).size;
    const source = createReadStream(file, { highWaterMark: BLOCK_BYTES });
    const rows = new FileRows(file, format, start);
    const report = () => onProgress?.({ file, bytesRead: source.bytesRead, bytesTotal, rows: rows.count });
    const take = async (blocks: AsyncIterable<Buffer>) => {
      for await (const block of blocks) {
        rows.push(block);
        report();
      }
      rows.end();
      report();
    };
    if (file.endsWith(".gz")) {
      const { createGunzip } = process.getBuiltinModule("node:zlib"); // it takes milliseconds to load
      await pipeline(source, createGunzip({ chunkSize: BLOCK_BYTES }), take, { signal });
    } else await pipeline(source, take, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw fileError(file, error);
  }
}

/** Faults of the file system and of gzip become `E_FILE`; anything else stays what it is. */
function fileError(file: string, error: unknown): unknown {
  if (error instanceof Llama4RecError || !(error instanceof Error) || !("code" in error)) return error;
  return new Llama4RecError("E_FILE", `${file}: expected a readable file, got ${error.message}`, {
    cause: error,
  });
}

/** Blocks of bytes in, rows out. */
class FileRows {
  /** Rows handed on so far. */
  count = 0;
  readonly #file: string;
  readonly #format: RowFormat;
  readonly #start: (columns: readonly string[]) => (row: Row) => void;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });
  /** The unfinished line at the end of the last block. */
  #rest = "";
  #line = 0;
  /** A row whose quotes are still open, and the line it started on. */
  #open = "";
  #openedAt = 0;
  #row: Row | undefined;
  #width = 0;
  #take: (row: Row) => void = () => {};

  constructor(file: string, format: RowFormat, start: (columns: readonly string[]) => (row: Row) => void) {
    this.#file = file;
    this.#format = format;
    this.#start = start;
    if (format.columns !== undefined) this.#begin(format.columns);
  }

  push(block: Buffer): void {
    this.#pushText(this.#decode(block));
  }

  end(): void {
    this.#pushText(this.#decode());
    if (this.#rest !== "") this.#pushLine(this.#rest);
    if (this.#openedAt > 0) throw this.#rowError(this.#openedAt, "a closing quote, got the end of the file");
    if (this.#row === undefined)
      throw new Llama4RecError(
        "E_FILE",
        `${this.#file}: expected a header line with column names, got an empty file`,
      );
  }

  #decode(block?: Buffer): string {
    if (this.#format.encoding === "latin1") return block?.toString("latin1") ?? "";
    try {
      return this.#decoder.decode(block, { stream: block !== undefined });
    } catch (error) {
      const place = `${this.#file}: after line ${this.#line}`;
      throw new Llama4RecError("E_FILE", `${place}: expected UTF-8 text, got other bytes (is it latin1?)`, {
        cause: error,
      });
    }
  }

  #pushText(text: string): void {
    const block = this.#rest + text;
    let from = 0;
    for (let to = block.indexOf("\n"); to >= 0; to = block.indexOf("\n", from)) {
      this.#pushLine(block.slice(from, to));
      from = to + 1;
    }
    this.#rest = block.slice(from);
  }

  #pushLine(raw: string): void {
    this.#line++;
    const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
    const startedAt = this.#openedAt || this.#line;
    const row = this.#openedAt > 0 ? `${this.#open}\n${line}` : line;
    if (row === "") return;
    const { delimiter, quoting } = this.#format;
    const goesOn = this.#openedAt > 0 && !line.includes('"');
    const fields = goesOn ? "open" : splitRow(row, delimiter, quoting);
    if (fields === "broken")
      throw this.#rowError(startedAt, "a delimiter after a closing quote, got more text");
    this.#open = fields === "open" ? row : "";
    this.#openedAt = fields === "open" ? startedAt : 0;
    if (fields !== "open") this.#pushFields(fields, startedAt);
    else if (row.length > MAX_ROW)
      throw this.#rowError(startedAt, `a closing quote within ${MAX_ROW} characters, got none`);
  }

  #pushFields(fields: readonly string[], line: number): void {
    if (this.#row === undefined) {
      this.#begin(fields);
      return;
    }
    if (fields.length !== this.#width) {
      const expected = `${this.#width} fields separated by ${JSON.stringify(this.#format.delimiter)}`;
      throw this.#rowError(line, `${expected}, got ${fields.length}`);
    }
    this.#row.fields = fields;
    this.#row.line = line;
    this.count++;
    this.#take(this.#row);
  }

  #begin(columns: readonly string[]): void {
    this.#row = new Row(this.#file, columns);
    this.#width = columns.length;
    this.#take = this.#start(columns);
  }

  #rowError(line: number, expected: string): Llama4RecError {
    return new Llama4RecError("E_ROW", `${this.#file}:${line}: expected ${expected}`);
  }
}
