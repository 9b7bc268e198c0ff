/** What killed writers leave behind, some minutes later. */
import { readdirSync, utimesSync } from "node:fs";
import { join } from "node:path";

/** Makes all unfinished files of a folder ten minutes old. */
export function ageLeftovers(folder: string): void {
  const then = new Date(Date.now() - 10 * 60 * 1000);
  for (const name of readdirSync(folder))
    if (name.endsWith(".tmp")) utimesSync(join(folder, name), then, then);
}
