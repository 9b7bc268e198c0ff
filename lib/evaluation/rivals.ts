import type { Split } from "../data/split.js";
import type { Task } from "../models/backbone.js";
import { evaluateRanking, type Masking } from "../models/fullRanking.js";
import type { Ranker } from "../models/ranker.js";
import { ease, easeRanker, easeWeights } from "../models/reference/ease.js";
import { popularity } from "../models/reference/popularity.js";
import { argumentError } from "../native/errors.js";
import { measureRanks, type RivalFigures, type SegmentedMetrics, type Segments } from "./segments.js";

/** Ridge weights that are tried. */
export const easeLambdas = [10, 20, 50, 100, 200, 300, 500, 1000] as const;
/** Weights by age that are tried for EASE with recency. */
export const easeRecencies = [0.7, 0.8, 0.9] as const;
/** What even a user's oldest item weighs in EASE with recency. */
export const recencyFloor = 0.05;

/** Options of {@link chooseEaseLambda} and {@link chooseRecencyEase}. */
export interface EaseLambdaOptions {
  /** What to try, ascending; default {@link easeLambdas}. */
  readonly lambdas?: readonly number[];
  /** Whether items the user has already are left out of the ranking; default `seen`: they are. */
  readonly masking?: Masking;
  /** Called after each of them. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Stops before the next one; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** EASE that weighs recent items more, as validation chose it. */
export interface RecencyChoice {
  readonly lambda: number;
  /** An item weighs `recency^age + 0.05`, age 0 for the newest. */
  readonly recency: number;
}

/**
 * The ridge weight of EASE with the best NDCG@5 on validation; equal ones: the first.
 *
 * @throws Llama4RecError `E_ARGUMENT` when there is nothing to try or a weight is not above 0.
 */
export async function chooseEaseLambda(split: Split, options: EaseLambdaOptions = {}): Promise<number> {
  return bestOf(await tryEase(split, [1], options)).lambda;
}

/**
 * Ridge weight and recency of EASE with the best NDCG@5 on validation; equal ones: the first.
 *
 * @throws Llama4RecError `E_ARGUMENT` when there is nothing to try, a weight is not above 0 or a recency not in (0, 1].
 */
export async function chooseRecencyEase(
  split: Split,
  options: EaseLambdaOptions & {
    /** Default {@link easeRecencies}. */
    readonly recencies?: readonly number[];
  } = {},
): Promise<RecencyChoice> {
  return bestOf(await tryEase(split, options.recencies ?? easeRecencies, options));
}

interface Trial extends RecencyChoice {
  /** NDCG@5 on validation. */
  readonly ndcg: number;
}

/** Every lambda with every recency; recency 1 weighs all items alike. */
async function tryEase(
  { train, validation }: Split,
  recencies: readonly number[],
  options: EaseLambdaOptions,
): Promise<Trial[]> {
  const { lambdas = easeLambdas, masking, onProgress, signal } = options;
  if (lambdas.length === 0) throw argumentError("lambdas", "at least one ridge weight", lambdas);
  if (recencies.length === 0) throw argumentError("recencies", "at least one weight", recencies);
  const trials: Trial[] = [];
  for (const [index, lambda] of lambdas.entries()) {
    signal?.throwIfAborted();
    const weights = await easeWeights(train, lambda);
    for (const recency of recencies) {
      using ranker = easeRanker(train, weights, { recency, recencyFloor });
      const ndcg = evaluateRanking(ranker, train, validation, { masking }).metrics["ndcg@5"];
      trials.push({ lambda, recency, ndcg });
    }
    onProgress?.(index + 1, lambdas.length);
  }
  return trials;
}

/** The first of the best. */
function bestOf(trials: readonly Trial[]): RecencyChoice {
  const { lambda, recency } = trials.reduce((best, trial) => (trial.ndcg > best.ndcg ? trial : best));
  return { lambda, recency };
}

/** Hyper-parameters of the rivals, chosen on validation. */
export interface RivalChoice {
  readonly easeLambda: number;
  /** Null for direct recommendation, where no ranker sees order. */
  readonly recencyEase: RecencyChoice | null;
}

/** What the stages of the rivals share. */
export interface RivalOptions {
  readonly masking: Masking;
  readonly onProgress: (stage: string, done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** Chooses the rivals' hyper-parameters on validation. */
export async function chooseRivals(
  split: Split,
  { task, masking, onProgress, signal }: RivalOptions & { readonly task: Task },
): Promise<RivalChoice> {
  const trials = await tryEase(split, task === "sequential" ? [1, ...easeRecencies] : [1], {
    masking,
    signal,
    onProgress: (done, total) => onProgress("choose lambda of EASE", done, total),
  });
  const withRecency = trials.filter(({ recency }) => recency < 1);
  return {
    easeLambda: bestOf(trials.filter(({ recency }) => recency === 1)).lambda,
    recencyEase: withRecency.length === 0 ? null : bestOf(withRecency),
  };
}

/** Popularity and EASE on the test rows. */
export async function evaluateRivals(
  { final, test }: Split,
  choice: RivalChoice,
  { segments, masking, onProgress, signal }: RivalOptions & { readonly segments: Segments },
): Promise<RivalFigures> {
  const { easeLambda, recencyEase } = choice;
  const stages = recencyEase === null ? 2 : 3;
  const begin = (done: number): void => {
    signal?.throwIfAborted();
    onProgress("test popularity and EASE", done, stages);
  };
  const measure = (ranker: Ranker): SegmentedMetrics =>
    measureRanks(segments, evaluateRanking(ranker, final, test, { masking }).ranks);
  begin(0);
  using byPopularity = popularity(final);
  const popularityFigures = measure(byPopularity);
  begin(1);
  using byEase = await ease(final, { lambda: easeLambda });
  const easeFigures = measure(byEase);
  if (recencyEase === null) return { popularity: popularityFigures, ease: easeFigures, recencyEase: null };
  begin(2);
  using byRecency = await ease(final, { ...recencyEase, recencyFloor });
  return { popularity: popularityFigures, ease: easeFigures, recencyEase: measure(byRecency) };
}
