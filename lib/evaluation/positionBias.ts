import { Random } from "../data/random.js";
import { inFlight } from "../llm/inFlight.js";
import type { LanguageModel } from "../llm/languageModel.js";
import { orderCandidates } from "../llm/ordering/order.js";
import type { CandidateScores, OrderInput, OrderingOptions, OrderMode } from "../llm/ordering/types.js";
import { orderOf } from "../llm/ranking.js";
import { argumentError } from "../native/errors.js";

/** Options of {@link positionBias}. */
export interface PositionBiasOptions {
  readonly languageModel: LanguageModel;
  /** Default `labels`, `listing` and `pairwise`. */
  readonly modes?: readonly OrderMode[];
  /** How the modes ask; with `orders` it is measured what averaging leaves. */
  readonly ordering?: OrderingOptions;
  /** Shuffled orders in which every list is asked, at least 2; default 4. */
  readonly shuffles?: number;
  /** Of the shuffles. Default 1. */
  readonly seed?: number;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** How much the place at which a candidate is shown decides its place in the answer. */
export interface PositionBias {
  readonly mode: OrderMode;
  /** Lists asked about. */
  readonly lists: number;
  /** Lists answered in every shuffled order; all figures are over these. */
  readonly answered: number;
  /** Share of the shuffled orders whose first-shown candidate came out first. */
  readonly firstShownFirst: number;
  /** The same of a model that does not mind the place: 1 over the length of the list, on average. */
  readonly chance: number;
  /** Standard error of `firstShownFirst` where there is no bias. */
  readonly chanceError: number;
  /** Places by which a candidate moves between two shuffled orders of one list, on average. */
  readonly displacement: number;
  /** The same of answers drawn at random, `(k^2 - 1) / (3k)`. */
  readonly randomDisplacement: number;
  /** Share of pairs whose two orders named the same item; null for modes without pairs. */
  readonly consistency: number | null;
}

/**
 * Position bias: every list is asked several times with its candidates shuffled. A shuffle follows from seed and number of
 * the list alone, so that models and modes are measured on the same orders.
 *
 * Pairs are always asked in both orders, so there the bias shows in `consistency`; what is left of it in the order of the
 * candidates comes from ties.
 *
 * @param lists - What the model is told of each user, with at least one candidate.
 * @returns One entry for each mode; figures are 0 where no list was answered.
 * @throws Llama4RecError `E_ARGUMENT` for fewer than two shuffles and as {@link orderCandidates}; the signal's reason when
 *   aborted.
 *
 * @example
 * ```ts
 * const [labels] = await positionBias(lists, { languageModel, modes: ["labels"] });
 * console.log(labels.firstShownFirst - labels.chance);
 * ```
 */
export async function positionBias(
  lists: readonly OrderInput[],
  options: PositionBiasOptions,
): Promise<PositionBias[]> {
  const { modes = ["labels", "listing", "pairwise"], shuffles = 4, seed = 1, signal } = options;
  if (!Number.isInteger(shuffles) || shuffles < 2)
    throw argumentError("shuffles", "an integer of at least 2", shuffles);
  let done = 0;
  const answers = await inFlight(lists, { signal }, async (input, signal, list) => {
    const orders = shuffledOrders(input.candidates.length, { shuffles, seed, list });
    const asked = modes.map((mode) =>
      Promise.all(orders.map((shown) => askShuffled(input, shown, mode, { ...options, signal }))),
    );
    const byMode = await Promise.all(asked);
    options.onProgress?.(++done, lists.length);
    return byMode;
  });
  return modes.map((mode, n) => summary(mode, answers.map((byMode) => byMode[n]).map(complete)));
}

/** A list's answer to one shuffled order. */
interface ShuffledAnswer {
  /** `[candidates]` place of each in the answer, from 0, by candidate of the list as given. */
  readonly places: Int32Array;
  /** The candidate shown first came out first. */
  readonly firstShownFirst: boolean;
  readonly consistency: number | null;
}

function shuffledOrders(
  length: number,
  { shuffles, seed, list }: { shuffles: number; seed: number; list: number },
): Int32Array[] {
  const random = new Random(seed, list);
  return Array.from({ length: shuffles }, () => random.shuffle(Int32Array.from({ length }, (_, n) => n)));
}

async function askShuffled(
  input: OrderInput,
  shown: Int32Array,
  mode: OrderMode,
  { languageModel, ordering, signal }: PositionBiasOptions,
): Promise<ShuffledAnswer | null> {
  const candidates = Array.from(shown, (candidate) => input.candidates[candidate]);
  const answer = await orderCandidates(
    languageModel,
    { ...input, candidates },
    { ...ordering, mode, signal },
  );
  return answer && unshuffled(answer, shown);
}

function unshuffled({ scores, consistency }: CandidateScores, shown: Int32Array): ShuffledAnswer {
  const order = orderOf(scores);
  const places = new Int32Array(shown.length);
  order.forEach((at, place) => {
    places[shown[at]] = place;
  });
  return { places, firstShownFirst: order[0] === 0, consistency };
}

/** A list's answers, or null if one is missing. */
function complete(answers: readonly (ShuffledAnswer | null)[]): ShuffledAnswer[] | null {
  const known = answers.filter((answer) => answer !== null);
  return known.length === answers.length ? known : null;
}

function summary(mode: OrderMode, lists: readonly (ShuffledAnswer[] | null)[]): PositionBias {
  const answered = lists.filter((list) => list !== null);
  const answers = answered.flat();
  const chances = answers.map(({ places }) => 1 / places.length);
  const consistencies = answers.map(({ consistency }) => consistency).filter((share) => share !== null);
  return {
    mode,
    lists: lists.length,
    answered: answered.length,
    firstShownFirst: mean(answers.map(({ firstShownFirst }) => (firstShownFirst ? 1 : 0))),
    chance: mean(chances),
    chanceError: Math.sqrt(sum(chances.map((p) => p * (1 - p)))) / Math.max(1, answers.length),
    displacement: mean(answered.map(displacement)),
    randomDisplacement: mean(answered.map(([{ places }]) => (places.length ** 2 - 1) / (3 * places.length))),
    consistency: consistencies.length === 0 ? null : mean(consistencies),
  };
}

/** Mean over pairs of orders and candidates of how far apart the two places are. */
function displacement(answers: readonly ShuffledAnswer[]): number {
  const pairs = answers.flatMap((a, n) => answers.slice(n + 1).map((b) => [a.places, b.places] as const));
  return mean(
    pairs.map(([a, b]) => mean(Array.from(a, (place, candidate) => Math.abs(place - b[candidate])))),
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : sum(values) / values.length;
}
