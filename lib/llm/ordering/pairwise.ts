import { Random } from "../../data/random.js";
import { buildPairPrompt } from "../prompts/build.js";
import type { Asking, OrderInput, PairCount } from "./types.js";

type Pair = readonly [first: number, second: number];

/** @internal A pair with what the model said of it. */
export interface ComparedPair {
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
  if (pairPlan === "random-pairs") return randomPairScores(asking, input);
  const { length } = input.candidates;
  const compared = await comparePairs(asking, input, everyPair(length));
  return compared && { scores: roundRobin(compared, length, pairCount), consistency: consistency(compared) };
}

/**
 * @internal RecRanker's plan: each candidate once, against a partner drawn by seed and user. 1 for the winner, 0.5 for both
 * where the orders disagree or the two are level; one without a partner has 0.5 as well.
 */
export async function randomPairScores(asking: Asking, input: OrderInput): Promise<PairScores | null> {
  const { length } = input.candidates;
  const random = new Random(asking.options.seed ?? 1, input.user ?? 0);
  const drawn = random.shuffle(Array.from({ length }, (_, candidate) => candidate));
  const pairs = Array.from({ length: length >> 1 }, (_, n): Pair => [drawn[2 * n], drawn[2 * n + 1]]);
  const compared = await comparePairs(asking, input, pairs);
  if (compared === null) return null;
  const scores = new Float64Array(length).fill(0.5);
  for (const { pair, logOdds, consistent } of compared) {
    const won = consistent ? wonBy(logOdds) : 0.5;
    scores[pair[0]] = won;
    scores[pair[1]] = 1 - won;
  }
  return { scores, consistency: consistency(compared) };
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

function consistency(compared: readonly ComparedPair[]): number | null {
  if (compared.length === 0) return null;
  return compared.filter(({ consistent }) => consistent).length / compared.length;
}
