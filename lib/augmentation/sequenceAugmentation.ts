import { Random } from "../data/random.js";
import type { TrainView } from "../data/trainView.js";
import { inFlight } from "../llm/inFlight.js";
import type { LanguageModel, RankMode } from "../llm/languageModel.js";
import { buildChoicePrompt } from "../llm/prompts/build.js";
import { historyOf } from "../llm/prompts/history.js";
import { SEQUENTIAL_TEMPLATE } from "../llm/prompts/sequential.js";
import { argumentError } from "../native/errors.js";
import { type InsertionRecord, promptHash, type Recorded } from "./records.js";

/** Options of {@link augmentSequences}. */
export interface SequenceAugmentationOptions {
  /** Seed of candidates, their order and positions. */
  readonly seed: number;
  /** Unseen items the language model chooses from, at least 2; default 10. */
  readonly candidates?: number;
  /** Questions a user, each with candidates of its own; default 1. */
  readonly insertions?: number;
  /** Newest items of the user's history in the prompt, default 50; 0 leaves it out. */
  readonly historyTitles?: number;
  /** How the language model scores candidates, default `likelihood`, where no place in a list can decide. */
  readonly mode?: RankMode;
  /** Called after each user. */
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** What the language model wrote for the conventional one. */
export interface AugmentedSequences extends Recorded<"insertions"> {
  /** Flat triples (user, position, item), users ascending: the item goes before the one at this position. */
  readonly insertions: Int32Array;
  /** Questions asked: with the default of one insertion a user, users asked about. */
  readonly asked: number;
  /** Of these, answered: the triples. */
  readonly answered: number;
}

/**
 * Data augmentation for sequential recommendation (Llama4Rec, section "data augmentation"): of some random unseen items the
 * language model picks the one that the user would take next, and that item is put into the training history at a random
 * place, never after the last item. "Unseen" means not in the training view; held-out items are drawn like any other. A
 * question without an answer puts nothing in.
 *
 * Candidates and positions follow from seed and user alone, never from answers.
 *
 * @throws Llama4RecError `E_ARGUMENT` for fewer than two candidates or one insertion; the signal's reason when aborted.
 */
export async function augmentSequences(
  model: LanguageModel,
  view: TrainView,
  options: SequenceAugmentationOptions,
): Promise<AugmentedSequences> {
  const { seed, candidates = 10, insertions = 1, historyTitles = 50, mode = "likelihood", signal } = options;
  if (!Number.isInteger(candidates) || candidates < 2)
    throw argumentError("candidates", "an integer of at least 2", candidates);
  if (!Number.isInteger(insertions) || insertions < 1)
    throw argumentError("insertions", "an integer of at least 1", insertions);
  const users = Int32Array.from(view.userCounts.keys()).filter((user) => view.userCounts[user] > 0);
  let done = 0;
  const answers = await inFlight([...users], { signal }, async (user, signal) => {
    const history = historyOf(view, user, historyTitles);
    const asked = questions(view, user, { seed, candidates, insertions }).map(
      async ({ items, position }): Promise<InsertionRecord> => {
        signal.throwIfAborted();
        const input = { history, candidates: items.map((item) => view.titles[item]) };
        const prompt = buildChoicePrompt(input, { model, mode, template: SEQUENTIAL_TEMPLATE });
        const answer = await model.choose(prompt, { signal });
        return {
          user,
          position,
          candidates: items,
          promptHash: promptHash([prompt.prefix, ...prompt.candidates]),
          answer: answer.answered ? items[answer.index] : null,
        };
      },
    );
    const chosen = await Promise.all(asked);
    options.onProgress?.(++done, users.length);
    return chosen;
  });
  const records = answers.flat();
  const triples = insertionTriples(records);
  const counts = { asked: records.length, answered: triples.length / 3 };
  return {
    insertions: triples,
    ...counts,
    records,
    provenance: {
      recipe: "insertions",
      view: view.digest,
      model: model.id,
      template: SEQUENTIAL_TEMPLATE.version,
      seed,
      options: { candidates, insertions, historyTitles, mode },
      counts: { ...counts, used: counts.answered },
    },
  };
}

/** Flat triples (user, position, item) of the records that have an answer: what training takes. */
export function insertionTriples(records: readonly InsertionRecord[]): Int32Array {
  return Int32Array.from(
    records.flatMap(({ user, position, answer }) => (answer === null ? [] : [user, position, answer])),
  );
}

interface Question {
  /** Unseen items in the order they are shown. */
  readonly items: readonly number[];
  /** Place in the user's training row that the chosen one goes before. */
  readonly position: number;
}

/** A user's questions: no item in two of them, none with fewer than two items. */
function questions(
  view: TrainView,
  user: number,
  { seed, candidates, insertions }: { seed: number; candidates: number; insertions: number },
): Question[] {
  const random = new Random(seed, user);
  const positions = Array.from({ length: insertions }, () => random.below(view.userCounts[user]));
  const unseen = Math.min(candidates * insertions, view.itemCount - view.userCounts[user]);
  const drawn = new Set<number>();
  while (drawn.size < unseen) {
    const item = random.below(view.itemCount);
    if (!view.has(user, item)) drawn.add(item);
  }
  const order = [...drawn];
  return positions
    .map((position, index) => ({
      position,
      items: order.slice(index * candidates, (index + 1) * candidates),
    }))
    .filter(({ items }) => items.length >= 2);
}
