import type { ExternalId } from "../data/idMap.js";
import type { NewUser } from "../models/rating/userFoldIn.js";
import type { RatingPredictor } from "../models/ratingPredictor.js";
import { argumentError } from "../native/errors.js";
import type { Overlay } from "./overlay.js";
import { checkedId, checkedIds, unknownPolicies } from "./request.js";
import type { Snapshot } from "./snapshot.js";
import type { RatingRequest, UnknownPolicy } from "./types.js";

/** Items of one request: some milliseconds of the event loop. */
export const mostRated = 1000;

/** A request for ratings whose every field is what it should be. */
interface CheckedRatingRequest extends RatingRequest {
  readonly items: readonly ExternalId[];
  readonly unknown: UnknownPolicy;
}

/**
 * The ratings that somebody would give, NaN for an item that the model does not know where the policy is not to throw. What
 * they have rated since the training counts as well, without a retraining.
 * @throws Llama4RecError `E_ARGUMENT` naming the field.
 */
export function ratingsFor(
  request: RatingRequest,
  rater: RatingPredictor,
  snapshot: Snapshot,
  overlay: Overlay,
  defaults: { readonly unknown: UnknownPolicy },
): Float64Array {
  const asked = checkedRatingRequest(request, defaults);
  const places = asked.items.map((id, at) => placeOf(`items[${at}]`, id, asked.unknown, snapshot));
  const known = places.filter((place) => place !== null);
  const predicted = rater.foldIn(whomOf(asked, snapshot, overlay)).predict(Int32Array.from(known));
  let next = 0;
  return Float64Array.from(places, (place) => (place === null ? Number.NaN : predicted[next++]));
}

function checkedRatingRequest(
  request: RatingRequest,
  defaults: { readonly unknown: UnknownPolicy },
): CheckedRatingRequest {
  if (typeof request !== "object" || request === null) throw argumentError("request", "an object", request);
  const { user, history, ratings, items, unknown = defaults.unknown } = request;
  if (user === undefined && history === undefined)
    throw argumentError("user", "the id of a user, or a history", user);
  if (user !== undefined) checkedId("user", user);
  if (history !== undefined) checkedIds("history", history);
  checkedIds("items", items);
  if (items.length > mostRated) throw argumentError("items", `at most ${mostRated} ids`, items.length);
  const fits = Array.isArray(ratings) && ratings.length === history?.length;
  if (ratings !== undefined && !fits)
    throw argumentError("ratings", "one of each item of a history", ratings);
  if (!unknownPolicies.includes(unknown)) throw argumentError("unknown", unknownPolicies.join(", "), unknown);
  for (const [at, rating] of (ratings ?? []).entries())
    if (rating !== null && !Number.isFinite(rating))
      throw argumentError(`ratings[${at}]`, "a finite number, or null where there is none", rating);
  return { ...request, unknown };
}

/** Index for the rating model: -1 for an item that came after the training, null for one that nobody knows. */
function placeOf(name: string, id: ExternalId, unknown: UnknownPolicy, snapshot: Snapshot): number | null {
  const index = snapshot.indexOf(id);
  if (index < 0 && unknown === "throw") throw argumentError(name, "the id of a known item", id);
  if (index < 0) return null;
  return index < snapshot.items.size ? index : -1;
}

/** Somebody as the rating model takes them: what they rated that it does not know of. */
function whomOf(
  { user, history, ratings, unknown }: CheckedRatingRequest,
  snapshot: Snapshot,
  overlay: Overlay,
): NewUser {
  const rated = new Map<number, number>();
  const add = (name: string, id: ExternalId, rating: number | null | undefined): void => {
    const place = placeOf(name, id, unknown, snapshot);
    if (place === null || place < 0 || rating === null || rating === undefined || Number.isNaN(rating))
      return;
    rated.delete(place); // the last time counts
    rated.set(place, rating);
  };
  const index = history !== undefined || user === undefined ? -1 : snapshot.users.indexOf(user);
  if (history !== undefined)
    for (const [at, id] of history.entries()) add(`history[${at}]`, id, ratings?.[at]);
  else if (user !== undefined) {
    const added = overlay.of(user);
    if (index < 0 && added === undefined && unknown === "throw")
      throw argumentError("user", "the id of a known user", user);
    for (const [at, id] of (added?.items ?? []).entries()) add("user", id, added?.ratings[at]);
  }
  return {
    user: index < 0 ? undefined : index,
    items: Int32Array.from(rated.keys()),
    ratings: [...rated.values()],
  };
}
