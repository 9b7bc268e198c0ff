import { Command, InvalidArgumentError } from "commander";
import { wholeNumber } from "../../lib/cli/parse.js";

/** What the command line asks for. */
export interface Arguments {
  /** Sections or parts; none: all. */
  readonly names: readonly string[];
  /** File for the rows, `-` for stdout. */
  readonly json?: string;
  /** File for the page. */
  readonly html?: string;
  readonly threads: number;
  /** Of timed calls of each of the rivals. */
  readonly seconds: number;
  /** GGUF of the language model. */
  readonly model?: string;
}

/**
 * @param words Without the program's name.
 * @param names Of the parts, for the help.
 */
export function parseArguments(words: readonly string[], names: readonly string[]): Arguments {
  let parsed: Arguments | undefined;
  new Command("npm run bench --")
    .description(
      "Times the engine beside its rivals and beside the machine's limits, one thread, medians of calls in turns.\n" +
        "Every result is checked against float64 before anything is timed. Rivals: npm run bench:peers.",
    )
    .argument("[name...]", `sections or parts: ${names.join(", ")}`)
    .option("--json <file>", "write { machine, rows } as JSON, - for stdout")
    .option("--html <file>", "write a page with plots")
    .option("--threads <n>", "threads of the engine and of its rivals", wholeNumber(1, 256), 1)
    .option("--seconds <n>", "timed seconds of each rival of a row", positive, 0.5)
    .option("--model <gguf>", "language model; default: one with random weights")
    .action((asked: string[], options: Omit<Arguments, "names">) => {
      parsed = { ...options, names: asked };
    })
    .parse(words, { from: "user" });
  if (parsed === undefined) throw new Error("the command line was not parsed");
  return parsed;
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError("expected a number above 0.");
  return value;
}
