import { pointwiseUtilities, rankUtilities } from "../aggregation/utility.js";
import type { PromptAugmenter } from "../augmentation/promptAugmentation.js";
import type { HeldOut } from "../data/heldOut.js";
import type { TrainView } from "../data/trainView.js";
import { inFlight } from "../llm/inFlight.js";
import type { LanguageModel } from "../llm/languageModel.js";
import { orderCandidates } from "../llm/ordering/order.js";
import {
  type CandidateScores,
  type OrderInput,
  type OrderingOptions,
  type OrderMode,
  orderModes,
} from "../llm/ordering/types.js";
import type { PromptTemplate } from "../llm/prompts/template.js";
import { forEachTopList, type Masking } from "../models/fullRanking.js";
import type { Ranker } from "../models/ranker.js";
import { argumentError } from "../native/errors.js";

/** Ways in which the language model orders candidates unless told; validation chooses one. */
export const rankModes: readonly OrderMode[] = ["likelihood", "labels"];

/** A value for each mode that was asked in. */
export type ByMode<T> = Readonly<Partial<Record<OrderMode, T>>>;

/** One held-out row with the backbone's candidates and what the language model makes of them. */
export interface RefinedRow {
  /** User index. */
  readonly user: number;
  /** `[at most 10]` in the backbone's order. */
  readonly candidates: Int32Array;
  /** Place of the held-out item among the candidates from 1, 0 where it is not among them. */
  readonly heldOut: number;
  /** `[candidates]` utilities of the language model by mode; null where it gave no answer or was not asked. */
  readonly languageModel: ByMode<Float64Array | null>;
  /** How sure the language model is of its first, see {@link CandidateScores.margin}; null as above. */
  readonly margins: ByMode<number | null>;
}

/** Options of {@link refine}. */
export interface RefineOptions {
  readonly languageModel: LanguageModel;
  /** Writes what the backbone knows of a user into the prompts. */
  readonly augmenter: PromptAugmenter;
  /** Words of the prompts; default: those of direct recommendation. */
  readonly template?: PromptTemplate;
  /** Whether the user's known items are left out of the ten; default `seen`: they are. */
  readonly masking?: Masking;
  /** Ways to ask, default all of {@link rankModes}. */
  readonly modes?: readonly OrderMode[];
  /** The possible ratings, for modes that ask for one; default: those of the view, which may hold likes alone. */
  readonly scale?: readonly number[];
  /** How the modes ask. */
  readonly ordering?: Omit<OrderingOptions, "template">;
  /** Utilities of the mode `pointwise`: places, the default, or the ratings themselves as in the paper. */
  readonly pointwise?: "rank" | "rating";
  /** Milliseconds that the language model has for one list in one mode. Default: no limit. */
  readonly deadlineMs?: number;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * The backbone's ten best for every held-out row, ordered anew by the language model.
 *
 * Rows whose held-out item is not among the ten are misses however the ten are ordered, so the model is not asked
 * about them; they stay in every denominator.
 *
 * @throws Llama4RecError `E_ARGUMENT` for bad options, and for a mode that rates where the view has no ratings; the signal's
 *   reason when aborted.
 */
export async function refine(
  ranker: Ranker,
  view: TrainView,
  heldOut: HeldOut,
  options: RefineOptions,
): Promise<RefinedRow[]> {
  const { languageModel, augmenter, template, masking, modes = rankModes, deadlineMs, signal } = options;
  const { scale = ratingScale(view.ratings) } = options;
  checkModes(modes, scale);
  const unasked = byMode(modes, () => null);
  const rows: RefinedRow[] = [];
  forEachTopList(ranker, view, heldOut, { masking }, (row, items) => {
    rows.push({
      user: heldOut.users[row],
      candidates: items.slice(),
      heldOut: items.indexOf(heldOut.items[row]) + 1,
      languageModel: unasked,
      margins: unasked,
    });
  });
  const total = rows.filter((row) => row.heldOut > 0).length;
  let done = 0;
  return inFlight(rows, { signal }, async (row, signal) => {
    if (row.heldOut === 0) return row;
    const { user } = row;
    const candidates = Array.from(row.candidates, (item) => view.titles[item]);
    const input: OrderInput = { ...augmenter.describe(user, row.candidates), candidates, scale, user };
    // All ways at once: queued one after the other they share what the model evaluated of the user.
    const asked = modes.map(async (mode) => {
      signal.throwIfAborted();
      const how = { ...options.ordering, template, mode, deadlineMs, signal };
      return [mode, await orderCandidates(languageModel, input, how)] as const;
    });
    const answers = new Map(await Promise.all(asked));
    options.onProgress?.(++done, total);
    return {
      ...row,
      languageModel: byMode(modes, (mode) => utilities(mode, answers.get(mode) ?? null, options.pointwise)),
      margins: byMode(modes, (mode) => answers.get(mode)?.margin ?? null),
    };
  });
}

function byMode<T>(modes: readonly OrderMode[], value: (mode: OrderMode) => T): ByMode<T> {
  return Object.fromEntries(modes.map((mode) => [mode, value(mode)]));
}

function utilities(
  mode: OrderMode,
  answer: CandidateScores | null,
  pointwise: RefineOptions["pointwise"] = "rank",
): Float64Array | null {
  if (answer === null) return null;
  return mode === "pointwise" ? pointwiseUtilities(answer.scores, pointwise) : rankUtilities(answer.scores);
}

/** The ratings that occur, ascending. */
export function ratingScale(ratings: Float32Array): readonly number[] {
  return [...new Set(ratings)].sort((a, b) => a - b);
}

/** @throws Llama4RecError `E_ARGUMENT` for no mode or an unknown one, and for one that rates with fewer than two ratings. */
export function checkModes(modes: readonly OrderMode[], scale: readonly number[]): void {
  if (modes.length === 0) throw argumentError("modes", "at least one mode", modes);
  const unknown = modes.find((mode) => !orderModes.includes(mode));
  if (unknown !== undefined) throw argumentError("modes", `some of ${orderModes.join(", ")}`, unknown);
  const rating = modes.find((mode) => mode === "pointwise" || mode === "hybrid");
  if (rating !== undefined && scale.length < 2)
    throw argumentError("modes", "none that rates, for all ratings are equal", rating);
}
