import { Random } from "../data/random.js";
import type { TrainView } from "../data/trainView.js";
import type { LanguageModel } from "../llm/languageModel.js";
import { buildPairPrompt } from "../llm/prompts/build.js";
import { type Ranker, rowsOf } from "../models/ranker.js";
import { topKRow } from "../native/catalogue.js";
import { newestTitles } from "./titles.js";

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
  /** Newest titles of the user's history in the prompt, default 50; 0 leaves it out. */
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
  const triples: number[] = [];
  let asked = 0;
  let answered = 0;
  let consistent = 0;
  for (const [index, pair] of pairs.entries()) {
    signal?.throwIfAborted();
    if (pair !== null) {
      const user = users[index];
      const history = newestTitles(view, user, historyTitles);
      const items = [view.titles[pair[0]], view.titles[pair[1]]] as const;
      const answer = await model.compare(buildPairPrompt({ history, items }, { model }), { signal });
      asked++;
      if (answer.answered) {
        answered++;
        if (answer.consistent) {
          consistent++;
          triples.push(user, pair[answer.preferred], pair[1 - answer.preferred]);
        }
      }
    }
    options.onProgress?.(index + 1, users.length);
  }
  signal?.throwIfAborted(); // what was asked when the signal fired is not a model without an answer
  return { triples: Int32Array.from(triples), asked, answered, consistent };
}

type Pair = readonly [first: number, second: number] | null;

function backbonePairs(ranker: Ranker, view: TrainView, users: Int32Array): Pair[] {
  const top = ranker.topK(users, { k: Math.min(2, ranker.itemCount), excluded: rowsOf(view, users) });
  return Array.from(users, (_, row) => {
    const [first, second] = topKRow(top, row);
    return second === undefined ? null : [first, second];
  });
}

function randomPairs(view: TrainView, users: Int32Array, seed: number): Pair[] {
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
