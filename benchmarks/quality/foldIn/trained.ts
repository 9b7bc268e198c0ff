import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Dataset } from "../../../lib/data/dataset.js";
import { filteredView } from "../../../lib/data/filteredView.js";
import { HeldOut } from "../../../lib/data/heldOut.js";
import { Random } from "../../../lib/data/random.js";
import { split } from "../../../lib/data/split.js";
import type { TrainView } from "../../../lib/data/trainView.js";
import type { BackboneDefinition, Task } from "../../../lib/models/backbone.js";
import type { TrainedRanker } from "../../../lib/models/ranker.js";
import type { RatingPredictor } from "../../../lib/models/ratingPredictor.js";
import { train } from "../../../lib/training/train.js";
import { trainRating } from "../../../lib/training/trainRating.js";

/** What is trained on, and who is absent from it. */
export interface AbsentUsers {
  /** All but each user's last item. */
  readonly all: TrainView;
  /** The same without any row of the absent users. */
  readonly without: TrainView;
  /** Their last items. */
  readonly test: HeldOut;
}

/** Takes users out by seed; likes alone when ranking, all ratings when rating. */
export function absentUsers(dataset: Dataset, task: Task, count: number, seed: number): AbsentUsers {
  const { final: all, test } = split(dataset, { protocol: "standard", likesOnly: task !== "rating" });
  const rows = new Random(seed).shuffle(Int32Array.from(test.users.keys())).subarray(0, count).sort();
  const absent = new Set(Array.from(rows, (row) => test.users[row]));
  const { ratings } = test;
  return {
    all,
    without: filteredView(all, (user) => !absent.has(user)),
    test: new HeldOut(
      "test",
      Int32Array.from(rows, (row) => test.users[row]),
      Int32Array.from(rows, (row) => test.items[row]),
      ratings === null ? null : Float32Array.from(rows, (row) => ratings[row]),
    ),
  };
}

/** Options of both trainings. */
export interface TrainedOptions {
  readonly hyperparameters: Readonly<Record<string, number>>;
  readonly seed: number;
  readonly threads: number;
  /** Folder of checkpoints: what is there is gone on with. */
  readonly work: string;
  readonly onProgress: (line: string) => void;
}

/** A backbone trained twice in the same way, without some users and with them. */
export interface Both<T> {
  readonly without: T;
  readonly retrained: T;
}

/** Trains a backbone that ranks twice. */
export function rankersOf(
  backbone: Exclude<BackboneDefinition, { task: "rating" }>,
  users: AbsentUsers,
  options: TrainedOptions,
): Promise<Both<TrainedRanker>> {
  return both(backbone, users, options, async (common) => (await train({ ...common, backbone })).ranker);
}

/** Trains a backbone that rates twice. */
export function predictorsOf(
  backbone: Extract<BackboneDefinition, { task: "rating" }>,
  users: AbsentUsers,
  options: TrainedOptions,
): Promise<Both<RatingPredictor>> {
  return both(
    backbone,
    users,
    options,
    async (common) => (await trainRating({ ...common, backbone })).predictor,
  );
}

async function both<T>(
  { name, task }: BackboneDefinition,
  { all, without, test }: AbsentUsers,
  { hyperparameters, seed, threads, work, onProgress }: TrainedOptions,
  once: (common: {
    view: TrainView;
    hyperparameters: Readonly<Record<string, number>>;
    seed: number;
    threads: number;
    checkpoint: { path: string };
    onEpoch: (report: { epoch: number; epochs: number; loss: number }) => void;
  }) => Promise<T>,
): Promise<Both<T>> {
  await mkdir(work, { recursive: true });
  const trained = (view: TrainView, which: string): Promise<T> =>
    once({
      view,
      hyperparameters,
      seed,
      threads,
      checkpoint: { path: join(work, `${name}-${task}-${which}-${seed}.checkpoint`) },
      onEpoch: ({ epoch, epochs, loss }) =>
        onProgress(`${name}, ${which}: epoch ${epoch} of ${epochs}, loss ${loss.toFixed(4)}`),
    });
  return {
    without: await trained(without, `without-${test.users.length}`),
    retrained: await trained(all, "all"),
  };
}
