/** Names of the metrics that may choose. */
import { CUTOFFS, type RankingMetrics } from "./ranking.js";

/** Errors of predicted ratings, lower is better, in units of the rating. */
export const RATING_METRICS = ["rmse", "mae"] as const;

/** One of {@link RATING_METRICS}. */
export type RatingMetric = (typeof RATING_METRICS)[number];

/** Metrics of a ranking, higher is better. */
export const RANKING_METRICS: readonly (keyof RankingMetrics)[] = CUTOFFS.flatMap(
  (cutoff) => [`hr@${cutoff}`, `ndcg@${cutoff}`] as const,
);

/** The name of any metric. */
export type MetricName = keyof RankingMetrics | RatingMetric;
