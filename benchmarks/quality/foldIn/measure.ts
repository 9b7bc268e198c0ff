import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Dataset } from "../../../lib/data/dataset.js";
import type { HeldOut } from "../../../lib/data/heldOut.js";
import { Random } from "../../../lib/data/random.js";
import type { TrainView } from "../../../lib/data/trainView.js";
import { ndcgPerUser } from "../../../lib/metrics/ranking.js";
import { type BackboneDefinition, resolveHyperparameters, type Task } from "../../../lib/models/backbone.js";
import type { FactorModel, SequenceModel } from "../../../lib/models/frozen.js";
import { rankerOf } from "../../../lib/models/frozen.js";
import { evaluateRanking } from "../../../lib/models/fullRanking.js";
import type { TrainedRanker } from "../../../lib/models/ranker.js";
import { usualFit } from "../../../lib/models/rating/foldInChoice.js";
import type { RatingPredictor } from "../../../lib/models/ratingPredictor.js";
import { evaluateRatings } from "../../../lib/models/ratings.js";
import { findBackbone, listBackbones } from "../../../lib/models/registry.js";
import { readTunedConfig, type TunedEntry } from "../../../lib/models/tunedConfig.js";
import { type FoldInMap, foldInMethod, foldInOf } from "../../../lib/serving/foldIn.js";
import { learnFoldIn } from "../../../lib/serving/foldInLearning.js";
import { type AbsentUsers, absentUsers, predictorsOf, rankersOf, type TrainedOptions } from "./trained.js";

/** Options of {@link measureFoldIn}. */
export interface FoldInOptions {
  /** Names; default: all of the registry. */
  readonly backbones?: readonly string[];
  /** How many are absent. */
  readonly users: number;
  /** Most epochs of a training; default: those that validation chose when the backbone was tuned. */
  readonly epochs?: number;
  readonly seed: number;
  readonly threads: number;
  /** Folder of checkpoints. */
  readonly work: string;
  readonly onProgress: (line: string) => void;
}

/** One backbone: users folded in beside the same users retrained. */
export interface FoldInRow {
  readonly backbone: string;
  readonly task: Task;
  readonly method: string;
  readonly users: number;
  readonly epochs: number;
  readonly metric: "ndcg@10" | "rmse";
  readonly retrained: number;
  readonly foldedIn: number;
  /** Folded in by retrained, with its 95 % interval over resampled users. */
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
  /** The same of a factor model that weighs all items of a history alike; else null. */
  readonly alike: Pick<FoldInRow, "ratio" | "low" | "high"> | null;
  /** Median time of one fold-in of 50 interactions, one thread; of a rating model with its pass over them. */
  readonly milliseconds: number;
}

/** What {@link measureFoldIn} gives. */
export interface FoldInReport {
  readonly dataset: string;
  readonly seed: number;
  readonly rows: readonly FoldInRow[];
}

/** Interactions of a fold-in that is timed. */
const timedItems = 50;

/** Folds users in that were wholly absent from training, and trains again with them, the same epochs. */
export async function measureFoldIn(dataset: Dataset, options: FoldInOptions): Promise<FoldInReport> {
  const { backbones, users, seed, onProgress } = options;
  const tuned = await tunedValues(dataset.name);
  const rows: FoldInRow[] = [];
  for (const backbone of backbones?.map((name) => findBackbone(name)) ?? listBackbones()) {
    const entry: TunedEntry | undefined = tuned[backbone.name];
    const epochs = Math.min(
      entry?.validation?.epoch ?? resolveHyperparameters(backbone).epochs,
      options.epochs ?? Number.POSITIVE_INFINITY,
    );
    const row = await measured(backbone, absentUsers(dataset, backbone.task, users, seed), {
      ...options,
      work: join(options.work, dataset.name),
      hyperparameters: { ...entry?.hyperparameters, epochs },
    });
    onProgress(`${backbone.name}: ${JSON.stringify(row)}`);
    rows.push({ ...row, epochs });
  }
  return { dataset: dataset.name, seed, rows };
}

async function tunedValues(dataset: string): Promise<Readonly<Record<string, TunedEntry>>> {
  const path = join("benchmarks", "quality", "tuned", `${dataset}.json`);
  return existsSync(path) ? (await readTunedConfig(path)).backbones : {};
}

async function measured(
  backbone: BackboneDefinition,
  absent: AbsentUsers,
  options: TrainedOptions,
): Promise<Omit<FoldInRow, "epochs">> {
  const { all, test } = absent;
  const common = { backbone: backbone.name, task: backbone.task, users: test.users.length };
  if (backbone.task === "rating") {
    const { without, retrained } = await predictorsOf(backbone, absent, options);
    using before = without;
    using after = retrained;
    const ours = ratedAbsent(before, all, test);
    const theirs = evaluateRatings(after, test).errors;
    const squares = (errors: Float64Array): Float64Array => errors.map((error) => error ** 2);
    const { recency, floor } = before.model.foldIn ?? usualFit;
    const method = `bias and ridge regression of what the model leaves of the ratings (${recency}^age + ${floor})`;
    const milliseconds = medianMs(() => before.foldIn(historyOf(all, test.users[0], timedItems)));
    return {
      ...common,
      method,
      metric: "rmse",
      ...rooted(squares(ours), squares(theirs)),
      alike: null,
      milliseconds,
    };
  }
  const { without, retrained } = await rankersOf(backbone, absent, options);
  using before = without;
  using after = retrained;
  const { model } = before;
  const folded =
    model.kind === "factors" ? await factorsFolded(model, absent) : sequenceFolded(model, absent);
  using ranker = folded.ranker;
  const gains = (one: TrainedRanker): Float64Array =>
    ndcgPerUser(evaluateRanking(one, all, test, { masking: "seen" }).ranks, 10);
  using alikeRanker = folded.alike;
  const theirs = gains(after);
  const alike = alikeRanker && ratioOf(gains(alikeRanker), theirs);
  const { milliseconds, method } = folded;
  return { ...common, method, metric: "ndcg@10", ...ratioOf(gains(ranker), theirs), alike, milliseconds };
}

