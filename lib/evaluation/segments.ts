/** Test rows by how much training knows of their users, and figures for each part beside those for all. */

import type { HeldOut } from "../data/heldOut.js";
import type { TrainView } from "../data/trainView.js";
import { MetricAccumulator, type RankingMetrics } from "../metrics/ranking.js";
import type { ExperimentReport, RankerMetrics } from "./report.js";
import { type MetricSummary, summarize } from "./summary.js";

/** Held-out rows: all of them, and in two parts by their users' training interactions. */
export type Segment = "all" | "tail" | "head";

/** Rows of a {@link HeldOut} by segment, ascending. */
export interface Segments extends Readonly<Record<Segment, Int32Array>> {
  /**
   * Median number of training interactions of the rows' users, the lower of the two in the middle: the tail are those
   * with at most so many, the head those with more, if there are any.
   */
  readonly cut: number;
}

/** One ranker's figures by segment; all zero where a segment has no row. */
export type SegmentedMetrics = Readonly<Record<Segment, RankingMetrics>>;

/** The rivals' figures; null where there is no such rival. */
export interface RivalFigures {
  readonly popularity: SegmentedMetrics;
  readonly ease: SegmentedMetrics;
  readonly recencyEase: SegmentedMetrics | null;
}

/** The figures of one seed; null without a language model. */
export interface SeedFigures {
  readonly base: SegmentedMetrics;
  readonly augmented: SegmentedMetrics | null;
  readonly llm: SegmentedMetrics | null;
  readonly llama4rec: SegmentedMetrics | null;
}

/** Cuts held-out rows, at least one, at the median of their users' training interactions. */
export function segmentsOf(heldOut: HeldOut, train: TrainView): Segments {
  const counts = Int32Array.from(heldOut.users, (user) => train.userCounts[user]);
  const cut = counts.slice().sort()[(counts.length - 1) >> 1];
  const all = Int32Array.from(counts.keys());
  return {
    cut,
    all,
    tail: all.filter((row) => counts[row] <= cut),
    head: all.filter((row) => counts[row] > cut),
  };
}

/** What `measure` finds over the rows of each segment. */
export function measureSegments(
  { all, tail, head }: Segments,
  measure: (rows: Int32Array) => RankingMetrics,
): SegmentedMetrics {
  return { all: measure(all), tail: measure(tail), head: measure(head) };
}

/**
 * Metrics of places in full rankings.
 * @param ranks - `[rows]`, 1-based, 0 = not in the list.
 */
export function measureRanks(segments: Segments, ranks: Int32Array): SegmentedMetrics {
  return measureSegments(segments, (rows) => {
    const metrics = new MetricAccumulator();
    for (const row of rows) metrics.add(ranks[row]);
    return metrics.result();
  });
}

/** The table over one segment: means over the seeds, and their spread where there are several. */
export function summarizeSegment(
  segment: Segment,
  rivals: RivalFigures,
  seeds: readonly SeedFigures[],
): { mean: RankerMetrics; spread: ExperimentReport["spread"] } {
  const summaryOf = (
    pick: (figures: SeedFigures) => SegmentedMetrics | null,
  ): MetricSummary<RankingMetrics> | null => {
    const found = seeds.map(pick).filter((metrics) => metrics !== null);
    return found.length === 0 ? null : summarize(found.map((metrics) => metrics[segment]));
  };
  const base = summarize(seeds.map((figures) => figures.base[segment]));
  const augmented = summaryOf((figures) => figures.augmented);
  const llm = summaryOf((figures) => figures.llm);
  const llama4rec = summaryOf((figures) => figures.llama4rec);
  return {
    mean: {
      popularity: rivals.popularity[segment],
      ease: rivals.ease[segment],
      recencyEase: rivals.recencyEase?.[segment] ?? null,
      base: base.mean,
      augmented: augmented?.mean ?? null,
      llm: llm?.mean ?? null,
      llama4rec: llama4rec?.mean ?? null,
    },
    spread: base.spread && {
      base: base.spread,
      augmented: augmented?.spread ?? null,
      llm: llm?.spread ?? null,
      llama4rec: llama4rec?.spread ?? null,
    },
  };
}
