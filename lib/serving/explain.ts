import { aggregate } from "../aggregation/aggregate.js";
import { positionUtilities, rankUtilities } from "../aggregation/utility.js";
import {
  adaptiveWeight,
  type LongTailRange,
  longTailCoefficient,
  type WeightForm,
} from "../aggregation/weight.js";
import type { ExternalId } from "../data/idMap.js";
import { argumentError } from "../native/errors.js";
import type { Found } from "./batcher.js";
import type { Person } from "./person.js";
import type { CheckedRequest } from "./request.js";
import type { Snapshot } from "./snapshot.js";
import type { NotRefined, ServingTimings, Whom } from "./types.js";

/** A request for an explanation; what it does not say is as in a request for recommendations. */
export interface ExplainRequest extends Whom {
  /** Most items of a list; default 10. */
  readonly k?: number;
  /** How many of the backbone's best the language model orders; default 10. */
  readonly candidates?: number;
  /** Milliseconds for all of it; default as the recommender was opened. */
  readonly deadlineMs?: number;
  /** Weight of the language model from 0 to 1, in place of this person's own. */
  readonly alpha?: number;
  /** Ends the request, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** An item of a list that is explained. */
export interface ExplainedItem {
  readonly id: ExternalId;
  readonly title: string;
  /** In its list, from 1. */
  readonly place: number;
  /** The conventional model's score, the language model's, or the utility of Eq. 6: as the list is ordered by. */
  readonly score: number;
}

/** An item of the history that speaks for a recommended one. */
export interface Reason {
  readonly id: ExternalId;
  readonly title: string;
  /** Of the positive dot products of the history's vectors with the recommended item's, in (0, 1]. */
  readonly share: number;
}

/** An item of the mixed list. */
export interface MixedItem extends ExplainedItem {
  /** Place in the conventional list, from 1. */
  readonly conventionalPlace: number;
  /** Place in the language model's, from 1; null where it was not asked about the item. */
  readonly languageModelPlace: number | null;
  /** Up to three items of the history, the one that speaks most for it first. */
  readonly because: readonly Reason[];
}

/** alpha_u and where it comes from (Llama4Rec, Eq. 5 and 7). */
export interface ExplainedAlpha {
  /** The one that the mixed list was made with. */
  readonly value: number;
  /** What Eq. 7 gives this person. */
  readonly adaptive: number;
  /** N(u). */
  readonly interactions: number;
  /** l_u. */
  readonly coefficient: number;
  /** l_min and l_max. */
  readonly range: LongTailRange;
  readonly alpha1: number;
  readonly alpha2: number;
  readonly form: WeightForm;
}

/** What {@link Recommender.explain} tells of one list. */
export interface Explanation {
  readonly snapshot: string;
  /** Newest items of the history, oldest first, as prompts show them. */
  readonly history: readonly { readonly title: string; readonly rating?: number }[];
  readonly conventional: readonly ExplainedItem[];
  /** The candidates as the language model orders them; null where it has no part. */
  readonly languageModel: readonly ExplainedItem[] | null;
  readonly mixed: readonly MixedItem[];
  /** Whether `because` is only near what the model does: its history goes through an encoder. */
  readonly becauseApproximate: boolean;
  /** Null where there is no language model. */
  readonly alpha: ExplainedAlpha | null;
  /** The text that the language model is shown; null where there is none or it cannot be written. */
  readonly prompt: string | null;
  /** Why the language model has no part in it; null where it has. */
  readonly notRefined: NotRefined | null;
  /** How somebody who was not in training is served. */
  readonly foldIn: string;
  readonly timings: ServingTimings;
}

/** What an explanation is made of. */
export interface ExplanationParts {
  readonly asked: CheckedRequest;
  readonly person: Person;
  readonly found: Found;
  readonly snapshot: Snapshot;
  /** The language model's scores of the first ones, or why there are none. */
  readonly scores: Float64Array | NotRefined;
  /** Null where there is no language model. */
  readonly alpha: ExplainedAlpha | null;
  readonly prompt: string | null;
  readonly timings: ServingTimings;
}

/** Items of the history that are named for each recommended one. */
const mostReasons = 3;

/** @throws Llama4RecError `E_ARGUMENT` for an alpha outside of 0 to 1. */
export function overriddenAlpha({ alpha }: ExplainRequest): number | null {
  if (alpha === undefined) return null;
  if (typeof alpha !== "number" || !(alpha >= 0 && alpha <= 1))
    throw argumentError("alpha", "a number from 0 to 1", alpha);
  return alpha;
}

/** alpha_u with all that it follows from; null where a snapshot has nothing to mix. */
export function explainedAlpha(
  { interactions }: Person,
  { manifest: { mixing }, userCounts: range }: Snapshot,
  override: number | null,
): ExplainedAlpha | null {
  if (mixing === null) return null;
  const { alpha1, alpha2, form } = mixing;
  const coefficient = longTailCoefficient(interactions);
  const adaptive = adaptiveWeight(coefficient, range, mixing);
  return { value: override ?? adaptive, adaptive, interactions, coefficient, range, alpha1, alpha2, form };
}

/** The explanation of a list that both sides have spoken on. */
export function explained(parts: ExplanationParts): Explanation {
  const { asked, person, found, snapshot, scores, alpha, prompt, timings } = parts;
  const refined = scores instanceof Float64Array;
  return {
    snapshot: snapshot.manifest.generation,
    history: person.newest(historyShown),
    conventional: cut(listed(found.items, found.scores, snapshot), asked.k),
    languageModel: refined ? byLanguageModel(found.items, scores, snapshot) : null,
    mixed: mixedItems(parts),
    becauseApproximate: snapshot.manifest.catalogue === null,
    alpha,
    prompt,
    notRefined: refined ? null : scores,
    foldIn: snapshot.engine.foldIn,
    timings,
  };
}

/** Items of the history that are shown. */
const historyShown = 50;

const cut = <T>(list: readonly T[], k: number): readonly T[] => list.slice(0, k);

function listed(items: Int32Array, scores: ArrayLike<number>, snapshot: Snapshot): ExplainedItem[] {
  return Array.from(items, (item, at) => ({
    id: snapshot.idAt(item),
    title: snapshot.titleAt(item),
    place: at + 1,
    score: scores[at],
  }));
}

function byLanguageModel(items: Int32Array, scores: Float64Array, snapshot: Snapshot): ExplainedItem[] {
  const order = orderBy(rankUtilities(scores));
  return listed(
    order.map((at) => items[at]),
    Float64Array.from(order, (at) => scores[at]),
    snapshot,
  );
}

/** Places, the one with the highest utility first. */
const orderBy = (utilities: Float64Array): Int32Array =>
  Int32Array.from(utilities.keys()).sort((a, b) => utilities[b] - utilities[a] || a - b);

function mixedItems({ asked, person, found, snapshot, scores, alpha }: ExplanationParts): MixedItem[] {
  const places = Int32Array.from(found.items.keys());
  const recommender = positionUtilities(places);
  const languageModel = scores instanceof Float64Array ? rankUtilities(scores) : new Float64Array(0);
  const count = languageModel.length;
  const weight = count === 0 ? 0 : (alpha?.value ?? 0);
  const first = aggregate({
    candidates: places.slice(0, count),
    recommender: recommender.slice(0, count),
    languageModel,
    alpha: weight,
  });
  const order = Int32Array.from([...first, ...places.subarray(count)]).subarray(0, asked.k);
  const utility = (at: number): number =>
    at < count ? weight * languageModel[at] + (1 - weight) * recommender[at] : recommender[at];
  const items = order.map((at) => found.items[at]);
  return listed(items, Float64Array.from(order, utility), snapshot).map((item, place) => ({
    ...item,
    conventionalPlace: order[place] + 1,
    languageModelPlace: order[place] < count ? -languageModel[order[place]] : null,
    because: reasons(items[place], person, snapshot),
  }));
}

/** Items of a history by their share in an item's score, as far as a score is a sum over the history. */
function reasons(item: number, { query, items: theirs }: Person, snapshot: Snapshot): Reason[] {
  const { engine, items, known } = snapshot;
  const { itemVectors: table, dimension } = engine;
  const vector = snapshot.vectorOf(item);
  const history = query.items.subarray(-historyShown).filter((each) => theirs.includes(each)); // no stand-ins
  const dots = Float64Array.from(history, (other) => {
    let sum = 0;
    for (let d = 0; d < dimension; d++) sum += vector[d] * table[other * dimension + d];
    return Math.max(0, sum);
  });
  const total = dots.reduce((sum, dot) => sum + dot, 0);
  return Array.from(orderBy(dots).subarray(0, mostReasons))
    .filter((at) => dots[at] > 0 && history[at] !== item)
    .map((at) => ({
      id: items.idAt(history[at]),
      title: known.titles.at(history[at]),
      share: dots[at] / total,
    }));
}
