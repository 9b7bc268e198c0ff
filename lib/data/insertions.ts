import { argumentError } from "../native/errors.js";
import type { UserItems } from "./trainView.js";

/**
 * The histories with items put in: `(user, position, item)` places the item before the one at `position` of the user's
 * given row, so never after the last. Positions refer to the row as given, whatever else is put in; several items at one
 * position keep the order of the triples. The given rows stay as they are.
 *
 * @param rows histories in time order and the size of the catalogue, as a training view has them
 * @param insertions flat triples (user, position, item), in any order
 * @throws Llama4RecError `E_ARGUMENT` for an unknown user, position or item, an item that the user has already or that
 *   is put in twice, and anything but whole triples
 */
export function withInsertions(
  rows: UserItems & { readonly itemCount: number },
  insertions: Int32Array,
): UserItems {
  const byPlace = inOrderOfPlace(rows, insertions);
  const userCount = rows.offsets.length - 1;
  const offsets = new Int32Array(userCount + 1);
  const items = new Int32Array(rows.items.length + byPlace.length);
  let written = 0;
  let next = 0;
  for (let user = 0; user < userCount; user++) {
    const row = rows.items.subarray(rows.offsets[user], rows.offsets[user + 1]);
    const known = new Set<number>(next < byPlace.length && byPlace[next].user === user ? row : []);
    for (const [position, item] of row.entries()) {
      for (; next < byPlace.length; next++) {
        const insertion = byPlace[next];
        if (insertion.user !== user || insertion.position !== position) break;
        if (known.has(insertion.item))
          throw argumentError("insertions", `an item that user ${user} does not have yet`, insertion.item);
        known.add(insertion.item);
        items[written++] = insertion.item;
      }
      items[written++] = item;
    }
    offsets[user + 1] = written;
  }
  return { offsets, items };
}

interface Insertion {
  readonly user: number;
  readonly position: number;
  readonly item: number;
}

/** The triples, checked one by one, by user and position; equal places in the order given. */
function inOrderOfPlace(
  { offsets, itemCount }: Parameters<typeof withInsertions>[0],
  insertions: Int32Array,
): Insertion[] {
  if (!(insertions instanceof Int32Array)) throw argumentError("insertions", "an Int32Array", insertions);
  if (insertions.length % 3 !== 0)
    throw argumentError("insertions", "triples (user, position, item)", insertions.length);
  const check = (name: string, at: number, count: number): number => {
    if (insertions[at] < 0 || insertions[at] >= count)
      throw argumentError(`insertions[${at}]`, `${name} below ${count}`, insertions[at]);
    return insertions[at];
  };
  const triples: Insertion[] = [];
  for (let at = 0; at < insertions.length; at += 3) {
    const user = check("a user", at, offsets.length - 1);
    const position = check("a position", at + 1, offsets[user + 1] - offsets[user]);
    triples.push({ user, position, item: check("an item", at + 2, itemCount) });
  }
  return triples.sort((a, b) => a.user - b.user || a.position - b.position);
}
