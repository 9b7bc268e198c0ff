import { readFile, stat } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import type { TrainView } from "../../data/trainView.js";
import { argumentError, Llama4RecError } from "../../native/errors.js";
import { replaceFile } from "../../storage/atomicFile.js";
import { POCKET_LABELS } from "./catalogueTokenizer.js";
import { alpacaEntry, EXPORT_FORMATS, type ExportFormat, exportLine } from "./exportFormats.js";
import { HintReader, type TuningHints } from "./hints.js";
import { InstructionSource, prefixText } from "./instructions.js";
import { checkMix, type KindCounts, type TaskMix } from "./mix.js";

/** Options of {@link exportInstructions}. */
export interface ExportOptions {
  /** All that the instructions are made of. */
  readonly view: TrainView;
  readonly format: ExportFormat;
  /** A file, or a folder that exists: `instructions.<format>.jsonl` in it then. */
  readonly out: string;
  /** Instructions to write. */
  readonly count: number;
  readonly seed: number;
  /** How often each task is asked about; rating has no part in `dpo`. */
  readonly mix: TaskMix;
  /** What the conventional models say of rows they were not trained on; null: prompts go without. */
  readonly hints: TuningHints | null;
  readonly onProgress?: (done: number, total: number) => void;
  /** Stops between two blocks of lines; nothing is written then. */
  readonly signal?: AbortSignal;
}

/** What {@link exportInstructions} wrote. */
export interface ExportResult {
  readonly path: string;
  readonly count: number;
  /** LLaMA-Factory's `dataset_info.json` beside the file, with the entry of that name; null for other formats. */
  readonly datasetInfo: { readonly path: string; readonly name: string } | null;
}

/** Questions about one moment of a user: a few, so that many users are met. */
const QUESTIONS: Readonly<Record<ExportFormat, KindCounts>> = {
  chat: { title: 1, choose: 1, compare: 1, rate: 1 },
  alpaca: { title: 1, choose: 1, compare: 1, rate: 1 },
  dpo: { title: 0, choose: 0, compare: 2, rate: 0 },
};
/** Share of rows and questions with hints: prompts come with and without. */
const HINT_RATE = 0.5;
/** Lines that are written at once. */
const BLOCK_LINES = 256;

/**
 * Writes training instructions for other trainers: the prompts that this package would ask a tuned model with, and their
 * answers, from a training view alone. The file is replaced as a whole; the same options write the same bytes.
 *
 * @throws Llama4RecError `E_ARGUMENT` for a bad option, hints of another view or a view with nothing to ask about,
 *   `E_FILE` when a file cannot be written or a `dataset_info.json` that is there already is no JSON object; the signal's
 *   reason when aborted; what `onProgress` throws.
 * @example
 * ```ts
 * const mix = { direct: 1, sequential: 1, rating: 1 };
 * await exportInstructions({ view, format: "chat", out: "train.jsonl", count: 10_000, seed: 1, mix, hints: null });
 * ```
 */
export async function exportInstructions(options: ExportOptions): Promise<ExportResult> {
  const { view, format, count, seed, mix, hints, onProgress, signal } = options;
  checkExport(options);
  signal?.throwIfAborted();
  const path = await fileIn(options.out, `instructions.${format}.jsonl`);
  const info = format === "alpaca" ? await datasetInfo(path) : null;
  using reader = hints && new HintReader(hints, view);
  // The vocabularies of real Llamas too have each of these labels, with the blank before it, as one token.
  const source = new InstructionSource(view, { mix, labels: POCKET_LABELS, hints: reader, seed });

  const faults: unknown[] = [];
  const blocks = function* (): Generator<Uint8Array> {
    let block = "";
    let done = 0;
    try {
      for (const line of lines(source, format, count)) {
        block += line;
        if (++done % BLOCK_LINES !== 0 && done < count) continue;
        signal?.throwIfAborted();
        yield Buffer.from(block);
        block = "";
        onProgress?.(done, count);
      }
    } catch (fault) {
      faults.push(fault);
      throw fault;
    }
  };
  try {
    await replaceFile(path, blocks());
  } catch (error) {
    signal?.throwIfAborted();
    throw faults.length > 0 ? faults[0] : error; // a fault of the lines is none of the file
  }
  if (info === null) return { path, count, datasetInfo: null };
  const name = basename(path, extname(path));
  const content = { ...info.entries, [name]: alpacaEntry(basename(path)) };
  await replaceFile(info.path, [Buffer.from(`${JSON.stringify(content, null, 2)}\n`)]);
  return { path, count, datasetInfo: { path: info.path, name } };
}

/** `count` lines, row after row of the source. */
function* lines(source: InstructionSource, format: ExportFormat, count: number): Generator<string> {
  let written = 0;
  for (let number = 0; written < count; number++) {
    if (number >= source.rowsPerEpoch && written === 0)
      throw argumentError("view", `users with instructions for ${format} to write`, "none");
    const row = source.row(number, { questions: QUESTIONS[format], hintRate: HINT_RATE });
    const prefix = prefixText(row);
    for (const instruction of row.instructions) {
      const line = written < count ? exportLine(format, prefix, instruction) : null;
      if (line === null) continue;
      written++;
      yield line;
    }
  }
}

/**
 * Checks what can be checked before anything is read.
 * @throws Llama4RecError `E_ARGUMENT`.
 */
export function checkExport({
  format,
  out,
  count,
  mix,
}: Pick<ExportOptions, "format" | "out" | "count" | "mix">): void {
  if (!EXPORT_FORMATS.includes(format)) throw argumentError("format", EXPORT_FORMATS.join(", "), format);
  if (typeof out !== "string" || out === "") throw argumentError("out", "the path of a file or folder", out);
  if (!Number.isSafeInteger(count) || count < 1) throw argumentError("count", "a positive integer", count);
  checkMix(mix);
  if (format === "dpo" && mix.direct + mix.sequential === 0)
    throw argumentError("mix", "direct or sequential, the tasks with pairs, for dpo", "rating alone");
}

async function fileIn(out: string, name: string): Promise<string> {
  const found = await stat(out).catch(() => null);
  return found?.isDirectory() ? join(out, name) : out;
}

/** The `dataset_info.json` beside a file as it is now: other data sets' entries are kept. */
async function datasetInfo(path: string): Promise<{ path: string; entries: object }> {
  const info = join(dirname(path), "dataset_info.json");
  const text = await readFile(info, "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return "{}";
    throw new Llama4RecError("E_FILE", `${info}: expected a readable file, got ${cause.code}`, { cause });
  });
  try {
    const entries: unknown = JSON.parse(text);
    if (typeof entries === "object" && entries !== null && !Array.isArray(entries))
      return { path: info, entries };
  } catch {
    // Said below.
  }
  throw new Llama4RecError(
    "E_FILE",
    `${info}: expected a JSON object, as LLaMA-Factory keeps its data sets in`,
  );
}
