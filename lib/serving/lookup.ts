import type { ExternalId } from "../data/idMap.js";
import { argumentError } from "../native/errors.js";
import { mostItems } from "./request.js";
import type { Snapshot } from "./snapshot.js";

/** An item that was looked for. */
export interface FoundItem {
  readonly id: ExternalId;
  readonly title: string;
}

/** A user who was looked for. */
export interface FoundUser {
  readonly id: ExternalId;
  /** Items that the training has of them. */
  readonly interactions: number;
}

/** Items whose title has every word of a text, or whose id it is; the most popular ones first. */
export function findItems(text: string, limit: number, snapshot: Snapshot): FoundItem[] {
  const words = wordsOf(text);
  checkedLimit(limit);
  const { items, known, popular, lowerTitles } = snapshot;
  const found: FoundItem[] = [];
  for (const item of popular) {
    if (found.length === limit) break;
    const id = items.idAt(item);
    const title = lowerTitles[item];
    if (String(id) === text.trim() || words.every((word) => title.includes(word)))
      found.push({ id, title: known.titles.at(item) });
  }
  return found;
}

/** Users whose id begins with a text, in the order of their ids. */
export function findUsers(text: string, limit: number, { users, known: { offsets } }: Snapshot): FoundUser[] {
  const start = checkedText(text).trim();
  checkedLimit(limit);
  const found: FoundUser[] = [];
  for (let user = 0; user < users.size && found.length < limit; user++) {
    const id = users.idAt(user);
    if (String(id).startsWith(start)) found.push({ id, interactions: offsets[user + 1] - offsets[user] });
  }
  return found;
}

const wordsOf = (text: string): string[] => checkedText(text).toLowerCase().split(/\s+/).filter(Boolean);

function checkedText(text: string): string {
  if (typeof text !== "string") throw argumentError("text", "a text", text);
  return text;
}

function checkedLimit(limit: number): void {
  if (!Number.isInteger(limit) || limit < 1 || limit > mostItems)
    throw argumentError("limit", `an integer from 1 to ${mostItems}`, limit);
}
