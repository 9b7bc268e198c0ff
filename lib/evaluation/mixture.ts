import { chooseAlpha, evaluateMixture, type HeldOutUser } from "../aggregation/tuning.js";
import { positionUtilities } from "../aggregation/utility.js";
import {
  adaptiveWeight,
  type LongTailRange,
  longTailCoefficient,
  longTailRange,
} from "../aggregation/weight.js";
import type { HeldOut } from "../data/heldOut.js";
import type { TrainView } from "../data/trainView.js";
import { type OrderMode, orderModes } from "../llm/ordering/types.js";
import { type RefinedRow, rankModes } from "./refinement.js";
import type { AlphaReport } from "./report.js";
import { measureSegments, type SegmentedMetrics, type Segments } from "./segments.js";

/** Alpha and mode, one choice for all seeds. */
export type Choice = Omit<AlphaReport, "weights">;

/** Alpha and mode by NDCG@5 over the validation rows of all seeds together; nothing but the training view is known. */
export function chooseWeights(rows: readonly RefinedRow[], view: TrainView): Choice {
  const { alpha1, alpha2, mode } = chooseAlpha(heldOutUsers(rows, view), rangeOf(view)).best;
  return { alpha1, alpha2, mode: orderModes.find((known) => known === mode) ?? null };
}

/** The mode to ask in; the first where validation chose none. */
export function modeOf({ mode }: Choice): OrderMode {
  return mode ?? rankModes[0];
}

/** Test rows as the language model alone has them and as both sides together do. */
export function evaluateMixtures(
  rows: readonly RefinedRow[],
  view: TrainView,
  { segments, choice }: { readonly segments: Segments; readonly choice: Choice },
): Readonly<Record<"llm" | "llama4rec", SegmentedMetrics>> {
  const users = heldOutUsers(rows, view);
  const range = rangeOf(view);
  const mixed = (weight: (user: HeldOutUser) => number): SegmentedMetrics =>
    measureSegments(segments, (part) =>
      evaluateMixture(
        Array.from(part, (row) => users[row]),
        modeOf(choice),
        weight,
      ),
    );
  return {
    llm: mixed(() => 1),
    llama4rec: mixed(({ coefficient }) => adaptiveWeight(coefficient, range, choice)),
  };
}

/** alpha_u of the test users in short. */
export function weightsOf(test: HeldOut, view: TrainView, choice: Choice): AlphaReport["weights"] {
  const range = rangeOf(view);
  const weights = Float64Array.from(test.users, (user) =>
    adaptiveWeight(longTailCoefficient(view.userCounts[user]), range, choice),
  );
  return {
    min: weights.reduce((least, weight) => Math.min(least, weight), 1),
    mean: weights.reduce((sum, weight) => sum + weight, 0) / weights.length,
    max: weights.reduce((most, weight) => Math.max(most, weight), 0),
  };
}

/** Range of the long-tail coefficients over the users of a view. */
function rangeOf(view: TrainView): LongTailRange {
  return longTailRange(view.userCounts.filter((count) => count > 0));
}

/** Rows with both sides' utilities; U_Rec = -s for place s of the backbone's list. */
function heldOutUsers(rows: readonly RefinedRow[], view: TrainView): HeldOutUser[] {
  return rows.map(({ user, candidates, languageModel, heldOut }) => ({
    candidates,
    recommender: positionUtilities(candidates.map((_, place) => place)),
    languageModel,
    coefficient: longTailCoefficient(view.userCounts[user]),
    heldOut,
  }));
}
