import type { Dataset } from "../data/dataset.js";
import { type Split, split } from "../data/split.js";
import { requireTitles } from "../data/titles.js";
import { chooseRatingRivals, ratingRivals } from "../evaluation/ratingRivals.js";
import { ratingScale } from "../evaluation/refinement.js";
import { chooseRivals, type RivalChoice, recencyFloor } from "../evaluation/rivals.js";
import { StageClock, type StageProgress } from "../evaluation/stages.js";
import { methodOf } from "../evaluation/tasks.js";
import { checked } from "../llm/checks.js";
import { type BackboneDefinition, resolveHyperparameters } from "../models/backbone.js";
import type { Masking } from "../models/fullRanking.js";
import { ease } from "../models/reference/ease.js";
import { findBackbone } from "../models/registry.js";
import { threads as poolThreads } from "../native/addon.js";
import { argumentError } from "../native/errors.js";
import type { RankingCell, RatingCell } from "./cell.js";
import type { CellJob, ExperimentModels } from "./cellJob.js";
import type { ExperimentConfig } from "./config.js";
import { type BackboneOutcome, listsOf } from "./outcome.js";
import { rankingCell } from "./rankingCell.js";
import { rankingOutcome } from "./rankingOutcome.js";
import { ratingCell } from "./ratingCell.js";
import { ratingOutcome } from "./ratingOutcome.js";
import { summarize } from "./summarize.js";
import type { ExperimentSummary } from "./summary.js";
import { keyOf, type WorkFolder } from "./workFolder.js";

/** A language model of an experiment with the name that reports call it by. */
export interface NamedModels extends ExperimentModels {
  readonly names: { readonly augmented: string; readonly plain: string };
}

/** Options of {@link runTable}. */
export interface TableOptions {
  readonly config: ExperimentConfig;
  readonly dataset: Dataset;
  readonly models: NamedModels;
  readonly work: WorkFolder;
  /** Tuned values over the backbones' defaults, by name. */
  readonly hyperparameters: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Only these of the configuration's; default all. */
  readonly only?: { readonly backbones?: readonly string[]; readonly seeds?: readonly number[] };
  readonly threads?: number;
  readonly onProgress?: (progress: StageProgress) => void;
  readonly signal?: AbortSignal;
}

/**
 * One of the paper's tables (Llama4Rec, arXiv 2401.13870, tables 2 to 5) with its controls: trains, asks, chooses on validation
 * rows, measures on test rows. What the work folder has is not done again, so a killed run goes on and parts may run apart.
 *
 * @throws Llama4RecError `E_ARGUMENT` for data or options that do not fit; what training throws; the signal's reason when
 *   aborted. A fault of a language model throws nothing: it is counted, and the conventional order stays.
 */
export async function runTable(options: TableOptions): Promise<ExperimentSummary> {
  const { config, dataset, only } = options;
  // Whoever wrote a model: nothing malformed gets past the checks, and what it throws or never says is "no answer".
  const deadlineMs = config.deadline * 1000;
  const models = {
    ...options.models,
    augmented: checked(options.models.augmented, { deadlineMs }),
    plain: checked(options.models.plain, { deadlineMs }),
  };
  const backbones = config.backbones.filter((name) => only?.backbones?.includes(name) ?? true);
  const seeds = Array.from({ length: config.seeds }, (_, at) => at + 1).filter(
    (seed) => only?.seeds?.includes(seed) ?? true,
  );
  if (backbones.length === 0)
    throw argumentError("only.backbones", `some of ${config.backbones.join(", ")}`, only?.backbones);
  if (seeds.length === 0) throw argumentError("only.seeds", `some of 1 to ${config.seeds}`, only?.seeds);
  requireTitles(dataset.titles);
  const masking = maskingOf(config);
  const outcomes: BackboneOutcome[] = [];
  const cells: (RankingCell | RatingCell)[] = [];
  for (const name of backbones) {
    const backbone = findBackbone(name, config.task);
    if (backbone.task === "rating") {
      const own: RatingCell[] = [];
      for (const seed of seeds) {
        const job = jobOf({ ...options, models }, backbone, seed);
        own.push(await job.work.once(`${name}-seed${seed}`, job.key, () => rated(job)));
      }
      outcomes.push(ratingOutcome(own, config));
      cells.push(...own);
    } else {
      const own: RankingCell[] = [];
      for (const seed of seeds) {
        const job = jobOf({ ...options, models }, backbone, seed);
        own.push(await job.work.once(`${name}-seed${seed}`, job.key, () => ranked(job, masking)));
      }
      outcomes.push(rankingOutcome(own, config));
      cells.push(...own);
    }
  }
  return summarize({
    config,
    dataset,
    masking: config.task === "rating" ? null : masking,
    models: (["augmented", "plain"] as const).map((role) => ({
      role,
      name: models.names[role],
      id: models[role].id,
    })),
    outcomes,
    cells,
    notes: [...notesOf(config), ...droppedNote(cells)],
  });
}

