import { readFile } from "node:fs/promises";
import { z } from "zod";
import { orderModes } from "../llm/ordering/types.js";
import { findBackbone, listBackbones } from "../models/registry.js";
import { argumentError, describe, Llama4RecError } from "../native/errors.js";
import { nearestName } from "../native/nearest.js";
import { ROWS } from "./summary.js";

const count = (low: number, high: number) => z.int().min(low).max(high);

/** A list of at least one entry, none twice. */
const distinct = <Entry extends z.ZodType>(entry: Entry) =>
  z
    .array(entry)
    .min(1)
    .refine((entries) => new Set(entries).size === entries.length, "expected every entry once");

/** What a file of an experiment holds. */
const schema = z.strictObject({
  /** Names the results. */
  name: z.string().regex(/^[a-z0-9][a-z0-9.-]*$/, "expected lower case letters, digits, dots and dashes"),
  /** Name of the data set in the data folder, or a path. */
  data: z.string().min(1),
  task: z.enum(["direct", "sequential", "rating"]),
  /** Default: all of the task. */
  backbones: distinct(z.string()).optional(),
  /** Seeds 1 to n, of trainings and draws; the split is one. */
  seeds: count(1, 1000).default(5),
  /** How rows are held out: each user's last ones, or by one time for all. */
  split: z.enum(["leave-last-out", "global-time"]).default("leave-last-out"),
  /** Whether known items stay out of the ranking; default: direct `seen`, sequential `none`, as the paper does. */
  masking: z.enum(["seen", "none"]).optional(),
  /** Tuned hyper-parameters of the backbones, beside this file. */
  tuned: z.string().min(1).optional(),
  /** GGUF files in the folder of models. */
  models: z.strictObject({
    /** Tuned on prompts with what conventional models say. */
    augmented: z.string().min(1),
    /** Tuned without: the paper's IFT. */
    plain: z.string().min(1),
  }),
  augmentation: z
    .strictObject({
      /** Direct: where pairs come from, and how many a user. */
      source: z.enum(["backbone", "random", "both"]).default("backbone"),
      pairs: count(1, 100).default(1),
      /** Sequential: unseen items to choose from, and insertions a user. */
      candidates: count(2, 100).default(10),
      insertions: count(1, 100).default(1),
      /** Most rounds of augmentation and retraining; it ends earlier where validation gets no better. */
      rounds: count(1, 20).default(1),
      /** Whether a backbone that is no better on validation rows for what was written stays without it; the paper keeps it. */
      guard: z.boolean().default(true),
      /** Rating: attributes that the language model writes. */
      fields: distinct(z.string().min(1)).default(["director", "star"]),
      /** Rating: most items to ask about, the most rated ones first. Default: all. */
      items: count(1, 10_000_000).optional(),
    })
    .prefault({}),
  /** Whose question ranks candidates: "what else", or "what next", the moment that leave-last-out asks about. Default: the task's. */
  question: z.enum(["direct", "sequential"]).optional(),
  /** Default: likelihood, lift, labels, pointwise and pairwise; of ratings there is one. */
  modes: distinct(z.enum(orderModes)).default(["likelihood", "lift", "labels", "pointwise", "pairwise"]),
  /** Readings of Eq. 7 among which validation chooses. */
  forms: distinct(z.enum(["scaled", "alternative"])).default(["scaled"]),
  /** Language models of other sizes, measured without prompt augmentation; each tuned as the plain one. */
  curves: z
    .array(
      z.strictObject({
        /** What differs. */
        by: z.enum(["instructions", "parameters"]),
        /** Default: all. */
        backbones: distinct(z.string()).optional(),
        /** Seeds 1 to n. */
        seeds: count(1, 1000).default(1),
        points: z
          .array(
            z.strictObject({
              size: z.number().positive(),
              label: z.string().min(1),
              /** GGUF file in the folder of models. */
              model: z.string().min(1),
            }),
          )
          .min(2),
      }),
    )
    .default([]),
  /** Seconds after which a question counts as not answered, waiting included. */
  deadline: z.number().positive().max(86_400).default(600),
  /** Default: all. */
  rows: distinct(z.enum(ROWS)).default([...ROWS]),
});

/** One experiment: rows of one of the paper's tables on one data set. */
export type ExperimentConfig = Readonly<z.output<typeof schema>> & { readonly backbones: readonly string[] };

/**
 * Checks the parsed content of an experiment file.
 * @throws Llama4RecError `E_ARGUMENT` that names the first wrong field, what was expected and what came; `E_BACKBONE` for an
 *   unknown backbone or one of another task.
 */
export function checkConfig(value: unknown): ExperimentConfig {
  const { success, data, error } = schema.safeParse(value);
  if (!success) throw faultOf(error, value);
  const { task, question, backbones = listBackbones(task).map(({ name }) => name) } = data;
  if (task === "rating" && question !== undefined)
    throw argumentError("question", "none for ratings", question);
  const known = (name: string): string => findBackbone(name, task).name;
  const curves = data.curves.map((curve) => ({ ...curve, backbones: curve.backbones?.map(known) }));
  return { ...data, curves, backbones: backbones.map(known) };
}

/**
 * Reads an experiment file.
 * @throws Llama4RecError with the path: `E_FILE`, `E_CORRUPT` when it is no JSON, and as {@link checkConfig}.
 */
export async function readConfig(path: string): Promise<ExperimentConfig> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : describe(cause);
    throw new Llama4RecError("E_FILE", `${path}: expected an experiment file, got: ${reason}`, { cause });
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Llama4RecError("E_CORRUPT", `${path}: expected JSON, got: ${String(cause)}`, { cause });
  }
  try {
    return checkConfig(value);
  } catch (error) {
    if (!(error instanceof Llama4RecError)) throw error;
    throw new Llama4RecError(error.code, `${path}: ${error.message}`, { cause: error });
  }
}

/** The first issue as one sentence with the field's name. */
function faultOf(error: z.ZodError, value: unknown): Llama4RecError {
  const [issue] = error.issues;
  const path = issue.path.map(String).join(".") || "config";
  if (issue.code === "unrecognized_keys") {
    const [name] = issue.keys;
    const near = nearestName(name, Object.keys(schema.shape));
    return argumentError(path, near === null ? "known fields only" : `known fields only (${near}?)`, name);
  }
  const found = issue.path.reduce<unknown>(
    (at, key) => (typeof at === "object" && at !== null ? Reflect.get(at, key) : undefined),
    value,
  );
  return argumentError(path, issue.message.replace(/^Invalid (input|option): expected /, ""), found);
}
