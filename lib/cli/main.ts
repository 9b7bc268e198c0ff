#!/usr/bin/env node
import { Command, CommanderError, Option } from "commander";
import pc from "picocolors";
import { EXPORT_FORMATS } from "../llm/tuning/exportFormats.js";
import { EVEN_MIX } from "../llm/tuning/mix.js";
import { RANGES } from "../llm/tuning/ranges.js";
import { RANKING_METRICS, RATING_METRICS } from "../metrics/names.js";
import { Llama4RecError } from "../native/errors.js";
import { packageVersion } from "../native/packageVersion.js";
import {
  assignment,
  columnNames,
  names,
  path,
  paths,
  searchRange,
  taskList,
  taskMix,
  wholeNumber,
  wholeNumbers,
} from "./parse.js";

/** Exit status for bad input of any kind. */
const badInput = 2;

const dataOption = (): Option =>
  new Option(
    "--data <path>",
    "a data set's folder or table, or its name inside $LLAMA4REC_DATA (else ./data); or shop:<users>x<items>x<interactions>, a generated one; default: the demonstration shop",
  ).argParser(path);
const columnOption = (): Option =>
  new Option(
    "--column <field=name>",
    "column of a table: user, item, rating or timestamp; may be repeated",
  ).argParser(columnNames);
const taskOption = (): Option =>
  new Option(
    "--task <name>",
    "what to do: direct, sequential or rating; default: what the backbone is for, without one direct",
  );
const backboneOption = (): Option =>
  new Option(
    "--backbone <name>",
    "conventional model, see backbones; default: the first of the task, MF, SASRec or DeepFM",
  );
const itemsOption = (): Option =>
  new Option(
    "--items <file>",
    "a table of the items, columns id and title, beside a table of interactions",
  ).argParser(path);
const holdOutOption = (): Option =>
  new Option(
    "--hold-out <name>",
    "which rows stay out: each user's last ones, or what is late by one clock for all",
  )
    .choices(["leave-last-out", "global-time"])
    .default("leave-last-out");
const seedOption = (): Option =>
  new Option("--seed <n>", "everything random follows from it")
    .argParser(wholeNumber(...RANGES.seed))
    .default(1);
const threadsOption = (): Option =>
  new Option("--threads <n>", "threads of the native engine; default: all processors").argParser(
    wholeNumber(...RANGES.threads),
  );
const protocolOption = (): Option =>
  new Option("--protocol <name>", "how rows are held out and masked")
    .choices(["paper", "standard"])
    .default("paper");
const maskingOption = (): Option =>
  new Option(
    "--masking <which>",
    "whether items the user has already stay out of the ranking, not for ratings; default: as the protocol has it for the task",
  ).choices(["seen", "none"]);
/** A size of a model from scratch: a base has its own. */
const sizeOption = (flag: string, what: string, range: readonly [number, number]): Option =>
  new Option(`--${flag} <n>`, what).argParser(wholeNumber(...range)).conflicts("base");

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
  .addOption(dataOption())
  .addOption(columnOption())
  .addOption(itemsOption())
  .addOption(taskOption())
  .addOption(backboneOption())
  .option(
    "--llm <file.gguf>",
    "language model; default: the embedded one on the demonstration shop, else the language side is off",
    path,
  )
  .option("--no-llm", "leave the language side off")
  .option("--lora <file.gguf>", "LoRA adapter of the language model; may be repeated", paths)
  .addOption(
    new Option(
      "--runner <name>",
      "what runs the language model; default: auto, the own engine where it can and is fast",
    ).choices(["auto", "pocket", "llama.cpp"]),
  )
  .option("--cache <folder>", "where the language model's answers are kept; default: your cache folder", path)
  .option("--no-cache", "keep answers in memory only")
  .option("--seeds <n>", "how many seeds to run, from 1", wholeNumber(1, 1000), 1)
  .addOption(protocolOption())
  .addOption(maskingOption())
  .addOption(
    new Option(
      "--pairs <source>",
      "where the pairs of data augmentation come from, direct task only; default: backbone",
    ).choices(["backbone", "random", "both"]),
  )
  .option("--set <name=value>", "a hyper-parameter of the backbone; may be repeated", assignment)
  .option(
    "--config <file.json>",
    "values of the backbone tuned on this data set, as search writes them; --set goes over them",
    path,
  )
  .addOption(threadsOption())
  .option("--json", "print one JSON document instead of a table")
  .action(async (options) => (await import("./run.js")).run(options));

