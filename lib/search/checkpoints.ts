import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Where trials that are not out are kept: files whose names begin alike, or nowhere. */
export class TrialCheckpoints implements AsyncDisposable {
  readonly #prefix: string | null;
  readonly #temporary: string | null;

  private constructor(prefix: string | null, temporary: string | null) {
    this.#prefix = prefix;
    this.#temporary = temporary;
  }

  /**
   * Beside the trials' file; without one in a folder that lives as long as this, if trials go on from rung to rung, else
   * nowhere.
   */
  static async open(file: string | undefined, rungs: number): Promise<TrialCheckpoints> {
    if (file !== undefined) return new TrialCheckpoints(file, null);
    if (rungs === 1) return new TrialCheckpoints(null, null);
    const folder = await mkdtemp(join(tmpdir(), "llama4rec-"));
    return new TrialCheckpoints(join(folder, "trials"), folder);
  }

  /** The file of a trial. */
  pathOf(trial: number): string | null {
    return this.#prefix === null ? null : `${this.#prefix}.trial-${trial}.checkpoint`;
  }

  /** Removes the files of those trials, where there are any. */
  async remove(trials: readonly number[]): Promise<void> {
    for (const trial of trials) {
      const path = this.pathOf(trial);
      if (path !== null) await rm(path, { force: true });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#temporary !== null) await rm(this.#temporary, { recursive: true, force: true });
  }
}
