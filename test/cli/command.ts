/** What the tests of the command line share. */
import { execFile } from "node:child_process";
import { resolve } from "node:path";

/** How a command ended. */
export interface Outcome {
  readonly code: unknown;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command in a folder of its own, which is home, cache and temporary folder too. */
export function llama4rec(
  cwd: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Outcome> {
  const { LLAMA4REC_DATA: _, ...inherited } = process.env;
  const options = {
    cwd,
    env: { ...inherited, HOME: cwd, XDG_CACHE_HOME: cwd, TMPDIR: cwd, NO_COLOR: "1", ...env },
  };
  return new Promise((done) => {
    execFile(
      process.execPath,
      [resolve("dist/lib/cli/main.js"), ...args],
      options,
      (error, stdout, stderr) => {
        done({ code: error === null ? 0 : (error.code ?? error.signal), stdout, stderr });
      },
    );
  });
}

/** Titles of the items of {@link table}. */
export const items = (): string =>
  `id,title\n${Array.from({ length: 8 }, (_, item) => `i${item},Film number ${item}`).join("\n")}\n`;

/** A table that the job can be run on: 12 users with 6 of 8 items. */
export const table = (): string => {
  const rows = ["user,item,rating,timestamp"];
  for (let user = 0; user < 12; user++)
    for (let age = 0; age < 6; age++) rows.push(`u${user},i${(user + age) % 8},5,${age}`);
  return `${rows.join("\n")}\n`;
};