program
  .command("serve [folder]")
  .description(
    "answer over HTTP from a recommender's folder; without one the embedded demonstration shop is trained in seconds",
  )
  .option("--port <n>", "port to listen on; 0: any that is free", wholeNumber(0, 65_535), 3000)
  .option(
    "--host <address>",
    "address to listen on; any that other machines reach takes --key-file",
    "127.0.0.1",
  )
  .option("--ui", "a page at / that shows what both sides make of a list, and why")
  .option("--key-file <file>", "API keys, one a line, of which a request brings one", path)
  .option("--no-llm", "leave the language side off")
  .option("--rate-limit <n>", "requests a minute of one key or address", wholeNumber(1, 1e9))
  .option("--watch", "look every second whether the folder was saved anew, and answer from that")
  .addOption(threadsOption())
  .action(async (folder, options) => (await import("./serve.js")).serve(folder, options));

program
  .command("save")
  .description(
    "train a recommender and save it as a folder, for serve and Recommender.open; validation rows choose, test rows are never read",
  )
  .requiredOption("--out <folder>", "where it goes; a recommender that is there is replaced", path)
  .addOption(dataOption())
  .addOption(columnOption())
  .addOption(itemsOption())
  .addOption(taskOption())
  .addOption(backboneOption())
  .option(
    "--llm <file.gguf>",
    "language model; default: the embedded one on the demonstration shop, else none",
    path,
  )
  .option("--no-llm", "leave the language side off")
  .option(
    "--rater <name>",
    "also a backbone that rates, for the ratings that somebody would give; default: none",
  )
  .addOption(protocolOption())
  .option("--set <name=value>", "a hyper-parameter of the backbone; may be repeated", assignment)
  .option(
    "--config <file.json>",
    "values of the backbone tuned on this data set, as search writes them; --set goes over them",
    path,
  )
  .addOption(seedOption())
  .addOption(threadsOption())
  .option("--json", "print one JSON document")
  .action(async (options) => (await import("./save.js")).save(options));

program
  .command("search")
  .description("search the hyper-parameters of a backbone; validation rows choose, test rows are never read")
  .addOption(dataOption())
  .addOption(columnOption())
  .addOption(itemsOption())
  .addOption(taskOption())
  .addOption(backboneOption())
  .addOption(
    new Option("--strategy <name>", "random: all trials to the end; halving: the best go on")
      .choices(["random", "halving"])
      .default("random"),
  )
  .option("--trials <n>", "how many to draw", wholeNumber(1, 1e6), 30)
  .option("--epochs <n>", "most epochs of a trial; default: as the backbone has it", wholeNumber(1, 1e6))
  .option(
    "--eta <n>",
    "halving: one trial in so many goes on, with so many times the epochs; default: 3",
    wholeNumber(2, 1000),
  )
  .addOption(
    new Option(
      "--space <name=range>",
      "what is searched: low..high, low..high:log or a,b,c; over what the backbone brings; may be repeated",
    ).argParser(searchRange),
  )
  .option("--set <name=value>", "a hyper-parameter that is not searched; may be repeated", assignment)
  .addOption(
    new Option("--metric <name>", "what chooses; default: ndcg@10, of ratings rmse").choices([
      ...RANKING_METRICS,
      ...RATING_METRICS,
    ]),
  )
  .addOption(protocolOption())
  .addOption(maskingOption())
  .addOption(seedOption())
  .option("--file <trials.jsonl>", "finished trials are kept here; the same search goes on from it", path)
  .option("--out <config.json>", "where the best values go, beside those of other backbones", path)
  .addOption(threadsOption())
  .option("--json", "print one JSON document instead of a table")
  .action(async (options) => (await import("./search.js")).search(options));

