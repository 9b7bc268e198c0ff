import { readdir, stat } from "node:fs/promises";
import { argumentError, Llama4RecError } from "../native/errors.js";
import { readBookCrossing } from "./bookCrossing.js";
import type { Dataset } from "./dataset.js";
import { findFile } from "./files.js";
import { readMovieLens1M } from "./movielens1m.js";
import { readMovieLens100K } from "./movielens100k.js";
import type { ReadOptions } from "./rows.js";
import { type ItemTable, readTable, type TableColumns } from "./table.js";

/** Options of {@link openDataset}. */
export interface OpenOptions extends ReadOptions {
  /** A data set's folder (MovieLens 100K, MovieLens 1M or Book-Crossing), or a CSV or TSV file. */
  readonly data: string;
  /** Names of a table's columns; not with a folder, which has its own. */
  readonly columns?: TableColumns;
  /** Titles and attributes for a table; not with a folder. */
  readonly items?: ItemTable;
}

/** What is known of data sets that come as a folder: the file that tells them, and their reader. */
const FOLDERS = [
  { name: "MovieLens 100K", sign: "u.data", read: readMovieLens100K },
  { name: "MovieLens 1M", sign: "ratings.dat", read: readMovieLens1M },
  { name: "Book-Crossing", sign: "BX-Book-Ratings.csv", read: readBookCrossing },
];

/** The folder that data sets lie in: the parameter, else the environment variable `LLAMA4REC_DATA`, else `./data`. */
export function resolveDataFolder(parameter?: string): string {
  return parameter || process.env.LLAMA4REC_DATA || "./data";
}

/**
 * Reads a data set. A folder is recognised by its files, any file is read as a table ({@link readTable}).
 *
 * @throws Llama4RecError `E_FILE` when there is nothing at the path or nothing known in the folder, `E_ARGUMENT` when
 *   columns or items are named for a folder, else what the reader throws
 *
 * @example
 * ```ts
 * const dataset = await openDataset({ data: `${resolveDataFolder()}/ml-100k` });
 * dataset.describe(); // { name: "ml-100k", users: 943, items: 1682, interactions: 100000 }
 * ```
 */
export async function openDataset({ data, columns, items, ...options }: OpenOptions): Promise<Dataset> {
  const found = await stat(data).catch((cause: unknown) => {
    throw new Llama4RecError("E_FILE", `${data}: expected a data set's folder or a table, got no such path`, {
      cause,
    });
  });
  if (!found.isDirectory()) return readTable(data, { columns, items, ...options });
  if (columns !== undefined || items !== undefined)
    throw argumentError("data", "a table, for columns and items are named", `the folder ${data}`);
  const known = FOLDERS.find(({ sign }) => findFile(data, sign) !== undefined);
  if (known !== undefined) return known.read(data, options);
  const signs = FOLDERS.map(({ name, sign }) => `${sign} (${name})`).join(", ");
  throw new Llama4RecError(
    "E_FILE",
    `${data}: expected one of ${signs}, plain or .gz, got ${await listing(data)}`,
  );
}

/** The first names in a folder, for an error. */
async function listing(folder: string): Promise<string> {
  const names = (await readdir(folder)).sort();
  if (names.length === 0) return "an empty folder";
  return names.slice(0, 10).join(", ") + (names.length > 10 ? ` and ${names.length - 10} more` : "");
}
