import { argumentError } from "../native/errors.js";
import type { Dataset } from "./dataset.js";

/**
 * Refuses data that nobody rated: rows without ratings all count as 1.
 * @throws Llama4RecError `E_ARGUMENT` naming `ratings` and the data set.
 */
export function requireRatings({ name, interactions: { ratings } }: Dataset): void {
  if (ratings.some((rating) => rating !== ratings[0])) return;
  const found = ratings.length === 0 ? "no rows" : `${ratings.length} rows rated ${ratings[0]}`;
  throw argumentError(
    "ratings",
    `two or more that differ in ${name} (of a table its column of ratings, named by columns or --column rating=...)`,
    found,
  );
}
