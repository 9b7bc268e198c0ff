import type { TrainView } from "../data/trainView.js";
import type { RankingFold, SequenceFolds, TuningHints } from "../llm/tuning/hints.js";
import { INSTRUCTION_TASKS, type InstructionTask } from "../llm/tuning/mix.js";
import type { TrainedRanker } from "../models/ranker.js";
import { type BiasDamping, BiasModel } from "../models/reference/bias.js";
import { argumentError, Llama4RecError } from "../native/errors.js";
import { type TrainOptions, train } from "../training/train.js";
import { interactionFolds, userFolds, withoutInteractions, withoutUsers } from "./folds.js";
import { mostSimilarUsers } from "./similarUsers.js";

/** How far {@link outOfFoldHints} is. */
export interface HintProgress {
  /** What is trained, for a person: "MF for hints, fold 2 of 5". */
  readonly stage: string;
  /** Epochs done of this stage. */
  readonly done: number;
  readonly total: number;
}

/** Options of {@link outOfFoldHints}. */
export interface OutOfFoldOptions {
  /** Of folds and trainings. */
  readonly seed: number;
  /** Tasks that get hints, default all; similar users come with `direct`. */
  readonly tasks?: readonly InstructionTask[];
  /** 2 to 255, default 5. */
  readonly folds?: number;
  /** Values over {@link hintHyperparameters}. */
  readonly hyperparameters?: {
    /** Of MF. */
    readonly direct?: Readonly<Record<string, number>>;
    /** Of SASRec. */
    readonly sequential?: Readonly<Record<string, number>>;
  };
  /** Of the expected ratings; default 5 for items and users. */
  readonly damping?: BiasDamping;
  /** Threads of the native pool for trainings; see {@link TrainOptions}. */
  readonly threads?: number;
  /** Whether trainings run on a thread of their own, default true. */
  readonly worker?: boolean;
  readonly onProgress?: (progress: HintProgress) => void;
  readonly signal?: AbortSignal;
}

/** What the models of hints are trained with: short trainings, for a hint need not be the best that a model can do. */
export const hintHyperparameters = {
  direct: { dimension: 32, epochs: 30, learningRate: 1e-2 },
  sequential: { dimension: 32, hidden: 128, epochs: 10, dropout: 0.2, learningRate: 5e-3 },
} as const;

/**
 * What conventional models say of training rows that they did not see, for the prompts of instruction tuning: a model
 * that knew a row would name its item, and the language model would learn to copy the hint. MF and the bias model of
 * ratings are cut by interactions, SASRec by users, since it reads the beginning of any history.
 *
 * @throws Llama4RecError `E_ARGUMENT` for bad options or a view in which a fold leaves nothing to train on; what
 *   {@link train} throws; the signal's reason when aborted.
 * @example
 * ```ts
 * const hints = await outOfFoldHints(parts.train, { seed: 1, tasks: ["direct", "rating"] });
 * using reader = new HintReader(hints, parts.train);
 * reader.foldScores(user, interaction, candidates);
 * ```
 */
export async function outOfFoldHints(view: TrainView, options: OutOfFoldOptions): Promise<TuningHints> {
  const { seed, folds = 5, tasks = INSTRUCTION_TASKS, damping = { items: 5, users: 5 }, signal } = options;
  if (!Number.isInteger(folds) || folds < 2 || folds > 255)
    throw argumentError("folds", "an integer in 2..255", folds);
  for (const task of tasks)
    if (!INSTRUCTION_TASKS.includes(task))
      throw argumentError("tasks", `some of ${INSTRUCTION_TASKS.join(", ")}`, task);
  signal?.throwIfAborted();
  const cut: Cut = { view, foldOf: interactionFolds(view, folds, seed), folds };
  return {
    view: view.digest,
    interactionFolds: cut.foldOf,
    ranking: tasks.includes("direct") ? await rankingFolds(cut, options) : null,
    sequence: tasks.includes("sequential") ? await sequenceFolds(view, folds, options) : null,
    expected: tasks.includes("rating") ? expectedRatings(cut, damping) : null,
  };
}

/** A view and the fold of each of its interactions. */
interface Cut {
  readonly view: TrainView;
  readonly foldOf: Uint8Array;
  readonly folds: number;
}

async function rankingFolds({ view, foldOf, folds }: Cut, options: OutOfFoldOptions): Promise<RankingFold[]> {
  const rest = (fold: number): TrainView => withoutInteractions(view, foldOf, fold);
  return await trainFolds("direct", folds, rest, options, (ranker, known) => {
    if (ranker.model.kind !== "factors") throw unexpected(ranker);
    const { factors } = ranker.model;
    const users = factors.users.slice();
    const similar = mostSimilarUsers(ranker, known);
    for (let user = 0; user < known.userCount; user++)
      if (known.userCounts[user] === 0) {
        users.fill(0, user * factors.dimension, (user + 1) * factors.dimension);
        similar[user] = -1;
      }
    return { ...factors, users, similar };
  });
}

async function sequenceFolds(
  view: TrainView,
  folds: number,
  options: OutOfFoldOptions,
): Promise<SequenceFolds> {
  const foldOf = userFolds(view, folds, options.seed);
  const rest = (fold: number): TrainView => withoutUsers(view, foldOf, fold);
  const encoders = await trainFolds("sequential", folds, rest, options, (ranker) => {
    if (ranker.model.kind !== "sequence") throw unexpected(ranker);
    return ranker.model.encoder;
  });
  return { userFolds: foldOf, encoders };
}

/** `[interactions]` What a bias model expects of each that was fitted on the other folds. */
function expectedRatings({ view, foldOf, folds }: Cut, damping: BiasDamping): Float32Array {
  const expected = new Float32Array(view.interactionCount);
  for (let fold = 0; fold < folds; fold++) {
    const model = new BiasModel(withoutInteractions(view, foldOf, fold), damping);
    for (let user = 0; user < view.userCount; user++)
      for (let place = view.offsets[user]; place < view.offsets[user + 1]; place++)
        if (foldOf[place] === fold) expected[place] = model.predict(user, view.items[place]);
  }
  return expected;
}

const backbones = { direct: "MF", sequential: "SASRec" } as const;

/**
 * Trains a model without each fold and reads from it what is wanted. Nothing is held back that could stop a training
 * early: every row left is trained on.
 */
async function trainFolds<T>(
  task: keyof typeof backbones,
  folds: number,
  rest: (fold: number) => TrainView,
  { seed, threads, worker, signal, onProgress, hyperparameters }: OutOfFoldOptions,
  read: (ranker: TrainedRanker, known: TrainView) => T,
): Promise<T[]> {
  const backbone = backbones[task];
  const made: T[] = [];
  for (let fold = 0; fold < folds; fold++) {
    const known = rest(fold);
    const stage = `${backbone} for hints, fold ${fold + 1} of ${folds}`;
    const { ranker } = await train({
      backbone,
      view: known,
      hyperparameters: { ...hintHyperparameters[task], ...hyperparameters?.[task] },
      seed,
      threads,
      worker,
      signal,
      onEpoch: ({ epoch, epochs }) => onProgress?.({ stage, done: epoch, total: epochs }),
    });
    using trained = ranker;
    made.push(read(trained, known));
  }
  return made;
}

function unexpected({ name, model }: TrainedRanker): Llama4RecError {
  return new Llama4RecError("E_INTERNAL", `${name}: no such model was expected: ${model.kind}`);
}
