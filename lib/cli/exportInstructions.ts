import { checkExport, exportInstructions as writeInstructions } from "../llm/tuning/export.js";
import type { ExportFormat } from "../llm/tuning/exportFormats.js";
import type { TaskMix } from "../llm/tuning/mix.js";
import { setThreads } from "../native/addon.js";
import { withProgress } from "./progress.js";
import { openTuningData, type TuningDataOptions, trainHints } from "./tuningData.js";

/** Options of `llama4rec export instructions`, as parsed. */
export interface ExportInstructionsOptions extends TuningDataOptions {
  readonly format: ExportFormat;
  readonly out: string;
  readonly tasks: TaskMix;
  readonly count: number;
  readonly json?: boolean;
}

/** `llama4rec export instructions`: training instructions for other trainers. */
export async function exportInstructions(options: ExportInstructionsOptions): Promise<void> {
  const { format, out, tasks: mix, count, seed, json = false } = options;
  checkExport({ format, out, count, mix });
  if (options.threads !== undefined) setThreads(options.threads);
  const written = await withProgress(json, async (bars, signal) => {
    const { view } = await openTuningData(options, bars, signal);
    const hints = await trainHints(view, options, mix, bars, signal);
    const onProgress = (done: number, total: number): void =>
      bars.update("write instructions", done, total, `${done.toLocaleString("en")} lines`);
    return writeInstructions({ view, format, out, count, seed, mix, hints, onProgress, signal });
  });
  if (json) {
    console.log(JSON.stringify({ format, seed, ...written }, null, 2));
    return;
  }
  console.log(`${written.path}: ${written.count.toLocaleString("en")} instructions, format ${format}`);
  if (written.datasetInfo !== null)
    console.log(`${written.datasetInfo.path}: LLaMA-Factory finds them as "${written.datasetInfo.name}"`);
}
