import { promptAugmenter } from "../augmentation/promptAugmentation.js";
import type { Dataset } from "../data/dataset.js";
import type { HeldOut } from "../data/heldOut.js";
import { type Protocol, split, wholeView } from "../data/split.js";
import type { TrainView } from "../data/trainView.js";
import { type Choice, chooseWeights, modeOf } from "../evaluation/mixture.js";
import { type RefineOptions, refine } from "../evaluation/refinement.js";
import { methodOf } from "../evaluation/tasks.js";
import { loadLanguageModel } from "../llm/load.js";
import type { BackboneDefinition, RatingDefinition } from "../models/backbone.js";
import type { TrainedRanker } from "../models/ranker.js";
import type { RatingPredictor } from "../models/ratingPredictor.js";
import { argumentError } from "../native/errors.js";
import { saveRecommender } from "../serving/save.js";
import { type TrainOptions, train } from "../training/train.js";
import type { ProgressBars } from "./progress.js";
import { trainedRater } from "./rater.js";

/** What a recommender's folder is made of. */
export interface RecommenderPlan {
  readonly folder: string;
  readonly dataset: Dataset;
  readonly backbone: BackboneDefinition;
  readonly protocol: Protocol;
  /** A backbone that rates, beside the one that ranks; default: none. */
  readonly rater?: RatingDefinition | null;
  /** A GGUF file; null: none. */
  readonly languageModel: string | null;
  readonly seed: number;
  readonly hyperparameters?: Readonly<Record<string, number>>;
}

/** What came of it. */
export interface MadeRecommender {
  readonly generation: string;
  /** How the language model is mixed in; null without one. */
  readonly choice: Choice | null;
  readonly users: number;
  readonly items: number;
  /** Interactions that were learnt from. */
  readonly trainedOn: number;
}

/**
 * Trains on the training rows, lets validation rows choose epochs and alpha, trains again so long on all rows, nothing held
 * out, and saves that as a recommender's folder: what it is worth is measured by `run`, this one serves.
 */
export async function makeRecommender(
  plan: RecommenderPlan,
  bars: ProgressBars,
  signal: AbortSignal,
): Promise<MadeRecommender> {
  const { dataset, backbone, protocol, languageModel, hyperparameters, seed, rater: rating = null } = plan;
  const method = methodOf(backbone.task);
  const { train: view, validation } = split(dataset, { protocol, leastHistory: method.leastHistory });
  if (validation.users.length === 0)
    throw argumentError("dataset", "at least one validation row whose item somebody has in training", "none");
  const masking = method.masking(protocol);
  const trained = async (
    stage: string,
    options: Pick<TrainOptions, "view" | "hyperparameters" | "validation">,
  ) =>
    train({
      ...{ backbone, seed, signal },
      ...options,
      onEpoch: ({ epoch, epochs, loss }) => bars.update(stage, epoch, epochs, `loss ${loss.toFixed(4)}`),
    });
  const chosen = await trained(`train ${backbone.name}`, {
    ...{ view, hyperparameters },
    validation: { heldOut: validation, metric: "ndcg@10", masking },
  });
  try {
    const choice =
      languageModel === null
        ? null
        : await chosenWeights(languageModel, chosen.ranker, view, validation, {
            ...{ masking, signal },
            template: method.template,
            onProgress: (done, total) => bars.update("language model ranks validation", done, total),
          });
    const whole = wholeView(dataset, { protocol });
    const { ranker } = await trained(`train ${backbone.name} on all rows`, {
      view: whole,
      hyperparameters: { ...chosen.hyperparameters, epochs: chosen.epoch },
    });
    let rater: RatingPredictor | null = null;
    try {
      if (rating !== null)
        rater = await trainedRater({ dataset, backbone: rating, protocol, seed }, bars, signal);
      const generation = await saveRecommender(plan.folder, {
        ...{ ranker, rater, view: whole, languageModel },
        users: dataset.users,
        items: dataset.items,
        mixing: choice === null ? undefined : { ...weightsOf(choice), mode: modeOf(choice) },
        excludeSeen: masking === "seen",
      });
      return {
        ...{ generation, choice },
        users: dataset.users.size,
        items: dataset.items.size,
        trainedOn: whole.interactionCount,
      };
    } finally {
      rater?.dispose();
      ranker.dispose();
    }
  } finally {
    chosen.ranker.dispose();
  }
}

const weightsOf = ({ alpha1, alpha2 }: Choice) => ({ alpha1, alpha2 });

/** alpha and the way to ask, by validation rows alone. */
async function chosenWeights(
  modelPath: string,
  ranker: TrainedRanker,
  view: TrainView,
  validation: HeldOut,
  options: Omit<RefineOptions, "languageModel" | "augmenter">,
): Promise<Choice> {
  await using languageModel = await loadLanguageModel({ modelPath, signal: options.signal });
  const augmenter = promptAugmenter(ranker, view);
  return chooseWeights(
    await refine(ranker, view, validation, { ...options, languageModel, augmenter }),
    view,
  );
}
