import type { ExternalId } from "../data/idMap.js";
import { argumentError } from "../native/errors.js";
import type { RecommendRequest, ServingMode, UnknownPolicy } from "./types.js";

/** Modes, in the order of their cost. */
export const servingModes: readonly ServingMode[] = ["conventional", "offline", "background", "inline"];
/** What may happen with unknown ids. */
export const unknownPolicies: readonly UnknownPolicy[] = ["throw", "skip", "cold"];
/** Longest list. */
export const mostItems = 1000;
/** Most items that the language model orders. */
export const mostCandidates = 50;
/** Longest time that an answer may take, in milliseconds. */
export const longestDeadline = 60_000;
/** Most ids of a list in a request. */
const mostIds = 100_000;

/** Values that a request takes where it says nothing. */
export interface RequestDefaults {
  readonly mode: ServingMode;
  readonly unknown: UnknownPolicy;
  readonly deadlineMs: number;
  readonly excludeSeen: boolean;
}

/** A request whose every field is what it should be. */
export interface CheckedRequest {
  readonly user: ExternalId | undefined;
  readonly history: readonly ExternalId[] | undefined;
  readonly k: number;
  readonly exclude: readonly ExternalId[];
  readonly allow: readonly ExternalId[] | undefined;
  readonly excludeSeen: boolean;
  readonly candidates: number;
  readonly mode: ServingMode;
  readonly deadlineMs: number;
  readonly unknown: UnknownPolicy;
  readonly signal: AbortSignal | undefined;
}

/**
 * A request with its defaults.
 * @throws Llama4RecError `E_ARGUMENT` naming the field.
 */
export function checkedRequest(request: RecommendRequest, defaults: RequestDefaults): CheckedRequest {
  if (typeof request !== "object" || request === null) throw argumentError("request", "an object", request);
  const { user, history, k = 10, exclude = [], allow, candidates = 10, signal } = request;
  const { excludeSeen = defaults.excludeSeen, mode = defaults.mode, unknown = defaults.unknown } = request;
  const { deadlineMs = defaults.deadlineMs } = request;
  if (user === undefined && history === undefined)
    throw argumentError("user", "the id of a user, or a history", user);
  if (user !== undefined) checkedId("user", user);
  if (history !== undefined) checkedIds("history", history);
  checkedIds("exclude", exclude);
  if (allow !== undefined) checkedIds("allow", allow);
  if (!Number.isInteger(k) || k < 1 || k > mostItems)
    throw argumentError("k", `an integer from 1 to ${mostItems}`, k);
  if (!Number.isInteger(candidates) || candidates < 2 || candidates > mostCandidates)
    throw argumentError("candidates", `an integer from 2 to ${mostCandidates}`, candidates);
  if (typeof excludeSeen !== "boolean") throw argumentError("excludeSeen", "a boolean", excludeSeen);
  if (!servingModes.includes(mode)) throw argumentError("mode", servingModes.join(", "), mode);
  if (!unknownPolicies.includes(unknown)) throw argumentError("unknown", unknownPolicies.join(", "), unknown);
  if (typeof deadlineMs !== "number" || !(deadlineMs <= longestDeadline))
    throw argumentError("deadlineMs", `at most ${longestDeadline} milliseconds`, deadlineMs);
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw argumentError("signal", "an AbortSignal", signal);
  return { user, history, k, exclude, allow, excludeSeen, candidates, mode, deadlineMs, unknown, signal };
}

/** @throws Llama4RecError `E_ARGUMENT` for what is no id. */
export function checkedId(name: string, id: ExternalId): ExternalId {
  if (typeof id !== "string" && !(typeof id === "number" && Number.isFinite(id)))
    throw argumentError(name, "a string or a finite number", id);
  return id;
}

/** @throws Llama4RecError `E_ARGUMENT` for what is no list of ids. */
export function checkedIds(name: string, ids: readonly ExternalId[]): readonly ExternalId[] {
  if (!Array.isArray(ids) || ids.length > mostIds)
    throw argumentError(name, `a list of at most ${mostIds} ids`, ids);
  for (let at = 0; at < ids.length; at++) checkedId(`${name}[${at}]`, ids[at]);
  return ids;
}
