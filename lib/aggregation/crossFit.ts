/** Cross-fitting over users: what a learned weight is worth on users that it was not fitted on. */

import { fitWeight, learnedAlpha, type Sample, type WeightModel } from "./weightModel.js";

/** What a learned weight needs to know of a validation row beside what both sides say. */
export interface LearningRow {
  /** Rows of one user (several seeds, say) share a fold and count as one in the standard error. */
  readonly user: number;
  /** Training interactions of the user, for the report by activity. */
  readonly interactions: number;
  /** As the option `names` calls them; known without the held-out item. Not read where there is no answer. */
  readonly features: readonly number[];
}

/** Options of `learnRankingWeight` and `learnRatingWeight`. */
export interface LearningOptions {
  /** Names of the features, at most 10; `featureNames` or `ratingFeatureNames` unless told. */
  readonly names?: readonly string[];
  /** From 2, 5 unless told. */
  readonly folds?: number;
  /** Of the cut into folds; 1 unless told. */
  readonly seed?: number;
  /** Precision of the normal prior of the coefficients, above 0; 3 unless told. */
  readonly ridge?: number;
  /** The largest weight, in (0, 1]; 1 unless told. With it `largestShift(cap, k')` bounds the harm. */
  readonly cap?: number;
  /** The guard asks for a gain above so many of its standard errors; 0 unless told: any gain. */
  readonly standardErrors?: number;
}

/** What the language model does for a third of the rows, by the cross-fitted weights. */
export interface ActivityEffect {
  /** Fewest and most training interactions of these rows' users; both 0 where there is no row. */
  readonly interactions: readonly [number, number];
  readonly rows: number;
  /** Rows with an answer of the language model. */
  readonly answered: number;
  /** Shares of the rows: held-out item higher up, or rating nearer. */
  readonly improved: number;
  readonly worsened: number;
  readonly same: number;
  /** Mean alpha_u over the answered rows. */
  readonly meanAlpha: number;
}

/** A learned weight and what is known of its worth. */
export interface LearnedWeight {
  /** Fitted on all validation rows, for the users to come; falls back where the guard says so. */
  readonly model: WeightModel;
  /** The folds showed no gain: the conventional model stands. */
  readonly fallback: boolean;
  /**
   * Gain over the conventional model alone, every row under a weight fitted without its user: NDCG@5, or RMSE less of
   * it, absolute. Not penalised for choosing among several modes or models by it.
   */
  readonly gain: number;
  /** Of the gain, over users, paired. */
  readonly standardError: number;
  /** `[rows]`, cross-fitted alpha_u; 0 where the language model gave no answer. */
  readonly alphas: Float64Array;
  /** Thirds by activity, the least active first; users of equal activity stay together. */
  readonly activity: readonly ActivityEffect[];
}

/** @internal What differs between rankings and ratings. */
export interface LearningTask<R> {
  readonly answered: (row: R) => boolean;
  /** To fit on; null where the row says nothing of the weight. */
  readonly sample: (row: R) => Sample | null;
  /** The gain over alpha = 0, and by row what it is the mean of (to first order), and the sign of the change. */
  readonly compare: (
    rows: readonly R[],
    alphas: Float64Array,
  ) => { gain: number; shares: Float64Array; signs: Int8Array };
}

/** @internal The one way in which weights are learned. */
export function crossFit<R extends LearningRow>(
  rows: readonly R[],
  task: LearningTask<R>,
  options: Required<LearningOptions>,
): LearnedWeight {
  const { folds, seed, standardErrors } = options;
  const foldOf = rows.map(({ user }) => userFold(user, seed, folds));
  const samples = rows.map(task.sample);
  const fitWithout = (fold: number | null): WeightModel =>
    fitWeight(
      samples.filter((sample, n): sample is Sample => sample !== null && foldOf[n] !== fold),
      options,
    );
  const models = Array.from({ length: folds }, (_, fold) => fitWithout(fold));
  const alphas = Float64Array.from(rows, (row, n) =>
    task.answered(row) ? learnedAlpha(models[foldOf[n]], row.features) : 0,
  );
  const { gain, shares, signs } = task.compare(rows, alphas);
  const standardError = clusteredError(rows, shares);
  const fitted = fitWithout(null);
  const fallback = fitted.fallback || !(gain > standardErrors * standardError);
  return {
    model: { ...fitted, fallback },
    fallback,
    gain,
    standardError,
    alphas,
    activity: activityEffects(rows, rows.map(task.answered), alphas, signs),
  };
}

/** @internal A user's fold depends on nothing else than user and seed. */
export function userFold(user: number, seed: number, folds: number): number {
  return mixBits(mixBits(seed) ^ user) % folds;
}

/** The finaliser of MurmurHash3: every bit of the input moves every bit of the output. */
function mixBits(word: number): number {
  let bits = word >>> 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** Standard error of the mean of `shares`, the users being the independent units; 0 with a single one. */
function clusteredError(rows: readonly LearningRow[], shares: Float64Array): number {
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  const byUser = new Map<number, number>();
  rows.forEach(({ user }, n) => {
    byUser.set(user, (byUser.get(user) ?? 0) + shares[n] - mean);
  });
  const users = byUser.size;
  if (users < 2) return 0;
  let squares = 0;
  for (const sum of byUser.values()) squares += sum * sum;
  return Math.sqrt((squares * users) / (users - 1)) / shares.length;
}

function activityEffects(
  rows: readonly LearningRow[],
  answered: readonly boolean[],
  alphas: Float64Array,
  signs: Int8Array,
): ActivityEffect[] {
  const ascending = Float64Array.from(rows, (row) => row.interactions).sort();
  const cutAt = (third: number): number => ascending[Math.ceil((ascending.length * third) / 3) - 1];
  const bounds = [Number.NEGATIVE_INFINITY, cutAt(1), cutAt(2), Number.POSITIVE_INFINITY];
  return [0, 1, 2].map((third) => {
    const part = [...rows.keys()].filter(
      (n) => rows[n].interactions > bounds[third] && rows[n].interactions <= bounds[third + 1],
    );
    const counts = part.map((n) => rows[n].interactions);
    const asked = part.filter((n) => answered[n]);
    const share = (sign: number): number =>
      part.length === 0 ? 0 : part.filter((n) => signs[n] === sign).length / part.length;
    return {
      interactions: [counts.reduce(least, counts[0] ?? 0), counts.reduce(most, 0)],
      rows: part.length,
      answered: asked.length,
      improved: share(1),
      worsened: share(-1),
      same: share(0),
      meanAlpha: asked.length === 0 ? 0 : asked.reduce((sum, n) => sum + alphas[n], 0) / asked.length,
    };
  });
}

const least = (a: number, b: number): number => Math.min(a, b);
const most = (a: number, b: number): number => Math.max(a, b);
