import { Random } from "../../data/random.js";
import { buildPairPrompt } from "../prompts/build.js";
import type { Asking, DrawnPair, OrderInput, PairCount } from "./types.js";

type Pair = readonly [first: number, second: number];

/** A pair with what the model said of it. */
interface ComparedPair {
  readonly pair: Pair;
  /** Log-odds of the first over the second, averaged over both orders of the question. */
  readonly logOdds: number;
  /** Whether both orders named the same item. */
  readonly consistent: boolean;
}

/** @internal Pairwise scores with the share of pairs whose orders agreed. */
export interface PairScores {
  readonly scores: Float64Array;
  readonly consistency: number | null;
}

/** @internal Scores by the plan of the options; null if a pair has no answer or the vocabulary no two labels. */
export async function pairwiseScores(asking: Asking, input: OrderInput): Promise<PairScores | null> {
  const { pairPlan = "round-robin", pairCount = "borda" } = asking.options;
  const { length } = input.candidates;
  if (pairPlan === "random-pairs") {
    const pairs = await drawnPairs(asking, input);
    return (
      pairs && {
        scores: winnersOf(pairs, length),
        consistency: share(pairs, ({ winner }) => winner !== null),
      }
    );
  }
  const compared = await comparePairs(asking, input, everyPair(length));
  if (compared === null) return null;
  return {
    scores: roundRobin(compared, length, pairCount),
    consistency: share(compared, ({ consistent }) => consistent),
  };
}

/**
 * @internal RecRanker's plan: each candidate once, against a partner drawn by seed and user; with an odd number one has no
 * partner.
 */
export async function drawnPairs(asking: Asking, input: OrderInput): Promise<DrawnPair[] | null> {
  const { length } = input.candidates;
  const random = new Random(asking.options.seed ?? 1, input.user ?? 0);
  const drawn = random.shuffle(Array.from({ length }, (_, candidate) => candidate));
  const pairs = Array.from({ length: length >> 1 }, (_, n): Pair => [drawn[2 * n], drawn[2 * n + 1]]);
  const compared = await comparePairs(asking, input, pairs);
  if (compared === null) return null;
  return compared.map(({ pair: [first, second], logOdds, consistent }) => {
    const winner = consistent && logOdds !== 0 ? (logOdds > 0 ? first : second) : null;
    return { first, second, winner };
  });
}

/** `[length]` 1 for a winner, 0 for a loser, 0.5 for the others: pairs without a winner, and one without a partner. */
function winnersOf(pairs: readonly DrawnPair[], length: number): Float64Array {
  const scores = new Float64Array(length).fill(0.5);
  for (const { first, second, winner } of pairs) {
    if (winner === null) continue;
    scores[first] = winner === first ? 1 : 0;
    scores[second] = winner === second ? 1 : 0;
  }
  return scores;
}

function everyPair(length: number): Pair[] {
  const places = Array.from({ length }, (_, place) => place);
  return places.flatMap((a) => places.slice(a + 1).map((b): Pair => [a, b]));
}

/** Every pair in both orders; null if one has no answer. */
async function comparePairs(
  { model, options }: Asking,
  input: OrderInput,
  pairs: readonly Pair[],
): Promise<ComparedPair[] | null> {
  if (model.labels(2) === null) return null;
  const answers = await Promise.all(
    pairs.map(async (pair): Promise<ComparedPair | null> => {
      const items = [input.candidates[pair[0]], input.candidates[pair[1]]] as const;
      const answer = await model.compare(
        buildPairPrompt({ ...input, items }, { ...options, model }),
        options,
      );
      if (!answer.answered) return null;
      const { preferred, margin, consistent } = answer;
      return { pair, logOdds: preferred === 0 ? margin : -margin, consistent };
    }),
  );
  const compared = answers.filter((answer) => answer !== null);
  return compared.length === pairs.length ? compared : null;
}

/** `[length]` Pairs won, half of one where the log-odds are level (Borda), or the mean log-odds over a candidate's pairs. */
function roundRobin(compared: readonly ComparedPair[], length: number, count: PairCount): Float64Array {
  const scores = new Float64Array(length);
  for (const { pair, logOdds } of compared) {
    const rivals = length - 1;
    scores[pair[0]] += count === "borda" ? wonBy(logOdds) : logOdds / rivals;
    scores[pair[1]] += count === "borda" ? wonBy(-logOdds) : -logOdds / rivals;
  }
  return scores;
}

function wonBy(logOdds: number): number {
  return logOdds > 0 ? 1 : logOdds < 0 ? 0 : 0.5;
}

/** @internal Share of the entries that pass; null where there are none. */
export function share<T>(entries: readonly T[], passes: (entry: T) => boolean): number | null {
  return entries.length === 0 ? null : entries.filter(passes).length / entries.length;
}
