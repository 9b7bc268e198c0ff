import { createRequire } from "node:module";
import { describe, type ErrorCode, Llama4RecError } from "./errors.js";

/**
 * The known name that was probably meant, or null. Case does not count; up to a third of the letters of the longer name
 * may be wrong, missing or too many (Levenshtein distance). Of names equally near the first counts.
 */
export function nearestName(name: string, known: readonly string[]): string | null {
  if (name.length > longestName) return null;
  const { distance }: typeof import("fastest-levenshtein") = createRequire(import.meta.url)(
    "fastest-levenshtein",
  );
  const wanted = name.toLowerCase();
  let nearest: string | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const away = distance(wanted, candidate.toLowerCase());
    if (away < least && away <= Math.max(wanted.length, candidate.length) / 3) {
      nearest = candidate;
      least = away;
    }
  }
  return nearest;
}

/**
 * Error for a name that is none of those known: `what: expected one of a, b, got "c"; did you mean "a"?`
 * @param scope Words behind the names: " for task direct".
 */
export function unknownName(
  code: ErrorCode,
  what: string,
  known: readonly string[],
  received: unknown,
  scope = "",
): Llama4RecError {
  const nearest = typeof received === "string" ? nearestName(received, known) : null;
  const hint = nearest === null ? "" : `; did you mean ${describe(nearest)}?`;
  return new Llama4RecError(
    code,
    `${what}: expected one of ${known.join(", ")}${scope}, got ${describe(received)}${hint}`,
  );
}

/** No name here is near this long: the distance takes time by the product of the lengths. */
const longestName = 100;
