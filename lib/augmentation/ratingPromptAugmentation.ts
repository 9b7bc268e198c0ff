import type { TrainView } from "../data/trainView.js";
import type { RatePromptInput } from "../llm/prompts/build.js";
import { historyOf } from "../llm/prompts/history.js";
import type { Rater } from "../models/ratings.js";
import { argumentError } from "../native/errors.js";
import { mostSimilarUsers, type UserVectors } from "./similarUsers.js";

/** How much the conventional model writes into a rating prompt. */
export interface RatingPromptOptions {
  /** Newest items of the user's own history, with ratings; default 50. */
  readonly historyTitles?: number;
  /** Newest items of the most similar user's history, with ratings; default 50, 0 leaves it out. */
  readonly similarTitles?: number;
  /** Whether the prompt tells the rating that the backbone expects; default true. */
  readonly expected?: boolean;
  /** The possible ratings, strictly ascending. Default: those of the training view. */
  readonly scale?: readonly number[];
}

/** Writes what the conventional model knows of a user and an item into a rating prompt. */
export interface RatingPromptAugmenter {
  /**
   * Input of {@link buildRatePrompt}.
   * @param user Index in the training view.
   * @param item Item that the user has not rated in training.
   * @throws Llama4RecError `E_ARGUMENT` for an unknown user or item, or one that the user has rated in training: the
   *   backbone has seen that rating.
   */
  describe(user: number, item: number): RatePromptInput;
}

/**
 * Prompt augmentation for ratings (Llama4Rec, section "prompt augmentation"): the rated history of the most similar user
 * by cosine over the backbone's user vectors, and the backbone's own rating as a number. It reads the training view alone.
 *
 * @throws Llama4RecError `E_ARGUMENT` when the predictor is one of other users; `E_BACKBONE` when similar users are asked
 *   of a backbone that has no user vectors.
 * @example
 * ```ts
 * const augmenter = ratingPromptAugmenter(predictor, parts.train);
 * const answer = await model.rate(buildRatePrompt(augmenter.describe(user, item), { model }));
 * ```
 */
export function ratingPromptAugmenter(
  predictor: Pick<Rater, "predict"> & UserVectors,
  view: TrainView,
  options: RatingPromptOptions = {},
): RatingPromptAugmenter {
  const { historyTitles = 50, similarTitles = 50, expected = true } = options;
  const scale = options.scale ?? [...new Set(view.ratings)].sort((a, b) => a - b);
  const similar = similarTitles === 0 ? null : mostSimilarUsers(predictor, view);
  return {
    describe: (user, item) => {
      checkIndex("user", user, view.userCount);
      checkIndex("item", item, view.itemCount);
      if (view.has(user, item))
        throw argumentError("item", `an item that user ${user} has not rated in training`, item);
      const [rating] = predictor.predict(Int32Array.of(user), Int32Array.of(item));
      const other = similar?.[user] ?? -1;
      return {
        title: view.titles[item],
        scale,
        history: historyOf(view, user, historyTitles),
        similarUserHistory: other < 0 ? [] : historyOf(view, other, similarTitles),
        ...(expected ? { expected: rating } : {}),
      };
    },
  };
}

function checkIndex(name: string, index: number, count: number): void {
  if (!Number.isInteger(index) || index < 0 || index >= count)
    throw argumentError(name, `an index in 0..${count - 1}`, index);
}
