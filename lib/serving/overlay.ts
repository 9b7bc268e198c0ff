import type { ExternalId } from "../data/idMap.js";
import { turn } from "./turns.js";
import type { NewInteraction, NewItem } from "./types.js";

/** Interactions that are remembered at most; beyond that the users who were silent longest are forgotten. */
const mostInteractions = 1_000_000;
/** Newest interactions of one user that are remembered. */
const mostOfUser = 1_000;

/** Interactions that are compared with a new snapshot between two turns of the event loop: some milliseconds. */
const lookedATurn = 5_000;

/** What one user did since the training. */
export interface Added {
  readonly items: readonly ExternalId[];
  /** NaN where none was given. */
  readonly ratings: readonly number[];
  /** Counts this user's changes: part of what a list was refined from. */
  readonly version: number;
}

/** What happened since the training, by the caller's own ids: it outlives the snapshots. */
export class Overlay {
  /** In the order of their last interaction. */
  readonly #users = new Map<ExternalId, { items: ExternalId[]; ratings: number[]; version: number }>();
  readonly #items = new Map<ExternalId, string>();
  #count = 0;
  #version = 0;

  add({ user, item, rating = Number.NaN }: NewInteraction): void {
    const entry = this.#users.get(user) ?? { items: [], ratings: [], version: 0 };
    this.#users.delete(user);
    this.#users.set(user, entry);
    const before = entry.items.indexOf(item);
    if (before >= 0) this.#drop(entry, before);
    else if (entry.items.length === mostOfUser) this.#drop(entry, 0);
    entry.items.push(item);
    entry.ratings.push(rating);
    entry.version = ++this.#version;
    this.#count++;
    if (this.#count <= mostInteractions) return;
    for (const [id, { items }] of this.#users) {
      if (this.#count <= mostInteractions) break;
      this.#users.delete(id);
      this.#count -= items.length;
    }
  }

  addItem({ id, title }: NewItem): void {
    this.#items.set(id, title);
  }

  of(user: ExternalId): Added | undefined {
    return this.#users.get(user);
  }

  /** Items that were added, with their titles. */
  get items(): ReadonlyMap<ExternalId, string> {
    return this.#items;
  }

  /**
   * Forgets what a new snapshot knows, some users at a turn of the event loop: interactions for which `has` is true, and those
   * items. What a user does from now on stays, and keeps what that user did before.
   */
  async forget(
    has: (user: ExternalId, item: ExternalId) => boolean,
    knows: (item: ExternalId) => boolean,
  ): Promise<void> {
    const now = this.#version;
    for (const item of this.#items.keys()) if (knows(item)) this.#items.delete(item);
    let looked = 0;
    for (const [user, entry] of this.#users) {
      if (entry.version > now) break; // they are in the order of their last interaction
      looked += entry.items.length;
      for (let at = entry.items.length - 1; at >= 0; at--)
        if (has(user, entry.items[at])) this.#drop(entry, at);
      if (entry.items.length === 0) this.#users.delete(user);
      if (looked < lookedATurn) continue;
      looked = 0;
      await turn();
    }
  }

  #drop(entry: { items: ExternalId[]; ratings: number[] }, at: number): void {
    entry.items.splice(at, 1);
    entry.ratings.splice(at, 1);
    this.#count--;
  }
}
