import { existsSync } from "node:fs";
import { join } from "node:path";
import { Llama4RecError } from "../native/errors.js";

/** Path of `name` or `name.gz` in a folder, `undefined` when neither is there. */
export function findFile(folder: string, name: string): string | undefined {
  return [join(folder, name), join(folder, `${name}.gz`)].find((path) => existsSync(path));
}

/**
 * Path of `name` or `name.gz` in a folder.
 *
 * @param meaning what the file holds, for the error
 * @throws Llama4RecError `E_FILE` when neither is there
 */
export function requireFile(folder: string, name: string, meaning: string): string {
  const path = findFile(folder, name);
  if (path !== undefined) return path;
  throw new Llama4RecError(
    "E_FILE",
    `${join(folder, name)}: expected ${meaning} (plain or .gz), got no such file`,
  );
}

/**
 * Position of a named column.
 *
 * @throws Llama4RecError `E_COLUMN` when it is missing or there twice
 */
export function columnIndex(file: string, columns: readonly string[], name: string): number {
  const index = columns.indexOf(name);
  if (index >= 0 && index === columns.lastIndexOf(name)) return index;
  const found = columns.map((column) => JSON.stringify(column)).join(", ");
  throw new Llama4RecError("E_COLUMN", `${file}: expected one column ${JSON.stringify(name)}, got ${found}`);
}
