import type { HeldOut } from "../data/heldOut.js";
import type { TrainView } from "../data/trainView.js";
import { MetricAccumulator, type RankingMetrics } from "../metrics/ranking.js";
import { type TopK, topKRow } from "../native/catalogue.js";
import { type Ranker, rowsOf } from "./ranker.js";

/** Which items an evaluation leaves out of the ranking: those of the view's users, or none. */
export type Masking = "seen" | "none";

/** Users a block: bounds memory at block x items scores, never users x items. */
const blockSize = 256;
/** Longest list the metrics look at. */
const longestList = 10;

/** Result of {@link evaluateRanking}. */
export interface RankingEvaluation {
  readonly metrics: RankingMetrics;
  /** Rows in the denominator. */
  readonly users: number;
  /** `[rows]` place of the held-out item from 1, 0 where it is not among the first ten. */
  readonly ranks: Int32Array;
}

/** Top lists of the held-out users, block by block: `visit(row, items)` with row an index into `heldOut`. */
export function forEachTopList(
  ranker: Ranker,
  view: TrainView,
  heldOut: HeldOut,
  options: { k?: number; masking?: Masking },
  visit: (row: number, items: Int32Array) => void,
): void {
  const { masking = "seen" } = options;
  const k = Math.min(options.k ?? longestList, ranker.itemCount);
  for (let start = 0; start < heldOut.users.length; start += blockSize) {
    const users = heldOut.users.subarray(start, start + blockSize);
    const top: TopK = ranker.topK(users, { k, excluded: masking === "seen" ? rowsOf(view, users) : null });
    for (let row = 0; row < users.length; row++) visit(start + row, topKRow(top, row));
  }
}

/**
 * Full ranking: each held-out item against the whole catalogue, no sampled negatives. HR and NDCG at 3, 5 and 10.
 * Every row of `heldOut` is in the denominator.
 */
export function evaluateRanking(
  ranker: Ranker,
  view: TrainView,
  heldOut: HeldOut,
  options: { masking?: Masking } = {},
): RankingEvaluation {
  const ranks = new Int32Array(heldOut.users.length);
  const accumulator = new MetricAccumulator();
  forEachTopList(ranker, view, heldOut, options, (row, items) => {
    ranks[row] = items.indexOf(heldOut.items[row]) + 1;
    accumulator.add(ranks[row]);
  });
  return { metrics: accumulator.result(), users: ranks.length, ranks };
}
