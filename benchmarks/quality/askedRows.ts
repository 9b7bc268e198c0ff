import { setMaxListeners } from "node:events";
import type { TrainView } from "../../lib/data/trainView.js";
import {
  type Asked,
  askedOrder,
  askedPairs,
  askedRating,
  type OrderMode,
  type PairCounts,
} from "../../lib/evaluation/askedModel.js";
import { historyOf } from "../../lib/llm/prompts/history.js";
import type { RatedRows } from "../../lib/models/reference/bias.js";
import { type Orders, type RatingErrors, ratingErrors } from "./candidateRivals.js";
import { bySet, type CandidateSet, type CandidateSets } from "./lastOut.js";

/** Newest items of a user in a prompt. */
export const HISTORY_ITEMS = 45;
/** Users whose questions are asked at once: the model need not wait for the next prompt. */
const USERS_IN_FLIGHT = 4;

/** Candidates in the model's order; a user's two rows share one prefix. */
export async function ordersOf(
  asked: Asked,
  view: TrainView,
  rows: CandidateSets,
  mode: OrderMode,
  onProgress: (done: number, total: number) => void,
): Promise<Orders> {
  let done = 0;
  const both = await inFlight(rows.uniform, asked.signal, async (row, index) => {
    const history = historyOf(view, row.user, HISTORY_ITEMS);
    const orders = await Promise.all([
      askedOrder(asked, history, row.candidates, mode),
      askedOrder(asked, history, rows.popularity[index].candidates, mode),
    ]);
    onProgress(++done, rows.uniform.length);
    return orders;
  });
  return { uniform: both.map(([order]) => order), popularity: both.map(([, order]) => order) };
}

/** Held-out items against their negatives. */
export async function pairsOf(
  asked: Asked,
  view: TrainView,
  rows: CandidateSets,
  onProgress: (done: number, total: number) => void,
): Promise<Record<CandidateSet, PairCounts>> {
  let done = 0;
  const both = await inFlight(rows.uniform, asked.signal, async (row, index) => {
    const history = historyOf(view, row.user, HISTORY_ITEMS);
    const [uniform, popularity] = await Promise.all([
      askedPairs(asked, history, row),
      askedPairs(asked, history, rows.popularity[index]),
    ]);
    onProgress(++done, rows.uniform.length);
    return { uniform, popularity };
  });
  return bySet((set) => {
    const total = (field: keyof PairCounts): number => both.reduce((sum, row) => sum + row[set][field], 0);
    return {
      answered: total("answered"),
      won: total("won"),
      consistent: total("consistent"),
      unanswered: total("unanswered"),
    };
  });
}

/** Errors of the expected ratings; where the model gave no answer, of the mean of the view. */
export async function ratingsOf(
  asked: Asked,
  view: TrainView,
  rows: RatedRows,
  onProgress: (done: number, total: number) => void,
): Promise<RatingErrors & { unanswered: number }> {
  const scale = [...new Set(view.ratings)].sort((a, b) => a - b);
  const mean = view.ratings.reduce((sum, rating) => sum + rating, 0) / view.ratings.length;
  let done = 0;
  const answers = await inFlight(Array.from(rows.users), asked.signal, async (user, row) => {
    const answer = await askedRating(asked, historyOf(view, user, HISTORY_ITEMS), rows.items[row], scale);
    onProgress(++done, rows.users.length);
    return answer;
  });
  const predicted = answers.map((answer) => answer ?? mean);
  return { ...ratingErrors(predicted, rows), unanswered: answers.filter((answer) => answer === null).length };
}

/**
 * `work` on every entry, at most {@link USERS_IN_FLIGHT} at a time; results in the order of the entries.
 * @throws the signal's reason when aborted: what was asked by then is no model without an answer.
 */
export async function inFlight<T, R>(
  entries: readonly T[],
  signal: AbortSignal | undefined,
  work: (entry: T, index: number) => Promise<R>,
): Promise<R[]> {
  if (signal !== undefined) setMaxListeners(0, signal); // a listener a question
  const results: R[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < entries.length) {
      const index = next++;
      results[index] = await work(entries[index], index);
      signal?.throwIfAborted();
    }
  };
  await Promise.all(Array.from({ length: USERS_IN_FLIGHT }, lane));
  return results;
}
