import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import type { Dataset } from "../data/dataset.js";
import { openDataset, resolveDataFolder } from "../data/open.js";
import { generateShop, namedShop } from "../data/shop/index.js";
import { argumentError, Llama4RecError } from "../native/errors.js";
import type { ProgressBars } from "./progress.js";

/** What data a command works on, as parsed. */
export interface DataOptions {
  /** A path, a name inside the data folder, or a generated shop's; absent: the embedded demonstration shop. */
  readonly data?: string;
  readonly column?: Record<string, string>;
  /** A table with the titles of a table's items. */
  readonly items?: string;
}

/**
 * Reads the data set that was asked for.
 * @throws Llama4RecError `E_FILE` when there is nothing, `E_ARGUMENT` for columns of no table, what the readers throw, the signal's reason when aborted.
 */
export async function readData(
  { data, column, items }: DataOptions,
  bars: ProgressBars,
  signal: AbortSignal,
): Promise<Dataset> {
  if (data === undefined) {
    if (items !== undefined)
      throw argumentError("--items", "--data beside it, the table whose items it tells", items);
    if (column === undefined) return generateShop();
    const names = Object.entries(column).map(([field, name]) => `${field}=${name}`);
    throw argumentError("--column", "--data beside it, a table that has such columns", names.join(" "));
  }
  const path = locate(data);
  if (path === null) {
    const shop = namedShop(data);
    if (shop === null)
      throw new Llama4RecError(
        "E_FILE",
        `--data: expected a data set's folder or a table, got ${data}: no such path`,
      );
    const extra = column !== undefined ? "--column" : items !== undefined ? "--items" : null;
    if (extra !== null) throw argumentError(extra, "a table's --data beside it", data);
    return shop;
  }
  return openDataset({
    data: path,
    columns: column,
    items: items === undefined ? undefined : { file: items },
    signal,
    onProgress: ({ file, bytesRead, bytesTotal, rows }) =>
      bars.update(`read ${basename(file)}`, bytesRead, bytesTotal, `${rows.toLocaleString("en")} rows`),
  });
}

/** A path, or the name of a data set inside the data folder; null where there is neither. */
function locate(data: string): string | null {
  if (existsSync(data)) return data;
  const inside = join(resolveDataFolder(), data);
  return existsSync(inside) ? inside : null;
}