interface Folded {
  readonly ranker: TrainedRanker;
  readonly alike: TrainedRanker | null;
  readonly method: string;
  readonly milliseconds: number;
}

/** The ranker of a factor model whose absent users have the vectors of the fold-in. */
async function factorsFolded(model: FactorModel, { all, without, test }: AbsentUsers): Promise<Folded> {
  const { factors } = model;
  const map = await learnFoldIn(factors, without);
  const folded = (weighed: FoldInMap): TrainedRanker => {
    const foldIn = foldInOf(factors, weighed);
    const users = new Float32Array(factors.users.length);
    for (const user of test.users) users.set(foldIn.vector(all.itemsOf(user)), user * factors.dimension);
    return rankerOf({ ...model, factors: { ...factors, users } });
  };
  const timed = Int32Array.from({ length: timedItems }, (_, at) => (at * 7) % all.itemCount);
  const foldIn = foldInOf(factors, map);
  return {
    ranker: folded(map),
    alike: folded({ ...map, recency: 1, floor: 0 }),
    method: `${foldInMethod} (${map.recency}^age + ${map.floor})`,
    milliseconds: medianMs(() => foldIn.vector(timed)),
  };
}

/** The ranker of a sequential model that is given the histories of the absent users. */
function sequenceFolded(model: SequenceModel, { all }: AbsentUsers): Folded {
  const ranker = rankerOf({ ...model, histories: { offsets: all.offsets, items: all.items } });
  const { encode } = ranker as TrainedRanker & {
    encode?: (rows: SequenceModel["histories"]) => Float32Array;
  };
  const timed = {
    offsets: Int32Array.of(0, timedItems),
    items: Int32Array.from({ length: timedItems }, (_, at) => (at * 7) % all.itemCount),
  };
  return { ranker, alike: null, method: "the history itself", milliseconds: medianMs(() => encode?.(timed)) };
}

/** Errors of the ratings of absent users' last items, each user folded in from the ones before. */
function ratedAbsent(predictor: RatingPredictor, all: TrainView, test: HeldOut): Float64Array {
  return Float64Array.from(test.users, (user, row) => {
    const rater = predictor.foldIn(historyOf(all, user));
    return rater.predict(Int32Array.of(test.items[row]))[0] - (test.ratings?.[row] ?? Number.NaN);
  });
}

/** What a service knows of a new user. */
function historyOf(view: TrainView, user: number, most = Number.POSITIVE_INFINITY) {
  const [begin, end] = [view.offsets[user], view.offsets[user + 1]];
  const from = Math.max(begin, end - most);
  return {
    items: view.items.subarray(from, end),
    ratings: view.ratings.subarray(from, end),
    attributes: Object.fromEntries(
      Object.entries(view.userAttributes).map(([name, column]) => [name, column[user]]),
    ),
  };
}

function medianMs(work: () => unknown): number {
  const times = Array.from({ length: 201 }, () => {
    const begin = performance.now();
    work();
    return performance.now() - begin;
  });
  return times.sort((a, b) => a - b)[100];
}

type Ratio = Pick<FoldInRow, "foldedIn" | "retrained" | "ratio" | "low" | "high">;

/** Ratio of two means over the same users, with the percentile interval of a paired bootstrap. */
export function ratioOf(ours: Float64Array, theirs: Float64Array, resamples = 10_000): Ratio {
  const random = new Random(1);
  const ratios = new Float64Array(resamples);
  for (let sample = 0; sample < resamples; sample++) {
    let [a, b] = [0, 0];
    for (let n = 0; n < ours.length; n++) {
      const user = random.below(ours.length);
      a += ours[user];
      b += theirs[user];
    }
    ratios[sample] = a / b;
  }
  ratios.sort();
  const mean = (values: Float64Array): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const [foldedIn, retrained] = [mean(ours), mean(theirs)];
  const at = (share: number): number => ratios[Math.round(share * (resamples - 1))];
  return { foldedIn, retrained, ratio: foldedIn / retrained, low: at(0.025), high: at(0.975) };
}

/** The same for roots of means. */
function rooted(ours: Float64Array, theirs: Float64Array): Ratio {
  const squares = ratioOf(ours, theirs);
  return {
    foldedIn: Math.sqrt(squares.foldedIn),
    retrained: Math.sqrt(squares.retrained),
    ratio: Math.sqrt(squares.ratio),
    low: Math.sqrt(squares.low),
    high: Math.sqrt(squares.high),
  };
}
