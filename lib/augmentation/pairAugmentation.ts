import { Random } from "../data/random.js";
import type { TrainView } from "../data/trainView.js";
import { inFlight } from "../llm/inFlight.js";
import type { LanguageModel } from "../llm/languageModel.js";
import { buildPairPrompt, type PairPrompt } from "../llm/prompts/build.js";
import { historyOf } from "../llm/prompts/history.js";
import { type Ranker, rowsOf } from "../models/ranker.js";
import { topKRow } from "../native/catalogue.js";

/** Where the two items of a pair come from; both are unseen, that is, not in the user's training items. */
export type PairSource =
  /** The backbone's two best unseen items. */
  | "backbone"
  /** Two different unseen items at random. */
  | "random";

/** Options of {@link augmentPairs}. */
export interface PairAugmentationOptions {
  /** Default `backbone`. */
  readonly source?: PairSource;
  /** Seed of random pairs and of nothing else. */
  readonly seed: number;
  /** Newest items of the user's history in the prompt, default 50; 0 leaves it out. */
  readonly historyTitles?: number;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** What the language model wrote for the conventional one. */
export interface AugmentedPairs {
  /** Flat triples (user, preferred item, other item). */
  readonly triples: Int32Array;
  /** Users asked about. */
  readonly asked: number;
  /** Of these, answered. */
  readonly answered: number;
  /** Of the answers, those where both orders of the question named the same item: the triples. */
  readonly consistent: number;
}

/**
 * Data augmentation for direct recommendation (Llama4Rec Eq. 3): the language model orders one pair of unseen items a
 * user; the triples join the BPR data with weight 1. Left out are pairs without an answer and pairs where the two orders of
 * the question disagree: there the position decided, not the items.
 *
 * @throws Llama4RecError `E_ARGUMENT` for a vocabulary without labels; the signal's reason when aborted.
 */
export async function augmentPairs(
  model: LanguageModel,
  ranker: Ranker,
  view: TrainView,
  options: PairAugmentationOptions,
): Promise<AugmentedPairs> {
  const { source = "backbone", historyTitles = 50, signal } = options;
  const users = Int32Array.from(view.userCounts.keys()).filter((user) => view.userCounts[user] > 0);
  const pairs =
    source === "backbone" ? backbonePairs(ranker, view, users) : randomPairs(view, users, options.seed);
  const promptOf = (user: number, [first, second]: Pair): PairPrompt => {
    const history = historyOf(view, user, historyTitles);
    return buildPairPrompt({ history, items: [view.titles[first], view.titles[second]] }, { model });
  };
  let done = 0;
  const answers = await inFlight(pairs, { signal }, async (pair, signal, index) => {
    const answer = pair && (await model.compare(promptOf(users[index], pair), { signal }));
    options.onProgress?.(++done, users.length);
    return answer;
  });
  const triples: number[] = [];
  const answered = answers.filter((answer) => answer?.answered).length;
  for (const [index, pair] of pairs.entries()) {
    const answer = answers[index];
    if (pair !== null && answer?.answered && answer.consistent)
      triples.push(users[index], pair[answer.preferred], pair[1 - answer.preferred]);
  }
  return {
    triples: Int32Array.from(triples),
    asked: pairs.filter((pair) => pair !== null).length,
    answered,
    consistent: triples.length / 3,
  };
}

type Pair = readonly [first: number, second: number];

function backbonePairs(ranker: Ranker, view: TrainView, users: Int32Array): (Pair | null)[] {
  const top = ranker.topK(users, { k: Math.min(2, ranker.itemCount), excluded: rowsOf(view, users) });
  return Array.from(users, (_, row) => {
    const [first, second] = topKRow(top, row);
    return second === undefined ? null : [first, second];
  });
}

function randomPairs(view: TrainView, users: Int32Array, seed: number): (Pair | null)[] {
  return Array.from(users, (user) => {
    if (view.itemCount - view.userCounts[user] < 2) return null;
    const random = new Random(seed, user);
    const unseen = (): number => {
      for (;;) {
        const item = random.below(view.itemCount);
        if (!view.has(user, item)) return item;
      }
    };
    const first = unseen();
    for (;;) {
      const second = unseen();
      if (second !== first) return [first, second];
    }
  });
}
