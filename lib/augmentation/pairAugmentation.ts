import { Random } from "../data/random.js";
import type { TrainView } from "../data/trainView.js";
import { inFlight } from "../llm/inFlight.js";
import type { LanguageModel } from "../llm/languageModel.js";
import { buildPairPrompt } from "../llm/prompts/build.js";
import { DIRECT_TEMPLATE } from "../llm/prompts/direct.js";
import { historyOf } from "../llm/prompts/history.js";
import { type Ranker, rowsOf } from "../models/ranker.js";
import { topKRow } from "../native/catalogue.js";
import { argumentError } from "../native/errors.js";
import { type PairRecord, promptHash, type Recorded } from "./records.js";

/** Where the two items of a pair come from; both are unseen, that is, not in the user's training items. */
export type PairSource =
  /** The backbone's best unseen items: ranks 1 and 2, 3 and 4, and so on. */
  | "backbone"
  /** Two different unseen items at random. */
  | "random"
  /** One pair of each for every pair asked for. */
  | "both";

const sources: readonly PairSource[] = ["backbone", "random", "both"];
const MOST_PAIRS = 100;

/** Options of {@link augmentPairs}. */
export interface PairAugmentationOptions {
  /** Default `backbone`. */
  readonly source?: PairSource;
  /** Pairs a user and source, 1 to 100, default 1; fewer where the unseen items are too few. None is asked twice. */
  readonly pairs?: number;
  /** Seed of random pairs and of nothing else. */
  readonly seed: number;
  /** Newest items of the user's history in the prompt, default 50; 0 leaves it out. */
  readonly historyTitles?: number;
  /** Called after each question. */
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** What the language model wrote for the conventional one. */
export interface AugmentedPairs extends Recorded<"pairs"> {
  /** Flat triples (user, preferred item, other item), users ascending. */
  readonly triples: Int32Array;
  /** Questions asked: with the default of one pair a user, users asked about. */
  readonly asked: number;
  /** Of these, answered. */
  readonly answered: number;
  /** Of the answers, those where both orders of the question named the same item: the triples. */
  readonly consistent: number;
}

/**
 * Data augmentation for direct recommendation (Llama4Rec Eq. 3): the language model orders pairs of unseen items;
 * the triples join the BPR data with weight 1. Left out are pairs without an answer and pairs where the two orders of
 * the question disagree: there the position decided, not the items. Users without training items are not asked about.
 *
 * @throws Llama4RecError `E_ARGUMENT` for a bad option or a vocabulary without labels; the signal's reason when aborted.
 */
export async function augmentPairs(
  model: LanguageModel,
  ranker: Ranker,
  view: TrainView,
  options: PairAugmentationOptions,
): Promise<AugmentedPairs> {
  const { source = "backbone", pairs = 1, seed, historyTitles = 50, signal } = options;
  if (!sources.includes(source)) throw argumentError("source", `one of ${sources.join(", ")}`, source);
  if (!Number.isInteger(pairs) || pairs < 1 || pairs > MOST_PAIRS)
    throw argumentError("pairs", `an integer in 1..${MOST_PAIRS}`, pairs);
  const questions = questionsOf(ranker, view, { source, pairs, seed });
  let done = 0;
  const ask = async (question: PairQuestion, signal: AbortSignal): Promise<PairRecord> => {
    const { user, items } = question;
    const history = historyOf(view, user, historyTitles);
    const titles = [view.titles[items[0]], view.titles[items[1]]] as const;
    const prompt = buildPairPrompt({ history, items: titles }, { model });
    const answer = await model.compare(prompt, { signal });
    options.onProgress?.(++done, questions.length);
    const hash = promptHash([prompt.prefix, ...prompt.questions]);
    if (!answer.answered) return { ...question, promptHash: hash, answer: null };
    const { preferred, margin, consistent } = answer;
    return { ...question, promptHash: hash, answer: { preferred, margin, consistent } };
  };
  const records = await inFlight(questions, { signal }, ask);
  const triples = pairTriples(records);
  const asked = records.length;
  const answered = records.filter(({ answer }) => answer !== null).length;
  const consistent = triples.length / 3;
  return {
    triples,
    asked,
    answered,
    consistent,
    records,
    provenance: {
      recipe: "pairs",
      view: view.digest,
      model: model.id,
      template: DIRECT_TEMPLATE.version,
      seed,
      options: { source, pairs, historyTitles, backbone: source === "random" ? null : ranker.name },
      counts: { asked, answered, used: consistent },
    },
  };
}

/** Flat triples (user, preferred item, other item) of the records whose answer is consistent: what training takes. */
export function pairTriples(records: readonly PairRecord[]): Int32Array {
  const triples = records.flatMap(({ user, items, answer }) =>
    answer?.consistent ? [user, items[answer.preferred], items[1 - answer.preferred]] : [],
  );
  return Int32Array.from(triples);
}

type Pair = readonly [first: number, second: number];
type PairQuestion = Pick<PairRecord, "user" | "items" | "source">;

/** All questions, users ascending, each user's best ranked pair first. */
function questionsOf(
  ranker: Ranker,
  view: TrainView,
  { source, pairs, seed }: { source: PairSource; pairs: number; seed: number },
): PairQuestion[] {
  const users = Int32Array.from(view.userCounts.keys()).filter((user) => view.userCounts[user] > 0);
  const top =
    source === "random"
      ? null
      : ranker.topK(users, { k: Math.min(2 * pairs, ranker.itemCount), excluded: rowsOf(view, users) });
  return Array.from(users).flatMap((user, row) => {
    const ranked = top === null ? [] : pairsInOrder(topKRow(top, row));
    const drawn = source === "backbone" ? [] : randomPairs(view, user, ranked, { pairs, seed });
    return [
      ...ranked.map((items) => ({ user, items, source: "backbone" as const })),
      ...drawn.map((items) => ({ user, items, source: "random" as const })),
    ];
  });
}

/** The first and the second, the third and the fourth, and so on; a last one without a partner is left out. */
function pairsInOrder(items: Int32Array): Pair[] {
  return Array.from({ length: items.length >> 1 }, (_, n) => [items[2 * n], items[2 * n + 1]]);
}

/** Random pairs of unseen items, none of which is another or one of `taken` in any order. */
function randomPairs(
  view: TrainView,
  user: number,
  taken: readonly Pair[],
  { pairs, seed }: { pairs: number; seed: number },
): Pair[] {
  const unseen = view.itemCount - view.userCounts[user];
  const room = Math.min(pairs, (unseen * (unseen - 1)) / 2 - taken.length);
  const random = new Random(seed, user);
  const draw = (other?: number): number => {
    for (;;) {
      const item = random.below(view.itemCount);
      if (item !== other && !view.has(user, item)) return item;
    }
  };
  const keyOf = ([a, b]: Pair): number => Math.min(a, b) * view.itemCount + Math.max(a, b);
  const known = new Set(taken.map(keyOf));
  const drawn: Pair[] = [];
  while (drawn.length < room) {
    const first = draw();
    const pair: Pair = [first, draw(first)];
    if (known.has(keyOf(pair))) continue;
    known.add(keyOf(pair));
    drawn.push(pair);
  }
  return drawn;
}
