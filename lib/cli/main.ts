#!/usr/bin/env node
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import pc from "picocolors";
import { Llama4RecError } from "../native/errors.js";
import { packageVersion } from "../native/packageVersion.js";

/** Exit status for bad input of any kind. */
const badInput = 2;

function wholeNumber(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < low || value > high)
      throw new InvalidArgumentError(`expected a whole number in ${low}..${high}.`);
    return value;
  };
}

function assignment(text: string, soFar: Record<string, number> = {}): Record<string, number> {
  const [name, value, ...rest] = text.split("=");
  if (rest.length > 0 || !name || !value || !Number.isFinite(Number(value)))
    throw new InvalidArgumentError("expected name=number.");
  return { ...soFar, [name]: Number(value) };
}

function columnNames(text: string, soFar: Record<string, string> = {}): Record<string, string> {
  const [field, column, ...rest] = text.split("=");
  if (rest.length > 0 || !column || !["user", "item", "rating", "timestamp"].includes(field))
    throw new InvalidArgumentError("expected user=NAME, item=NAME, rating=NAME or timestamp=NAME.");
  return { ...soFar, [field]: column };
}

const program = new Command("llama4rec")
  .description(
    "A recommender inside a Node process: conventional models and a local Llama that help each other.",
  )
  .version(packageVersion())
  .exitOverride()
  .configureOutput({ outputError: (text, write) => write(pc.red(text)) });

program
  .command("run")
  .description(
    "the main job: train, augment, mix, evaluate; on the embedded demonstration shop unless --data is given",
  )
  .option("--data <path>", "a data set's folder or table, or its name inside $LLAMA4REC_DATA (else ./data)")
  .option(
    "--column <field=name>",
    "column of a table: user, item, rating or timestamp; may be repeated",
    columnNames,
  )
  .option("--task <name>", "what to recommend: direct or sequential", "direct")
  .option("--backbone <name>", "conventional model; default: MF, or SASRec for the sequential task")
  .option("--llm <file.gguf>", "language model; without one the language side is off")
  .option("--cache <folder>", "where the language model's answers are kept; default: your cache folder")
  .option("--no-cache", "keep answers in memory only")
  .option("--seeds <n>", "how many seeds to run, from 1", wholeNumber(1, 1000), 1)
  .addOption(
    new Option("--protocol <name>", "how rows are held out and masked")
      .choices(["paper", "standard"])
      .default("paper"),
  )
  .addOption(
    new Option(
      "--masking <which>",
      "whether items the user has already stay out of the ranking; default: as the protocol has it for the task",
    ).choices(["seen", "none"]),
  )
  .addOption(
    new Option("--pairs <source>", "where the pairs of data augmentation come from")
      .choices(["backbone", "random"])
      .default("backbone"),
  )
  .option("--set <name=value>", "a hyper-parameter of the backbone; may be repeated", assignment)
  .option("--threads <n>", "threads of the native engine; default: all processors", wholeNumber(1, 256))
  .option("--json", "print one JSON document instead of a table")
  .action(async (options) => (await import("./run.js")).run(options));

program
  .command("doctor")
  .description("what was found on this machine, what is used and why")
  .option("--data <path>", "folder that holds the data sets")
  .option("--json", "print one JSON document")
  .action(async (options) => (await import("./doctor.js")).doctor(options));

program
  .command("build")
  .description("compile the native engine; takes a C++20 compiler and CMake 3.22 or later")
  .action(async () => (await import("./build.js")).build());

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : badInput;
  } else if (error instanceof Llama4RecError) {
    console.error(`${pc.red("error")} ${error.message} ${pc.dim(`[${error.code}]`)}`);
    process.exitCode = badInput;
  } else if (error instanceof Error && error.name === "AbortError") {
    console.error("stopped");
    process.exitCode = 130;
  } else {
    throw error;
  }
}
