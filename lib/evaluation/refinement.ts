import { positionUtilities } from "../aggregation/utility.js";
import type { PromptAugmenter } from "../augmentation/promptAugmentation.js";
import type { HeldOut } from "../data/heldOut.js";
import type { TrainView } from "../data/trainView.js";
import { inFlight } from "../llm/inFlight.js";
import type { LanguageModel, RankMode } from "../llm/languageModel.js";
import { buildRankingPrompt } from "../llm/prompts/build.js";
import type { PromptTemplate } from "../llm/prompts/template.js";
import { forEachTopList, type Masking } from "../models/fullRanking.js";
import type { Ranker } from "../models/ranker.js";

/** Ways in which the language model orders candidates; validation chooses one. */
export const rankModes: readonly RankMode[] = ["likelihood", "labels"];

/** One held-out row with the backbone's candidates and what the language model makes of them. */
export interface RefinedRow {
  /** User index. */
  readonly user: number;
  /** `[at most 10]` in the backbone's order. */
  readonly candidates: Int32Array;
  /** Place of the held-out item among the candidates from 1, 0 where it is not among them. */
  readonly heldOut: number;
  /** `[candidates]` utilities of the language model by mode; null where it gave no answer or was not asked. */
  readonly languageModel: Readonly<Record<RankMode, Float64Array | null>>;
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
  readonly modes?: readonly RankMode[];
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * The backbone's ten best for every held-out row, ordered anew by the language model.
 *
 * Rows whose held-out item is not among the ten are misses however the ten are ordered, so the model is not asked
 * about them; they stay in every denominator.
 *
 * @throws the signal's reason when aborted.
 */
export async function refine(
  ranker: Ranker,
  view: TrainView,
  heldOut: HeldOut,
  options: RefineOptions,
): Promise<RefinedRow[]> {
  const { languageModel, augmenter, template, masking, modes = rankModes, signal } = options;
  const rows: RefinedRow[] = [];
  forEachTopList(ranker, view, heldOut, { masking }, (row, items) => {
    rows.push({
      user: heldOut.users[row],
      candidates: items.slice(),
      heldOut: items.indexOf(heldOut.items[row]) + 1,
      languageModel: { likelihood: null, labels: null, listing: null },
    });
  });
  const total = rows.filter((row) => row.heldOut > 0).length;
  let done = 0;
  const refined = await inFlight(rows, { signal }, async (row, signal) => {
    if (row.heldOut === 0) return row;
    const answers: Record<RankMode, Float64Array | null> = { ...row.languageModel };
    const candidates = Array.from(row.candidates, (item) => view.titles[item]);
    const input = { ...augmenter.describe(row.user, row.candidates), candidates };
    // All ways at once: queued one after the other they share what the model evaluated of the user.
    const asked = modes.map(async (mode) => {
      signal.throwIfAborted();
      const prompt = buildRankingPrompt(input, { model: languageModel, mode, template });
      const answer = await languageModel.rank(prompt, { signal });
      answers[mode] = answer.answered ? positionUtilities(answer.order) : null;
    });
    await Promise.all(asked);
    options.onProgress?.(++done, total);
    return { ...row, languageModel: answers };
  });
  return refined;
}
