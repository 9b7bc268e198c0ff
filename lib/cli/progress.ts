import { Presets, SingleBar } from "cli-progress";
import pc from "picocolors";

/** One bar at a time on standard error, so that standard output stays clean for programs. */
export class ProgressBars {
  #bar: SingleBar | null = null;
  #stage = "";
  readonly #terminal = process.stderr.isTTY === true;
  readonly #quiet: boolean;

  /** @param quiet Nothing at all where standard error is no terminal. */
  constructor(quiet: boolean) {
    this.#quiet = quiet;
  }

  /** Draws the bar of a stage; a new stage finishes the bar before it. */
  update(stage: string, done: number, total: number, note = ""): void {
    if (stage !== this.#stage) {
      this.finish();
      this.#stage = stage;
      if (!this.#terminal && !this.#quiet) console.error(stage);
    }
    if (!this.#terminal) return;
    if (this.#bar === null) {
      this.#bar = new SingleBar(
        {
          format: `${pc.cyan("{bar}")} {percentage}% ${pc.bold("{stage}")} ${pc.dim("{note}")}`,
          barsize: 24,
          hideCursor: true,
          stream: process.stderr,
          etaBuffer: 20,
        },
        Presets.rect,
      );
      this.#bar.start(total, done, { stage, note });
    } else {
      this.#bar.setTotal(total);
      this.#bar.update(done, { note });
    }
  }

  /** Ends the current bar full: early stopping leaves work undone that nobody waits for. */
  finish(): void {
    this.#bar?.update(this.#bar.getTotal());
    this.stop();
  }

  /** Ends the current bar where it stands, after an error or an abort. */
  stop(): void {
    this.#bar?.stop();
    this.#bar = null;
    this.#stage = "";
  }
}

/**
 * Runs a command's work with progress bars; Ctrl-C aborts it.
 * @param quiet As {@link ProgressBars} takes it.
 * @throws what the work throws; the signal's reason when aborted.
 */
export async function withProgress<T>(
  quiet: boolean,
  body: (bars: ProgressBars, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const abort = new AbortController();
  const onInterrupt = (): void => abort.abort();
  process.once("SIGINT", onInterrupt);
  const bars = new ProgressBars(quiet);
  try {
    const result = await body(bars, abort.signal);
    bars.finish();
    return result;
  } finally {
    process.off("SIGINT", onInterrupt);
    bars.stop();
  }
}
