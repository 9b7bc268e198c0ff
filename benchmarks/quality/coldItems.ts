import { type ProgressBars, withProgress } from "../../lib/cli/progress.js";
import { generateShop } from "../../lib/data/shop/generate.js";
import { split } from "../../lib/data/split.js";
import { StageClock } from "../../lib/evaluation/stages.js";
import { inFlight } from "../../lib/llm/inFlight.js";
import type { PromptItem } from "../../lib/llm/prompts/render.js";
import { orderOf } from "../../lib/llm/ranking.js";
import { type Asked, askedScores } from "./askedModel.js";
import { HISTORY_ITEMS, USERS_IN_FLIGHT } from "./askedRows.js";
import type { Progress } from "./candidateRivals.js";
import { type ColdRow, takeColdItems } from "./coldRows.js";
import { openPocketModel, type Runner } from "./pocketModel.js";
import { type CandidateMetrics, candidateMetrics } from "./sampledCandidates.js";

export interface ColdItemOptions {
  /** A model tuned on the shop without the cold items of this seed; without one it is tuned here. */
  readonly model?: string;
  readonly runner?: Runner;
  /** Of the tuning. */
  readonly tokens?: number;
  /** Where a tuned model is kept. */
  readonly keep?: string;
  /** Chooses the cold items. */
  readonly seed: number;
  readonly json: boolean;
}

/** Figures on items that the model knows by their titles alone. */
export interface ColdItemReport {
  readonly model: string;
  readonly parameters: number;
  readonly coldItems: number;
  readonly rows: number;
  readonly negatives: number;
  readonly languageModel: CandidateMetrics;
  /** Rows without an answer. */
  readonly unanswered: number;
  /** Rankers on the same rows that need no training. */
  readonly rivals: {
    /** Expected of an order drawn at random. */
    readonly random: { readonly "hr@3": number };
    /** By the words that a title shares with those of the history. */
    readonly wordOverlap: CandidateMetrics;
  };
  readonly timings: { readonly stages: Readonly<Record<string, number>>; readonly total: number };
}

/**
 * Whether a language model is more than another sequence model: items that no training history holds, of the generated
 * shop, ranked by how much more likely the history makes
 * their titles, among nine others of their kind.
 */
export async function measureColdItems(options: ColdItemOptions): Promise<ColdItemReport> {
  return withProgress(options.json, (bars, signal) => measure(options, bars, signal));
}

async function measure(
  { model: file, runner, tokens, keep, seed }: ColdItemOptions,
  bars: ProgressBars,
  signal: AbortSignal,
): Promise<ColdItemReport> {
  const report: Progress = (stage, done, total) => bars.update(stage, done, total);
  const clock = new StageClock(() => {});
  const shop = generateShop();
  const { view, items, rows } = takeColdItems(split(shop, { protocol: "standard" }).train, { seed });
  await using opened = await clock.time("load or tune", () =>
    openPocketModel({
      file,
      runner,
      keep,
      tuning: { ...TUNING, tokens },
      view,
      seed,
      onProgress: report,
      signal,
    }),
  );
  let done = 0;
  const orders = await clock.time("likelihood", () =>
    inFlight(rows, { limit: USERS_IN_FLIGHT, signal }, async (row, asking) => {
      const history = Array.from(row.items.keys(), (at) => ({
        title: shop.titles[row.items[at]],
        rating: row.ratings[at],
      })).slice(-HISTORY_ITEMS);
      const asked = { model: opened.model, titles: shop.titles, signal: asking };
      const order = await liftOrder(asked, history, row.candidates);
      report("cold items by likelihood", ++done, rows.length);
      return order;
    }),
  );
  return {
    model: opened.name,
    parameters: opened.parameters,
    coldItems: items.length,
    rows: rows.length,
    negatives: rows[0].candidates.length - 1,
    languageModel: candidateMetrics(rows, orders),
    unanswered: orders.filter((order) => order === null).length,
    rivals: {
      random: { "hr@3": 3 / rows[0].candidates.length },
      wordOverlap: candidateMetrics(rows, wordOverlapOrders(rows, shop.titles)),
    },
    timings: clock.finish(),
  };
}

/** A vocabulary of words rather than titles: the words of a title that is new are then known. */
const TUNING = { shape: { vocabulary: 2048 }, settings: { wholeTitles: false } };

/**
 * Candidates by how much more likely the history makes their titles than no history does, best first: the pointwise mutual
 * information (Church and Hanks 1990). Never seen titles differ in length and in how common their words are more than in how
 * well they fit.
 */
async function liftOrder(
  asked: Asked,
  history: readonly PromptItem[],
  candidates: Int32Array,
): Promise<Int32Array | null> {
  const [after, before] = [
    await askedScores(asked, history, candidates),
    await askedScores(asked, [], candidates),
  ];
  if (after === null || before === null) return null;
  const lift = after.map((score, place) => score - before[place]);
  return Int32Array.from(orderOf(lift), (place) => candidates[place]);
}

/** Words that titles have whatever they are about. */
const COMMON_WORDS = ["the", "of", "and", "no", "for", "volume"];

/** Candidates by how many titles of the history hold each of their words; equal ones in the order of the row. */
function wordOverlapOrders(rows: readonly ColdRow[], titles: readonly string[]): Int32Array[] {
  const words = titles.map((title) =>
    title
      .toLowerCase()
      .replaceAll("'s", "")
      .split(/[ ,]+/)
      .filter((word) => !COMMON_WORDS.includes(word)),
  );
  return rows.map(({ candidates, items }) => {
    const counts = new Map<string, number>();
    for (const item of items) for (const word of words[item]) counts.set(word, (counts.get(word) ?? 0) + 1);
    const score = (item: number): number =>
      words[item].reduce((sum, word) => sum + (counts.get(word) ?? 0), 0);
    return candidates.toSorted((a, b) => score(b) - score(a));
  });
}
