import type { Split } from "../../lib/data/split.js";
import { easeLambdas } from "../../lib/evaluation/rivals.js";
import { mae, rmse } from "../../lib/metrics/ranking.js";
import type { Ranker, TrainedRanker } from "../../lib/models/ranker.js";
import {
  BiasModel,
  biasDampings,
  chooseBiasDamping,
  type RatedRows,
} from "../../lib/models/reference/bias.js";
import { easeRanker, easeWeights } from "../../lib/models/reference/ease.js";
import { popularity } from "../../lib/models/reference/popularity.js";
import { sequenceRanker } from "../../lib/models/sequenceRanker.js";
import { threads } from "../../lib/native/addon.js";
import { train } from "../../lib/training/train.js";
import type { CandidateSet, CandidateSets, LastOut } from "./lastOut.js";
import { type CandidateMetrics, candidateMetrics, rankedBy } from "./sampledCandidates.js";

/** Orders of both kinds of candidates, `[rows]` each; null where there is none. */
export type Orders = Readonly<Record<CandidateSet, readonly (Int32Array | null)[]>>;

/** Metrics on both kinds of candidates. */
export type SetMetrics = Readonly<Record<CandidateSet, CandidateMetrics>>;

/** How far a stage is. */
export type Progress = (stage: string, done: number, total: number) => void;

export type RivalName = "popularity" | "ease" | "mf" | "sasrec";

/** A conventional ranker, learnt from the training view alone. */
export interface Rival {
  readonly name: RivalName;
  /** With the training items as input. */
  readonly validation: Ranker;
  /** With the validation items as input too, where the model has an input. */
  readonly test: Ranker;
  /** What was chosen on validation and what is input, for the report. */
  readonly about: string;
}

/** Popularity, EASE, MF and SASRec; lambda and epochs are chosen on validation. */
export async function trainRivals(
  { train: view, final, validation }: Split,
  rows: CandidateSets,
  { onProgress, signal }: { readonly onProgress: Progress; readonly signal: AbortSignal },
): Promise<Rival[]> {
  const byPopularity = popularity(view);
  const ease = await chooseEase({ view, final, rows, onProgress });
  const fitted = async (backbone: string): Promise<{ ranker: TrainedRanker; epoch: number }> =>
    train({
      backbone,
      view,
      seed: 1,
      validation: { heldOut: validation },
      threads: threads(),
      signal,
      onEpoch: ({ epoch, epochs }) => onProgress(`train ${backbone}`, epoch, epochs),
    });
  const mf = await fitted("MF");
  const sasrec = await fitted("SASRec");
  const { model } = sasrec.ranker;
  if (model.kind !== "sequence") throw new Error("SASRec is a sequential model");
  const { offsets, items } = final;
  return [
    { name: "popularity", validation: byPopularity, test: byPopularity, about: "no input" },
    ease,
    {
      name: "mf",
      validation: mf.ranker,
      test: mf.ranker,
      about: `epoch ${mf.epoch}, no input: knows nothing of validation items`,
    },
    {
      name: "sasrec",
      validation: sasrec.ranker,
      test: sequenceRanker({ ...model, histories: { offsets, items } }),
      about: `epoch ${sasrec.epoch}, validation item is input`,
    },
  ];
}

async function chooseEase({
  view,
  final,
  rows,
  onProgress,
}: Pick<Split, "final"> & {
  view: Split["train"];
  rows: CandidateSets;
  onProgress: Progress;
}): Promise<Rival> {
  let best: { lambda: number; quality: number; weights: Float64Array } | null = null;
  for (const [index, lambda] of easeLambdas.entries()) {
    onProgress("choose lambda of EASE", index, easeLambdas.length);
    const weights = await easeWeights(view, lambda);
    const quality = qualityOf(metricsOf(rows, ordersBy(easeRanker(view, weights), rows)));
    if (best === null || quality > best.quality) best = { lambda, quality, weights };
  }
  if (best === null) throw new Error("no lambda to try");
  return {
    name: "ease",
    validation: easeRanker(view, best.weights),
    test: easeRanker(final, best.weights),
    about: `lambda ${best.lambda}, validation item is input`,
  };
}

/** Candidates as a ranker orders them. */
export function ordersBy(ranker: Ranker, rows: CandidateSets): Orders {
  return {
    uniform: rows.uniform.map((row) => rankedBy(ranker, row)),
    popularity: rows.popularity.map((row) => rankedBy(ranker, row)),
  };
}

export function metricsOf(rows: CandidateSets, orders: Orders): SetMetrics {
  return {
    uniform: candidateMetrics(rows.uniform, orders.uniform),
    popularity: candidateMetrics(rows.popularity, orders.popularity),
  };
}

/** What choices are made by: NDCG@3, mean of both kinds of candidates. */
export function qualityOf({ uniform, popularity: byPopularity }: SetMetrics): number {
  return (uniform["ndcg@3"] + byPopularity["ndcg@3"]) / 2;
}

/** Errors of predicted ratings, in stars. */
export interface RatingErrors {
  readonly rmse: number;
  readonly mae: number;
}

export function ratingErrors(predicted: ArrayLike<number>, { ratings }: RatedRows): RatingErrors {
  return { rmse: rmse(predicted, ratings), mae: mae(predicted, ratings) };
}

export type RatingRivals = Readonly<Record<"mean" | "itemMean" | "bias", RatingErrors>>;

/**
 * Mean, damped item mean and user+item bias on the test ratings. Items are learnt from the training view, damping is
 * chosen on validation, and the validation rating counts for its user's bias.
 */
export function ratingRivals({ parts, validation }: LastOut, test: RatedRows): RatingRivals {
  const { train: view, final } = parts;
  const without = [Number.POSITIVE_INFINITY];
  const errors = (items: readonly number[], users: readonly number[]): RatingErrors => {
    const model = new BiasModel(view, chooseBiasDamping(view, validation, { items, users }));
    const predicted = Array.from(test.users, (user, row) => {
      const [begin, end] = [final.offsets[user], final.offsets[user + 1]];
      const bias = model.userBias(final.items.subarray(begin, end), final.ratings.subarray(begin, end));
      return model.expected(bias, test.items[row]);
    });
    return ratingErrors(predicted, test);
  };
  return {
    mean: errors(without, without),
    itemMean: errors(biasDampings, without),
    bias: errors(biasDampings, biasDampings),
  };
}