/** As the paper masks unless told otherwise. */
function maskingOf({ task, masking }: ExperimentConfig): Masking {
  return masking ?? (task === "sequential" ? "none" : "seen");
}

function jobOf<B extends BackboneDefinition>(options: TableOptions, backbone: B, seed: number): CellJob<B> {
  const { config, dataset, models, work, threads = poolThreads(), onProgress, signal } = options;
  const parts = splitOf(dataset, config);
  const hyperparameters = resolveHyperparameters(backbone, options.hyperparameters[backbone.name]);
  const scale = ratingScale(dataset.interactions.ratings);
  const { augmentation, question, modes, rows, deadline } = config;
  // Rows of one list share it; the split's digest is of interactions alone, prompts are made of titles and attributes too.
  const lists = [...new Set(rows.flatMap(listsOf))].sort();
  const about = { augmentation, question, modes, lists, deadline, masking: maskingOf(config) };
  const { titles, itemAttributes, userAttributes } = dataset;
  const key = keyOf(
    parts.digest,
    { titles, itemAttributes, userAttributes, scale },
    backbone.name,
    hyperparameters,
    seed,
    models.augmented.id,
    models.plain.id,
    about,
  );
  const clock = new StageClock(onProgress ?? (() => {}));
  return { config, key, backbone, hyperparameters, seed, parts, scale, models, work, clock, threads, signal };
}

/**
 * The rows of an experiment, the same under every seed: the language models, tuned once, have learnt from all that this one split
 * does not hold out, and what is chosen on the validation rows of all seeds together must know no test row of any.
 */
function splitOf(dataset: Dataset, { task, split: holdOut }: ExperimentConfig): Split {
  const parts = split(dataset, {
    protocol: "paper",
    holdOut,
    ...(task === "rating" ? { likeThreshold: null } : { leastHistory: methodOf(task).leastHistory }),
  });
  for (const { name, users } of [parts.validation, parts.test])
    if (users.length === 0) throw argumentError("dataset", `${name} rows under ${holdOut}`, "none");
  return parts;
}

function ranked(job: Parameters<typeof rankingCell>[0], masking: Masking): Promise<RankingCell> {
  const { parts, backbone, work, clock, signal } = job;
  return rankingCell(job, masking, async () => {
    const choice = await work.once<RivalChoice>(`ease-${backbone.task}`, keyOf(parts.digest, masking), () =>
      chooseRivals(parts, {
        task: backbone.task,
        masking,
        signal,
        onProgress: (stage, done, total) => clock.report({ stage, done, total }),
      }),
    );
    const { easeLambda, recencyEase } = choice;
    return recencyEase === null
      ? await ease(parts.train, { lambda: easeLambda })
      : await ease(parts.train, { ...recencyEase, recencyFloor });
  });
}

function rated(job: Parameters<typeof ratingCell>[0]): Promise<RatingCell> {
  const { parts, work } = job;
  return ratingCell(job, async () => {
    const choice = await work.once("biases", keyOf(parts.digest), async () =>
      chooseRatingRivals(parts.train, parts.validation),
    );
    return ratingRivals(parts.train, choice).factors;
  });
}

/** How often what was written was of no use. */
function droppedNote(cells: readonly (RankingCell | RatingCell)[]): string[] {
  const written = cells.filter(({ augmentation }) => augmentation !== null);
  const dropped = written.filter(({ augmentation }) => augmentation?.used === 0);
  if (dropped.length === 0) return [];
  const names = dropped.map(({ backbone, seed }) => `${backbone} seed ${seed}`).join(", ");
  return [
    `What the language model wrote was dropped in ${dropped.length} of ${written.length} trainings, which were no better for it on validation rows: ${names}.`,
  ];
}

function notesOf({ task, question }: ExperimentConfig): string[] {
  const notes = ["A pocket Llama knows its catalogue alone: figures of one are no Llama-2 results."];
  if (task === "rating")
    notes.push(
      "A pocket Llama has no knowledge of the world: what it writes as attributes stands for the recipe, not for its worth.",
    );
  else
    notes.push(
      "Only users whose item is among the ten candidates were asked about: the others are misses in any order.",
    );
  if (question !== undefined && question !== task)
    notes.push(`Candidates were ranked by the question of ${question} recommendation.`);
  return notes;
}
