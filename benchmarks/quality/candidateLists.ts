import type { Dataset } from "../../lib/data/dataset.js";
import { openDataset } from "../../lib/data/open.js";
import { generateShop } from "../../lib/data/shop/generate.js";
import { split } from "../../lib/data/split.js";
import type { TrainView } from "../../lib/data/trainView.js";
import { ratingScale } from "../../lib/evaluation/refinement.js";
import { embeddedModel } from "../../lib/llm/embedded.js";
import type { OrderInput } from "../../lib/llm/ordering/types.js";
import { historyOf } from "../../lib/llm/prompts/history.js";
import { forEachTopList } from "../../lib/models/fullRanking.js";
import { ease } from "../../lib/models/reference/ease.js";
import { argumentError } from "../../lib/native/errors.js";

/** Ridge weight of the EASE that makes the lists; its quality does not matter here. */
const LAMBDA = 300;
const HISTORY_TITLES = 45;
/** Titles of the list that the prompt tells as the other recommender's prediction. */
const PREDICTION_TITLES = 5;

/** A user's ten best items of EASE and how the language model is asked about them. */
export interface CandidateList {
  readonly user: number;
  /** `[10]` in the order of EASE. */
  readonly items: Int32Array;
}

/** Lists of the first users, and what prompts need to ask about them. */
export interface CandidateLists {
  readonly dataset: Dataset;
  readonly lists: readonly CandidateList[];
  /** What the model is told of a list whose items have these titles. */
  promptOf(list: CandidateList, titleOf: (item: number) => string): OrderInput;
}

/** The data set, by default the generated shop, with lists of its first `users` test rows. */
export async function openLists(data: string | undefined, users: number): Promise<CandidateLists> {
  const dataset = data === undefined ? generateShop() : await openDataset({ data });
  const { train, test } = split(dataset);
  const lists: CandidateList[] = [];
  using ranker = await ease(train, { lambda: LAMBDA });
  forEachTopList(ranker, train, test, {}, (row, items) => {
    if (lists.length < users) lists.push({ user: test.users[row], items: items.slice() });
  });
  const scale = ratingScale(dataset.interactions.ratings);
  return { dataset, lists, promptOf: (list, titleOf) => promptOf(list, titleOf, { view: train, scale }) };
}

function promptOf(
  { user, items }: CandidateList,
  titleOf: (item: number) => string,
  { view, scale }: { view: TrainView; scale: readonly number[] },
): OrderInput {
  const candidates = Array.from(items, titleOf);
  return {
    history: historyOf(view, user, HISTORY_TITLES),
    backbonePrediction: candidates.slice(0, PREDICTION_TITLES),
    candidates,
    scale,
    user,
  };
}

/** The model to measure: the file, or the embedded one where the data is the shop that it knows. */
export function modelFile(file: string | undefined, data: string | undefined): string {
  const embedded = data === undefined ? embeddedModel()?.modelPath : undefined;
  const found = file ?? embedded;
  if (found === undefined) throw argumentError("model", "a GGUF file", "none");
  return found;
}
