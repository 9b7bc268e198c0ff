/**
 * alpha_u learned from features instead of Eq. 7 of Llama4Rec: beyond the paper. It is fitted on validation rows alone,
 * cross-fitted over users, and falls back to the conventional model where held-out folds show no gain.
 */

import { ndcg } from "../metrics/ranking.js";
import { argumentError } from "../native/errors.js";
import { crossFit, type LearnedWeight, type LearningOptions, type LearningRow } from "./crossFit.js";
import { featureNames, ratingFeatureNames } from "./features.js";
import { checkRatingRows, mixRatings, type RatedPair } from "./ratingMix.js";
import { choiceLoss, normalLoss } from "./rowLoss.js";
import { checkUsers, type HeldOutList, mixedPlace } from "./tuning.js";
import { checkFinite } from "./utility.js";
import { checkFeatures, type Sample } from "./weightModel.js";

/** A validation row of a ranking to learn from. */
export interface RankingLearningRow extends LearningRow, HeldOutList {}

/** A validation row of ratings to learn from. */
export interface RatingLearningRow extends LearningRow, RatedPair {}

const DEFAULTS: Required<Omit<LearningOptions, "names">> = {
  folds: 5,
  seed: 1,
  ridge: 3,
  cap: 1,
  standardErrors: 0,
};

/**
 * Learns alpha_u for rankings, one mode of the language model. With the mixed utilities `U_i = alpha_u U_LLM + (1 -
 * alpha_u) U_Rec` the held-out item h gets the likelihood `exp(beta U_h) / sum_i exp(beta U_i)` over the candidates (a
 * conditional logit; a smooth stand-in for NDCG). beta > 0 is fitted along: without it, weights would be chosen for how
 * flat they make the utilities. Rows without an answer, or whose held-out item is no candidate, teach nothing; they
 * count in the gain, which is in NDCG@5.
 *
 * @param rows - All validation rows; test rows have no business here.
 * @param mode - Which of the rows' `languageModel` utilities; compare modes by `gain`.
 * @throws Llama4RecError `E_ARGUMENT` if there are no rows, a row's numbers or an option is out of range.
 *
 * @example
 * ```ts
 * const { model, gain, standardError, fallback } = learnRankingWeight(validation, "listwise");
 * aggregate({ candidates, recommender, languageModel, alpha: learnedAlpha(model, features) });
 * ```
 */
export function learnRankingWeight(
  rows: readonly RankingLearningRow[],
  mode: string,
  options: LearningOptions = {},
): LearnedWeight {
  const settings = withDefaults(options, featureNames);
  checkUsers(rows);
  const answerOf = (row: RankingLearningRow): Float64Array | null => row.languageModel[mode] ?? null;
  checkAnsweredFeatures(rows, (row) => answerOf(row) !== null, settings.names);
  return crossFit(
    rows,
    {
      answered: (row) => answerOf(row) !== null,
      sample: (row): Sample | null => {
        const languageModel = answerOf(row);
        if (languageModel === null || row.heldOut === 0) return null;
        checkFinite("languageModel", languageModel);
        checkFinite("recommender", row.recommender);
        return {
          features: row.features,
          loss: choiceLoss(row.recommender, languageModel, row.heldOut - 1),
        };
      },
      compare: (all, alphas) => {
        const alone = all.map((row) => mixedPlace(row, null, 0));
        const mixed = all.map((row, n) => mixedPlace(row, mode, alphas[n]));
        const shares = Float64Array.from(mixed, (place, n) => ndcg(place, 5) - ndcg(alone[n], 5));
        const signs = Int8Array.from(mixed, (place, n) => Math.sign(alone[n] - place));
        return { gain: shares.reduce((sum, share) => sum + share, 0) / all.length, shares, signs };
      },
    },
    settings,
  );
}

/**
 * Learns alpha_u for ratings by least squares: the held-out rating is normal around `alpha_u r_LLM + (1 - alpha_u)
 * r_Rec`, its precision fitted along, so that the ridge means the same on every scale. Rows without an answer teach
 * nothing; they count in the gain, which is in RMSE (above 0: less error).
 *
 * @param rows - All validation rows; test rows have no business here.
 * @throws Llama4RecError `E_ARGUMENT` if there are no rows, a row's numbers or an option is out of range.
 *
 * @example
 * ```ts
 * const { model } = learnRatingWeight(validation);
 * mixRatings(row, learnedAlpha(model, features));
 * ```
 */
export function learnRatingWeight(
  rows: readonly RatingLearningRow[],
  options: LearningOptions = {},
): LearnedWeight {
  const settings = withDefaults(options, ratingFeatureNames);
  checkRatingRows(rows);
  const answered = (row: RatingLearningRow): boolean => row.languageModel !== null;
  checkAnsweredFeatures(rows, answered, settings.names);
  return crossFit(
    rows,
    {
      answered,
      sample: ({ features, recommender, languageModel, actual }): Sample | null => {
        if (languageModel === null) return null;
        return { features, loss: normalLoss(recommender, languageModel, actual) };
      },
      compare: (all, alphas) => {
        const errors = (alpha: (n: number) => number): Float64Array =>
          Float64Array.from(all, (row, n) => mixRatings(row, alpha(n)) - row.actual);
        const alone = errors(() => 0);
        const mixed = errors((n) => alphas[n]);
        const [before, after] = [rootMeanSquare(alone), rootMeanSquare(mixed)];
        return {
          gain: before - after,
          shares: mixed.map(
            (error, n) => influence(alone[n] * alone[n], before) - influence(error * error, after),
          ),
          signs: Int8Array.from(mixed, (error, n) => Math.sign(Math.abs(alone[n]) - Math.abs(error))),
        };
      },
    },
    settings,
  );
}

function withDefaults(options: LearningOptions, names: readonly string[]): Required<LearningOptions> {
  const told = Object.entries(options).filter(([, value]) => value !== undefined);
  const settings = { ...DEFAULTS, names, ...Object.fromEntries(told) };
  checkOptions(settings);
  return settings;
}

function checkOptions({ names, folds, seed, ridge, cap, standardErrors }: Required<LearningOptions>): void {
  if (names.length > 10) throw argumentError("names", "at most 10 features", names.length);
  if (!Number.isInteger(folds) || folds < 2) throw argumentError("folds", "an integer from 2", folds);
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw argumentError("seed", "a non-negative safe integer", seed);
  if (!(ridge > 0 && ridge < Number.POSITIVE_INFINITY))
    throw argumentError("ridge", "a number above 0", ridge);
  if (!(cap > 0 && cap <= 1)) throw argumentError("cap", "a number above 0, at most 1", cap);
  if (!(standardErrors >= 0)) throw argumentError("standardErrors", "a number from 0", standardErrors);
}

function checkAnsweredFeatures<R extends LearningRow>(
  rows: readonly R[],
  answered: (row: R) => boolean,
  names: readonly string[],
): void {
  rows.forEach((row, n) => {
    if (!Number.isInteger(row.user) || row.user < 0)
      throw argumentError(`rows[${n}].user`, "a user index", row.user);
    if (!Number.isInteger(row.interactions) || row.interactions < 0)
      throw argumentError(`rows[${n}].interactions`, "a count from 0", row.interactions);
    if (answered(row)) checkFeatures(`rows[${n}].features`, row.features, names);
  });
}

function rootMeanSquare(errors: Float64Array): number {
  return Math.sqrt(errors.reduce((sum, error) => sum + error * error, 0) / errors.length);
}

/** Share of a squared error in a root mean square, to first order. */
function influence(square: number, root: number): number {
  return root === 0 ? 0 : square / (2 * root);
}
