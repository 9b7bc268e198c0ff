import { Heap } from "./heap.js";

/** Neighbours that together are the same piece, wherever they stand. */
interface Group {
  readonly piece: string;
  /** First of the places, -1 when none is left. */
  head: number;
  /** At least the weight of its places; exact when it was just counted. */
  weight: number;
}

interface Candidate {
  readonly group: Group;
  /** The group's weight when this was queued. */
  readonly weight: number;
}

/**
 * Texts cut into symbols, at first characters, with all pairs of neighbours counted by what they are together: a merge
 * touches only the places where it happens.
 */
export class Pairs {
  readonly #text: string;
  /** What a pair may become; places where it may not are never counted. */
  readonly #allowed: (piece: string) => boolean;
  readonly #longest: number;
  readonly #weight: Float64Array;
  // By place, the offset of a symbol in the text: the symbols after and before it (after: 0 when none begins here), and
  // the group that its pair with the next one belongs to, with the places after and before it there (-1: none).
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #groupOf: (Group | null)[];
  readonly #after: Int32Array;
  readonly #before: Int32Array;
  readonly #groups = new Map<string, Group>();
  readonly #queue = new Heap<Candidate>(
    (a, b) => a.weight > b.weight || (a.weight === b.weight && a.group.piece < b.group.piece),
  );

  /**
   * @param units Texts with their weights; no pair reaches across two of them.
   * @param allowed Whether a pair may become this piece. The same answer every time, false for what holds a line break.
   * @param longest Longest piece, in UTF-16 units.
   */
  constructor(units: ReadonlyMap<string, number>, allowed: (piece: string) => boolean, longest: number) {
    this.#text = `\n${[...units.keys()].join("\n")}\n`;
    this.#allowed = allowed;
    this.#longest = longest;
    const length = this.#text.length;
    this.#weight = new Float64Array(length);
    this.#next = new Int32Array(length + 1);
    this.#previous = new Int32Array(length + 1).fill(-1);
    this.#groupOf = new Array<Group | null>(length).fill(null);
    this.#after = new Int32Array(length).fill(-1);
    this.#before = new Int32Array(length).fill(-1);
    let start = 1;
    for (const [unit, weight] of units) {
      this.#weight.fill(weight, start, start + unit.length);
      start += unit.length + 1;
    }
    let place = 0;
    for (const character of this.#text) {
      this.#next[place] = place + character.length;
      this.#previous[place + character.length] = place;
      place += character.length;
    }
    const touched = new Set<Group>();
    for (place = 0; place < length; place = this.#next[place]) this.#join(place, touched);
    this.#queueAll(touched);
  }

  /** The piece of the heaviest pairs, the first in code unit order on ties; null when no pair is left. */
  heaviest(): string | null {
    for (let best = this.#queue.pop(); best !== undefined; best = this.#queue.pop()) {
      const { group, weight } = best;
      if (group.head < 0 || weight !== group.weight) continue; // merged elsewhere, or queued again
      group.weight = this.#places(group).reduce((sum, place) => sum + this.#weight[place], 0);
      // Counted again and in one order, so that no rounding gathers over the merges.
      if (group.weight >= weight) return group.piece;
      this.#queue.push({ group, weight: group.weight });
    }
    return null;
  }

  /**
   * Merges all pairs that are `piece`, from left to right; and the pairs that come to be by that and are `known`, which
   * an encoder would merge at once.
   */
  merge(piece: string, known: (piece: string) => boolean): void {
    const touched = new Set<Group>();
    const waiting = [piece];
    for (let wanted = waiting.pop(); wanted !== undefined; wanted = waiting.pop()) {
      const group = this.#groups.get(wanted);
      if (group === undefined) continue;
      const made = new Set<Group>();
      for (const place of this.#places(group)) if (this.#groupOf[place] === group) this.#mergeAt(place, made);
      for (const { piece } of made) if (known(piece)) waiting.push(piece);
      for (const group of made) touched.add(group);
    }
    this.#queueAll(touched);
  }

  /** Merges the symbol at `place` with the next one. */
  #mergeAt(place: number, touched: Set<Group>): void {
    const right = this.#next[place];
    const before = this.#previous[place];
    for (const old of [before, place, right]) this.#part(old);
    this.#next[place] = this.#next[right];
    this.#previous[this.#next[right]] = place;
    this.#join(before, touched);
    this.#join(place, touched);
  }

  /** Counts the pair of the symbol at `place` and the next one. */
  #join(place: number, touched: Set<Group>): void {
    const right = this.#next[place];
    const end = this.#next[right];
    if (right >= this.#text.length || end - place > this.#longest) return;
    const piece = this.#text.slice(place, end);
    let group = this.#groups.get(piece);
    if (group === undefined) {
      if (!this.#allowed(piece)) return;
      group = { piece, head: -1, weight: 0 };
      this.#groups.set(piece, group);
    }
    this.#groupOf[place] = group;
    this.#before[place] = -1;
    this.#after[place] = group.head;
    if (group.head >= 0) this.#before[group.head] = place;
    group.head = place;
    group.weight += this.#weight[place];
    touched.add(group);
  }

  /** Takes the pair at `place` out of its group. */
  #part(place: number): void {
    const group = this.#groupOf[place];
    if (group === null) return;
    this.#groupOf[place] = null;
    const [before, after] = [this.#before[place], this.#after[place]];
    if (before >= 0) this.#after[before] = after;
    else group.head = after;
    if (after >= 0) this.#before[after] = before;
    if (group.head < 0) this.#groups.delete(group.piece);
  }

  /** The places of a group, from left to right. */
  #places(group: Group): Int32Array {
    const places: number[] = [];
    for (let place = group.head; place >= 0; place = this.#after[place]) places.push(place);
    return Int32Array.from(places).sort();
  }

  #queueAll(groups: Iterable<Group>): void {
    for (const group of groups) if (group.head >= 0) this.#queue.push({ group, weight: group.weight });
  }
}
