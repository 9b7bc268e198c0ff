/** What a language model makes of one user's list, in the forms in which orders, pairs and ratings are measured. */

import type { LanguageModel, RankMode } from "../../lib/llm/languageModel.js";
import { buildPairPrompt, buildRankingPrompt, buildRatePrompt } from "../../lib/llm/prompts/build.js";
import type { PromptItem } from "../../lib/llm/prompts/render.js";
import { SEQUENTIAL_TEMPLATE } from "../../lib/llm/prompts/sequential.js";
import type { PromptTemplate } from "../../lib/llm/prompts/template.js";
import type { CandidateRow } from "./sampledCandidates.js";

/** A language model and how it is asked. */
export interface Asked {
  readonly model: LanguageModel;
  /** `[items]` */
  readonly titles: readonly string[];
  /** Default: {@link SEQUENTIAL_TEMPLATE}. */
  readonly template?: PromptTemplate;
  /** Ends running calls; they then count as no answer. */
  readonly signal?: AbortSignal;
}

/** Ways to order candidates: those of the model, and `borda`: every pair asked in both orders, most wins first. */
export type OrderMode = RankMode | "borda";

/** Candidates as the model orders them, best first; null when it gave no answer. */
export async function askedOrder(
  asked: Asked,
  history: readonly PromptItem[],
  candidates: Int32Array,
  mode: OrderMode,
): Promise<Int32Array | null> {
  if (mode === "borda") return bordaOrder(asked, history, candidates);
  const { model, titles, template = SEQUENTIAL_TEMPLATE, signal } = asked;
  const input = { history, candidates: Array.from(candidates, (item) => titles[item]) };
  const prompt = buildRankingPrompt(input, { model, mode, template });
  // A vocabulary without labels falls back to likelihood; that is not the mode to be measured.
  if (prompt.mode !== mode) return null;
  const answer = await model.rank(prompt, { signal });
  return answer.answered ? Int32Array.from(answer.order, (place) => candidates[place]) : null;
}

/** Log-likelihood of the candidates' titles in nats, `[candidates]`; null when the model gave no answer. */
export async function askedScores(
  { model, titles, template = SEQUENTIAL_TEMPLATE, signal }: Asked,
  history: readonly PromptItem[],
  candidates: Int32Array,
): Promise<Float64Array | null> {
  const input = { history, candidates: Array.from(candidates, (item) => titles[item]) };
  const prompt = buildRankingPrompt(input, { model, mode: "likelihood", template });
  const answer = await model.rank(prompt, { signal });
  return answer.answered ? answer.scores : null;
}

/** What became of the pairs of held-out items and negatives. */
export interface PairCounts {
  /** Pairs that the model answered. */
  readonly answered: number;
  /** Pairs in which it preferred the held-out item; half a pair where it was undecided. */
  readonly won: number;
  /** Pairs in which both orders named the same item. */
  readonly consistent: number;
  /** Pairs without an answer. */
  readonly unanswered: number;
}

/** What counts tell of all pairs: one without an answer is neither won nor consistent. */
export function pairShares({ answered, won, consistent, unanswered }: PairCounts): {
  won: number;
  consistent: number;
} {
  const pairs = Math.max(1, answered + unanswered);
  return { won: won / pairs, consistent: consistent / pairs };
}

/** The held-out item of a row against each of its negatives, both orders averaged. */
export async function askedPairs(
  asked: Asked,
  history: readonly PromptItem[],
  { target, candidates }: CandidateRow,
): Promise<PairCounts> {
  const others = Array.from(candidates).filter((item) => item !== target);
  const margins = await Promise.all(others.map((item) => comparison(asked, history, [target, item])));
  const answers = margins.filter((answer) => answer !== null);
  return {
    answered: answers.length,
    won: answers.reduce((sum, { margin }) => sum + share(margin), 0),
    consistent: answers.filter(({ consistent }) => consistent).length,
    unanswered: margins.length - answers.length,
  };
}

/** The rating that the model expects of an item; null when it gave no answer. */
export async function askedRating(
  { model, titles, signal }: Asked,
  history: readonly PromptItem[],
  item: number,
  scale: readonly number[],
): Promise<number | null> {
  const answer = await model.rate(buildRatePrompt({ history, title: titles[item], scale }, { model }), {
    signal,
  });
  return answer.answered ? answer.rating : null;
}

/** Log-odds of the first item, averaged over both orders. */
interface Comparison {
  readonly margin: number;
  readonly consistent: boolean;
}

async function comparison(
  { model, titles, template = SEQUENTIAL_TEMPLATE, signal }: Asked,
  history: readonly PromptItem[],
  [first, second]: readonly [number, number],
): Promise<Comparison | null> {
  if (model.labels(2) === null) return null;
  const input = { history, items: [titles[first], titles[second]] as const };
  const answer = await model.compare(buildPairPrompt(input, { model, template }), { signal });
  if (!answer.answered) return null;
  return { margin: answer.preferred === 0 ? answer.margin : -answer.margin, consistent: answer.consistent };
}

/** The first item's share of a comparison. */
function share(margin: number): number {
  return margin > 0 ? 1 : margin < 0 ? 0 : 0.5;
}

/** Most wins first; equal ones by the sum of log-odds, then by place. Null when a pair got no answer. */
async function bordaOrder(
  asked: Asked,
  history: readonly PromptItem[],
  candidates: Int32Array,
): Promise<Int32Array | null> {
  const places = Array.from(candidates.keys());
  const pairs = places.flatMap((a) => places.slice(a + 1).map((b) => [a, b] as const));
  const answers = await Promise.all(
    pairs.map(([a, b]) => comparison(asked, history, [candidates[a], candidates[b]])),
  );
  const wins = new Float64Array(candidates.length);
  const odds = new Float64Array(candidates.length);
  for (const [index, [a, b]] of pairs.entries()) {
    const answer = answers[index];
    if (answer === null) return null;
    wins[a] += share(answer.margin);
    wins[b] += share(-answer.margin);
    odds[a] += answer.margin;
    odds[b] -= answer.margin;
  }
  places.sort((a, b) => wins[b] - wins[a] || odds[b] - odds[a] || a - b);
  return Int32Array.from(places, (place) => candidates[place]);
}
