import type { TrainView } from "../../lib/data/trainView.js";
import { inFlight } from "../../lib/llm/inFlight.js";
import { historyOf } from "../../lib/llm/prompts/history.js";
import type { RatedRows } from "../../lib/models/reference/bias.js";
import {
  type Asked,
  askedOrder,
  askedPairs,
  askedRating,
  type OrderMode,
  type PairCounts,
} from "./askedModel.js";
import { type Orders, type RatingErrors, ratingErrors } from "./candidateRivals.js";
import { bySet, type CandidateSet, type CandidateSets } from "./lastOut.js";

/** Newest items of a user in a prompt. */
export const HISTORY_ITEMS = 45;
/** Users whose questions are asked at once: the model need not wait for the next prompt. */
export const USERS_IN_FLIGHT = 4;

/** How users are asked about. */
const many = ({ signal }: Asked) => ({ limit: USERS_IN_FLIGHT, signal });

/** Candidates in the model's order; a user's two rows share one prefix. */
export async function ordersOf(
  given: Asked,
  view: TrainView,
  rows: CandidateSets,
  mode: OrderMode,
  onProgress: (done: number, total: number) => void,
): Promise<Orders> {
  let done = 0;
  const both = await inFlight(rows.uniform, many(given), async (row, signal, index) => {
    const asked = { ...given, signal };
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
  given: Asked,
  view: TrainView,
  rows: CandidateSets,
  onProgress: (done: number, total: number) => void,
): Promise<Record<CandidateSet, PairCounts>> {
  let done = 0;
  const both = await inFlight(rows.uniform, many(given), async (row, signal, index) => {
    const asked = { ...given, signal };
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
  given: Asked,
  view: TrainView,
  rows: RatedRows,
  onProgress: (done: number, total: number) => void,
): Promise<RatingErrors & { unanswered: number }> {
  const scale = [...new Set(view.ratings)].sort((a, b) => a - b);
  const mean = view.ratings.reduce((sum, rating) => sum + rating, 0) / view.ratings.length;
  let done = 0;
  const answers = await inFlight(Array.from(rows.users), many(given), async (user, signal, row) => {
    const asked = { ...given, signal };
    const answer = await askedRating(asked, historyOf(view, user, HISTORY_ITEMS), rows.items[row], scale);
    onProgress(++done, rows.users.length);
    return answer;
  });
  const predicted = answers.map((answer) => answer ?? mean);
  return { ...ratingErrors(predicted, rows), unanswered: answers.filter((answer) => answer === null).length };
}