program
  .command("tune")
  .description(
    "train a pocket Llama on a catalogue and its histories, or with --base a LoRA adapter; rows that run holds out stay out",
  )
  .requiredOption("--out <file.gguf>", "where the model goes", path)
  .addOption(dataOption())
  .addOption(columnOption())
  .addOption(itemsOption())
  .option("--base <file.gguf>", "adapt this Llama by LoRA; the result is an adapter for it", path)
  .addOption(
    new Option("--type <name>", "type of the matrices in the file; default: F16, of an adapter F32").choices([
      "F16",
      "Q8_0",
      "F32",
    ]),
  )
  .addOption(seedOption())
  .option(
    "--tokens <n>",
    "tokens to train on; default: 8 million, 6 for less than 50,000 interactions",
    wholeNumber(...RANGES.tokens),
  )
  .addOption(
    new Option("--mix <task=weight,...>", "how often each task is asked about: direct, sequential, rating")
      .argParser(taskMix)
      .default(EVEN_MIX, "all alike"),
  )
  .addOption(sizeOption("vocabulary", "most pieces of the vocabulary", RANGES.vocabulary))
  .addOption(sizeOption("context", "tokens seen at once", RANGES.context))
  .addOption(sizeOption("dimension", "width of the states", RANGES.dimension))
  .addOption(sizeOption("blocks", "blocks", RANGES.blocks))
  .addOption(sizeOption("hidden", "width of the feed-forward layer", RANGES.hidden))
  .addOption(sizeOption("heads", "heads of queries", RANGES.heads))
  .addOption(sizeOption("kv-heads", "heads of keys and values", RANGES.kvHeads))
  .option("--rank <n>", "rank of the adapter of a base; default: 8", wholeNumber(...RANGES.rank))
  .option("--alpha <n>", "weight of the adapter times its rank; default: twice the rank", wholeNumber(1, 1e6))
  .addOption(holdOutOption())
  .option("--no-hints", "no words of conventional models in the prompts; saves their training")
  .option(
    "--checkpoint <file>",
    "kept while it runs; another run with the same options goes on from it",
    path,
  )
  .addOption(threadsOption())
  .option("--json", "print one JSON document")
  .action(async (options) => (await import("./tune.js")).tune(options));

program
  .command("export")
  .description("write what other programs train on")
  .command("instructions")
  .description(
    "prompts as run asks them, with their answers, as JSON lines; rows that run holds out stay out",
  )
  .addOption(
    new Option("--format <name>", "chat messages, Alpaca, or pairs for DPO")
      .choices(EXPORT_FORMATS)
      .makeOptionMandatory(),
  )
  .requiredOption("--out <path>", "a file, or a folder that exists", path)
  .addOption(dataOption())
  .addOption(columnOption())
  .addOption(itemsOption())
  .addOption(
    new Option("--tasks <names>", "what is asked about: some of direct,sequential,rating")
      .argParser(taskList)
      .default(EVEN_MIX, "all"),
  )
  .option("--count <n>", "instructions to write", wholeNumber(1, 1e9), 10_000)
  .addOption(seedOption())
  .addOption(holdOutOption())
  .option("--no-hints", "no words of conventional models in the prompts; saves their training")
  .addOption(threadsOption())
  .option("--json", "print one JSON document")
  .action(async (options) => (await import("./exportInstructions.js")).exportInstructions(options));

program
  .command("experiment [file]")
  .description(
    "one of the paper's tables from an experiment file: trains, asks, chooses on validation rows, measures; goes on where it was killed",
  )
  .option("--models <folder>", "folder of the language models that the file names", "models")
  .option("--work <folder>", "where everything done is kept, one folder an experiment", ".cache/experiments")
  .option("--results <folder>", "where figures, table and page go", "benchmarks/quality/results")
  .option(
    "--only <list>",
    "some of the file's backbones, with commas: a part of it, shown but not kept as the result",
    names,
  )
  .option("--seeds <list>", "some of the file's seeds, with commas", wholeNumbers(1, 1000))
  .addOption(threadsOption())
  .option("--summary <folder>", "show a folder of results instead")
  .option("--json", "print one JSON document instead of tables")
  .action(async (file, options) => (await import("./experiment.js")).experiment(file, options));

program
  .command("backbones [name]")
  .description("the conventional models there are; of one, its hyper-parameters with their ranges")
  .option("--task <name>", "those of one task")
  .option("--json", "print one JSON document")
  .action(async (name, options) => (await import("./backbones.js")).backbones(name, options));

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
