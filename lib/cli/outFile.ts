import { access, constants, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { Llama4RecError } from "../native/errors.js";

/**
 * Refuses a place that cannot be written to now rather than after hours of work.
 * @param option The option that names it: `--out`.
 * @throws Llama4RecError `E_FILE`.
 */
export async function checkOutFile(option: string, path: string): Promise<void> {
  const found = await stat(path).catch(() => null);
  const folder = dirname(path);
  const writable = await access(folder, constants.W_OK).then(
    () => true,
    () => false,
  );
  const fault = found?.isDirectory()
    ? "a folder"
    : writable
      ? null
      : `a file in ${folder}, which is not there or closed`;
  if (fault !== null)
    throw new Llama4RecError(
      "E_FILE",
      `${option}: expected a file that can be written, got ${path}: ${fault}`,
    );
}
