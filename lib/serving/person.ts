import type { ExternalId } from "../data/idMap.js";
import type { PromptItem } from "../llm/prompts/render.js";
import { argumentError } from "../native/errors.js";
import type { Query } from "./engine.js";
import { joined } from "./lists.js";
import type { Overlay } from "./overlay.js";
import type { Snapshot } from "./snapshot.js";
import type { UnknownPolicy } from "./types.js";

/** Somebody a list is for, with all that a snapshot and what happened since know of them. */
export interface Person {
  readonly query: Query;
  /** All of their items, oldest first, those that came after the training among them. */
  readonly items: Int32Array;
  /** Items of theirs that came after the training. */
  readonly extras: readonly number[];
  /** How many items they have, those that the model does not know included: N(u) of Eq. 5. */
  readonly interactions: number;
  /** What a refined list of theirs goes by; null for a history that belongs to nobody. */
  readonly key: string | null;
  /** Changes with all that such a list was made from. */
  readonly version: string;
  /** Whether the policy leaves them out: their list is empty. */
  readonly skipped: boolean;
  /** Their newest items as prompts show them, oldest first. */
  readonly newest: (count: number) => PromptItem[];
}

/** A history entry. */
interface Entry {
  readonly item: number;
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
  if (history !== undefined) return personWith(history, unknown, snapshot);
  if (user === undefined) throw argumentError("user", "the id of a user, or a history", user);
  const index = snapshot.users.indexOf(user);
  const added = overlay.of(user);
  if (index < 0 && added === undefined && unknown === "throw")
    throw argumentError("user", "the id of a known user", user);
  const seen = index < 0 ? new Int32Array(0) : snapshot.seen(index);
  const key = `${typeof user} ${user}`;
  const version = `${snapshot.manifest.generation} ${added?.version ?? 0}`;
  if (added === undefined)
    return {
      query: { user: seen.length > 0 ? index : -1, items: seen, changed: false },
      items: seen,
      extras: [],
      interactions: seen.length,
      key,
      version,
      skipped: index < 0 && unknown === "skip",
      newest: (count) => trained(snapshot, index, count),
    };
  const latest = added.items.flatMap((id, at) => entriesOf(id, added.ratings[at], snapshot));
  const again = new Set(latest.map(({ item }) => item));
  const kept = seen.filter((item) => !again.has(item));
  const { items, extras } = parted(latest, snapshot);
  return {
    query: { user: index, items: standIns(joined(kept, items), extras, snapshot), changed: true },
    items: joined(
      kept,
      Int32Array.from(latest, ({ item }) => item),
    ),
    extras,
    interactions: kept.length + latest.length,
    key,
    version,
    skipped: false,
    newest: (count) => {
      const before = trained(snapshot, index, seen.length).filter((_, at) => !again.has(seen[at]));
      return [...before, ...latest.map((entry) => promptItem(entry, snapshot))].slice(-count);
    },
  };
}

function personWith(history: readonly ExternalId[], unknown: UnknownPolicy, snapshot: Snapshot): Person {
  const entries = new Map<number, Entry>();
  for (const [at, id] of history.entries()) {
    const [entry] = entriesOf(id, Number.NaN, snapshot);
    if (entry === undefined) {
      if (unknown === "throw") throw argumentError(`history[${at}]`, "the id of a known item", id);
      continue;
    }
    entries.delete(entry.item); // the last time counts
    entries.set(entry.item, entry);
  }
  const all = [...entries.values()];
  const { items, extras } = parted(all, snapshot);
  return {
    query: { user: -1, items: standIns(items, extras, snapshot), changed: true },
    items: Int32Array.from(all, ({ item }) => item),
    extras,
    interactions: all.length,
    key: null,
    version: "",
    skipped: false,
    newest: (count) => all.slice(-count).map((entry) => promptItem(entry, snapshot)),
  };
}

/** The entry of an item, none where it is unknown. */
function entriesOf(id: ExternalId, rating: number, snapshot: Snapshot): Entry[] {
  const item = snapshot.indexOf(id);
  return item < 0 ? [] : [{ item, rating: Number.isNaN(rating) ? undefined : rating }];
}

/** Items of the training and those that came after it. */
function parted(entries: readonly Entry[], { items }: Snapshot): { items: Int32Array; extras: number[] } {
  const all = entries.map(({ item }) => item);
  return {
    items: Int32Array.from(all.filter((item) => item < items.size)),
    extras: all.filter((item) => item >= items.size),
  };
}

/** Who has nothing but items that came after the training is asked for by the items that those are most like. */
function standIns(items: Int32Array, extras: readonly number[], { extra }: Snapshot): Int32Array {
  if (items.length > 0 || extras.length === 0) return items;
  return Int32Array.from(new Set(extras.flatMap((item) => extra.at(item)?.known?.nearest ?? [])));
}

const promptItem = ({ item, rating }: Entry, snapshot: Snapshot): PromptItem => ({
  title: snapshot.titleAt(item),
  rating: snapshot.rated ? rating : undefined,
});

/** The newest training items of a user as prompts show them. */
export function trained({ known, rated }: Snapshot, user: number, count: number): PromptItem[] {
  if (user < 0) return [];
  const { offsets, items, ratings, titles } = known;
  const end = offsets[user + 1];
  const begin = Math.max(offsets[user], end - count);
  return Array.from(items.subarray(begin, end), (item, at) => ({
    title: titles.at(item),
    rating: rated ? ratings[begin + at] : undefined,
  }));
}
