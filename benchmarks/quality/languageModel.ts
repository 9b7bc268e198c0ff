import { type ProgressBars, withProgress } from "../../lib/cli/progress.js";
import { openDataset } from "../../lib/data/open.js";
import { StageClock } from "../../lib/evaluation/stages.js";
import { defaultStages, type TuningStage } from "../../lib/llm/tuning/mix.js";
import { type Asked, type OrderMode, pairShares } from "./askedModel.js";
import { ordersOf, pairsOf, ratingsOf } from "./askedRows.js";
import {
  metricsOf,
  type Orders,
  ordersBy,
  type Progress,
  qualityOf,
  type RatingRivals,
  type RivalName,
  ratingRivals,
  type SetMetrics,
  trainRivals,
} from "./candidateRivals.js";
import {
  bySet,
  type CandidateSet,
  type CandidateSets,
  candidatesOf,
  firstRows,
  type LastOut,
  leaveLastOut,
  NEGATIVES,
} from "./lastOut.js";
import { openPocketModel, type Runner } from "./pocketModel.js";
import { fusedOrder } from "./sampledCandidates.js";

/** Seeds of the negatives, fixed: figures of different models are on the same candidates. */
const SEEDS = { validation: 1, test: 2 } as const;

/** Ways of ordering; of equal ones the first is the default. */
const orderModes = ["likelihood", "labels", "borda"] as const;
/** What can be measured; `borda` is slow: 45 pairs in both orders for ten candidates. */
export const measurable = [...orderModes, "pairs", "ratings", "rivals"] as const;
export type Measured = (typeof measurable)[number];

export interface LanguageModelOptions {
  readonly data: string;
  /** A GGUF file; without one a pocket model is tuned on the training view. */
  readonly model?: string;
  readonly runner?: Runner;
  /** Of the tuning. */
  readonly tokens?: number;
  /** Where a tuned model is kept. */
  readonly keep?: string;
  /** The first users only. */
  readonly users?: number;
  readonly only: readonly Measured[];
  readonly json: boolean;
}

/** Figures of one way of ordering. */
interface ModeReport extends SetMetrics {
  /** What chose the mode. */
  readonly validation: SetMetrics;
}

/** Figures of one language model; null where they were not asked for. */
export interface LanguageModelReport {
  readonly model: string;
  /** Weights of the model. */
  readonly parameters: number;
  readonly dataset: string;
  /** Rows of each kind of candidates. */
  readonly users: number;
  readonly negatives: number;
  /** The default mode: the best on validation. Top-level `uniform` and `popularity` are its figures. */
  readonly chosenMode: OrderMode | null;
  readonly uniform: SetMetrics["uniform"] | null;
  readonly popularity: SetMetrics["popularity"] | null;
  /** Share of all pairs in which the held-out item is preferred to a negative, both orders averaged. */
  readonly pairwise: Readonly<Record<CandidateSet, number>> | null;
  /** Share of all pairs in which both orders name the same item. */
  readonly pairConsistency: Readonly<Record<CandidateSet, number>> | null;
  readonly rmse: number | null;
  readonly mae: number | null;
  readonly modes: Partial<Record<OrderMode, ModeReport>>;
  /** Popularity, EASE, MF and SASRec on the same candidates; mean, item mean and bias on the same ratings. */
  readonly rivals: Readonly<Partial<Record<RivalName, SetMetrics & { readonly about: string }>>> & {
    readonly ratings: RatingRivals | null;
  };
  /** The rival that is best on validation and the language model by its default mode, by the sum of places. */
  readonly fused: (SetMetrics & { readonly rival: RivalName }) | null;
  /** Questions of the test without an answer: misses, pairs lost, or the mean rating. */
  readonly unanswered: Partial<Record<Measured, number>>;
  /** Wall-clock seconds. */
  readonly timings: { readonly stages: Readonly<Record<string, number>>; readonly total: number };
}

/**
 * The default stages, for the questions that are measured: fewer about ratings in the second, and of the history's
 * ratings half the weight, as of its titles.
 */
function stagesOf(tokens?: number): TuningStage[] {
  return defaultStages(tokens).map((stage) => ({
    ...stage,
    questions: { ...stage.questions, rate: Math.min(5, stage.questions.rate) },
    ratingWeight: stage.historyWeight,
  }));
}

/**
 * How well a language model orders sampled candidates, compares pairs and predicts ratings, beside conventional models
 * on the same candidates. Sampled figures say something of the language model only; recommendation is always measured
 * by full ranking.
 */
export async function measureLanguageModel(options: LanguageModelOptions): Promise<LanguageModelReport> {
  return withProgress(options.json, (bars, signal) => measure(options, bars, signal));
}

