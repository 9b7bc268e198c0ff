import type { ExternalId } from "../data/idMap.js";
import type { PromptItem } from "../llm/prompts/render.js";
import { argumentError } from "../native/errors.js";
import type { Query } from "./engine.js";
import type { Overlay } from "./overlay.js";
import type { Snapshot } from "./snapshot.js";
import type { UnknownPolicy } from "./types.js";

/** Somebody a list is for, with all that a snapshot and what happened since know of them. */
export interface Person {
  readonly query: Query;
  /** How many items they have, those that the model does not know included: N(u) of Eq. 5. */
  readonly interactions: number;
  /** What a refined list of theirs goes by; null for a history that belongs to nobody. */
  readonly key: string | null;
  /** Whether the policy leaves them out: their list is empty. */
  readonly skipped: boolean;
  /** Their newest items as prompts show them, oldest first. */
  readonly newest: (count: number) => PromptItem[];
}

/** A history entry: an item of the snapshot, or an item added since by its title. */
interface Entry {
  readonly item: number;
  readonly title: string;
  readonly rating: number | undefined;
}

/**
 * @throws Llama4RecError `E_ARGUMENT` for an unknown user or item where the policy is to throw.
 */
export function personOf(
  {
    user,
    history,
  }: { readonly user?: ExternalId | undefined; readonly history?: readonly ExternalId[] | undefined },
  unknown: UnknownPolicy,
  snapshot: Snapshot,
  overlay: Overlay,
): Person {
  if (history !== undefined) return personWith(history, unknown, snapshot, overlay);
  if (user === undefined) throw argumentError("user", "the id of a user, or a history", user);
  const index = snapshot.users.indexOf(user);
  const added = overlay.of(user);
  if (index < 0 && added === undefined && unknown === "throw")
    throw argumentError("user", "the id of a known user", user);
  const seen = index < 0 ? new Int32Array(0) : snapshot.seen(index);
  const version = `${snapshot.manifest.generation} ${typeof user} ${user} ${added?.version ?? 0}`;
  if (added === undefined)
    return {
      query: { user: seen.length > 0 ? index : -1, items: seen, changed: false },
      interactions: seen.length,
      key: version,
      skipped: index < 0 && unknown === "skip",
      newest: (count) => trained(snapshot, index, count),
    };
  const latest = added.items.map((id, at): Entry => entryOf(id, added.ratings[at], snapshot, overlay));
  const again = new Set(latest.map(({ item }) => item));
  const kept = seen.filter((item) => !again.has(item));
  const known = latest.filter(({ item }) => item >= 0).map(({ item }) => item);
  const items = new Int32Array(kept.length + known.length);
  items.set(kept);
  items.set(known, kept.length);
  return {
    query: { user: index, items, changed: true },
    interactions: kept.length + latest.length,
    key: version,
    skipped: false,
    newest: (count) => {
      const before = trained(snapshot, index, seen.length).filter((_, at) => !again.has(seen[at]));
      return [...before, ...latest.map((entry) => promptItem(entry, snapshot))].slice(-count);
    },
  };
}

function personWith(
  history: readonly ExternalId[],
  unknown: UnknownPolicy,
  snapshot: Snapshot,
  overlay: Overlay,
): Person {
  const entries = new Map<ExternalId, Entry>();
  for (const [at, id] of history.entries()) {
    const entry = entryOf(id, Number.NaN, snapshot, overlay);
    if (entry.item < 0 && entry.title === "") {
      if (unknown === "throw") throw argumentError(`history[${at}]`, "the id of a known item", id);
      continue;
    }
    entries.delete(id); // the last time counts
    entries.set(id, entry);
  }
  const all = [...entries.values()];
  return {
    query: {
      user: -1,
      items: Int32Array.from(
        all.filter(({ item }) => item >= 0),
        ({ item }) => item,
      ),
      changed: true,
    },
    interactions: all.length,
    key: null,
    skipped: false,
    newest: (count) => all.slice(-count).map((entry) => promptItem(entry, snapshot)),
  };
}

function entryOf(id: ExternalId, rating: number, { items, known }: Snapshot, overlay: Overlay): Entry {
  const item = items.indexOf(id);
  const title = item < 0 ? (overlay.items.get(id) ?? "") : known.titles[item];
  return { item, title, rating: Number.isNaN(rating) ? undefined : rating };
}

const promptItem = ({ title, rating }: Entry, { rated }: Snapshot): PromptItem => ({
  title,
  rating: rated ? rating : undefined,
});

/** The newest training items of a user as prompts show them. */
export function trained({ known, rated }: Snapshot, user: number, count: number): PromptItem[] {
  if (user < 0) return [];
  const { offsets, items, ratings, titles } = known;
  const end = offsets[user + 1];
  const begin = Math.max(offsets[user], end - count);
  return Array.from(items.subarray(begin, end), (item, at) => ({
    title: titles[item],
    rating: rated ? ratings[begin + at] : undefined,
  }));
}
