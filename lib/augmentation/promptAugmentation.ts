import type { TrainView } from "../data/trainView.js";
import type { UserPromptInput } from "../llm/prompts/build.js";
import { historyOf } from "../llm/prompts/history.js";
import type { TrainedRanker } from "../models/ranker.js";
import { mostSimilarUsers } from "./similarUsers.js";

/** How much the conventional model writes into a prompt. */
export interface PromptAugmentationOptions {
  /** Newest items of the user's own history, default 50. */
  readonly historyTitles?: number;
  /** Newest items of the most similar user's history, default 50. */
  readonly similarTitles?: number;
  /** Titles of the backbone's own prediction, default 5. */
  readonly predictionTitles?: number;
}

/** Writes what the conventional model knows of a user into the prompt: titles, in histories with ratings. */
export interface PromptAugmenter {
  /**
   * @param user Index in the training view.
   * @param candidates Item indices in the backbone's order; its first ones are the backbone's prediction.
   */
  describe(user: number, candidates: Int32Array): UserPromptInput;
}

/**
 * Prompt augmentation (Llama4Rec, section "prompt augmentation"): the history of the most similar user and the
 * backbone's own prediction. It reads the training view alone; a length of 0 leaves a field out.
 */
export function promptAugmenter(
  ranker: TrainedRanker,
  view: TrainView,
  options: PromptAugmentationOptions = {},
): PromptAugmenter {
  const { historyTitles = 50, similarTitles = 50, predictionTitles = 5 } = options;
  const similar = mostSimilarUsers(ranker, view);
  return {
    describe: (user, candidates) => ({
      history: historyOf(view, user, historyTitles),
      similarUserHistory: similar[user] < 0 ? [] : historyOf(view, similar[user], similarTitles),
      backbonePrediction: Array.from(candidates.slice(0, predictionTitles), (item) => view.titles[item]),
    }),
  };
}