async function measure(
  options: LanguageModelOptions,
  bars: ProgressBars,
  signal: AbortSignal,
): Promise<LanguageModelReport> {
  const { only } = options;
  const clock = new StageClock(({ stage, done, total }) => bars.update(stage, done, total));
  const report: Progress = (stage, done, total) => clock.report({ stage, done, total });
  const dataset = await openDataset({ data: options.data });
  const data = leaveLastOut(dataset);
  const { train, final } = data.parts;
  const count = options.users ?? data.test.users.length;
  const test = firstRows(data.test, count);
  const rows = {
    validation: candidatesOf(data, firstRows(data.validation, count), { seed: SEEDS.validation }),
    test: candidatesOf(data, test, { seed: SEEDS.test }),
  };
  await using opened = await clock.time("load or tune", () =>
    openPocketModel({
      file: options.model,
      runner: options.runner,
      tuning: { mix: { direct: 0 }, stages: stagesOf(options.tokens) },
      keep: options.keep,
      view: train,
      seed: 1,
      onProgress: report,
      signal,
    }),
  );
  const asked: Asked = { model: opened.model, titles: dataset.titles, signal };
  /** A part of the measurement, if it was asked for. */
  const part = async <T>(
    name: Measured,
    measure: (onProgress: (done: number, total: number) => void) => Promise<T>,
  ): Promise<T | null> =>
    only.includes(name) ? clock.time(name, () => measure((done, total) => report(name, done, total))) : null;

  const modes: OrderedMode[] = [];
  for (const mode of orderModes) {
    const ordered = await part(mode, async (onProgress) => ({
      mode,
      validation: metricsOf(rows.validation, await ordersOf(asked, train, rows.validation, mode, onProgress)),
      orders: await ordersOf(asked, final, rows.test, mode, onProgress),
    }));
    if (ordered !== null) modes.push(ordered);
  }
  const pairs = await part("pairs", (onProgress) => pairsOf(asked, final, rows.test, onProgress));
  const ratings = await part("ratings", (onProgress) => ratingsOf(asked, final, test, onProgress));
  const rivals = await part("rivals", async () => measuredRivals(data, rows, { onProgress: report, signal }));

  const chosen = bestOf(modes, ({ validation }) => qualityOf(validation));
  const rival = bestOf(rivals ?? [], ({ quality }) => quality);
  const figures = (orders: Orders): SetMetrics => metricsOf(rows.test, orders);
  const chosenFigures = chosen && figures(chosen.orders);
  return {
    model: opened.name,
    parameters: opened.parameters,
    dataset: dataset.name,
    users: test.users.length,
    negatives: NEGATIVES,
    chosenMode: chosen?.mode ?? null,
    uniform: chosenFigures?.uniform ?? null,
    popularity: chosenFigures?.popularity ?? null,
    pairwise: pairs && bySet((set) => pairShares(pairs[set]).won),
    pairConsistency: pairs && bySet((set) => pairShares(pairs[set]).consistent),
    rmse: ratings?.rmse ?? null,
    mae: ratings?.mae ?? null,
    modes: Object.fromEntries(
      modes.map(({ mode, validation, orders }) => [mode, { ...figures(orders), validation }]),
    ),
    rivals: {
      ...Object.fromEntries(
        (rivals ?? []).map(({ name, about, orders }) => [name, { ...figures(orders), about }]),
      ),
      ratings: ratings && ratingRivals(data, test),
    },
    fused:
      chosen && rival ? { rival: rival.name, ...figures(fusedOrders(rival.orders, chosen.orders)) } : null,
    unanswered: {
      ...Object.fromEntries(modes.map(({ mode, orders }) => [mode, missing(orders)])),
      ...(pairs && { pairs: pairs.uniform.unanswered + pairs.popularity.unanswered }),
      ...(ratings && { ratings: ratings.unanswered }),
    },
    timings: clock.finish(),
  };
}

/** The language model's orders of the test rows by one mode. */
interface OrderedMode {
  readonly mode: OrderMode;
  readonly validation: SetMetrics;
  readonly orders: Orders;
}

/** Rivals with their orders of the test rows and what validation says of them. */
async function measuredRivals(
  { parts }: LastOut,
  rows: Readonly<Record<"validation" | "test", CandidateSets>>,
  options: { readonly onProgress: Progress; readonly signal: AbortSignal },
): Promise<{ name: RivalName; about: string; orders: Orders; quality: number }[]> {
  const rivals = await trainRivals(parts, rows.validation, options);
  return rivals.map(({ name, about, validation, test }) => ({
    name,
    about,
    orders: ordersBy(test, rows.test),
    quality: qualityOf(metricsOf(rows.validation, ordersBy(validation, rows.validation))),
  }));
}

/** The entry of the highest value, the first of equal ones; null without entries. */
function bestOf<T>(entries: readonly T[], value: (entry: T) => number): T | null {
  return entries.reduce<T | null>(
    (best, entry) => (best === null || value(entry) > value(best) ? entry : best),
    null,
  );
}

function missing({ uniform, popularity }: Orders): number {
  return [...uniform, ...popularity].filter((order) => order === null).length;
}

/** A rival's orders with the language model's; the rival's alone where the model gave no answer. */
function fusedOrders(rival: Orders, languageModel: Orders): Orders {
  return bySet((set) =>
    rival[set].map((order, row) => {
      const other = languageModel[set][row];
      return order === null || other === null ? order : fusedOrder(order, other);
    }),
  );
}
