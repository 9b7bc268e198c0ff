/** Which rows a k-core keeps. */
export interface KCore {
  /** 1 for every row kept, in row order. */
  readonly kept: Uint8Array;
  /** How many rows are kept. */
  readonly size: number;
}

/**
 * The k-core of a two-sided table: rows of users and items with fewer than `k` rows are dropped, again and again until
 * every user and item left has at least `k`.
 *
 * @param users user index of each row, 0 .. userCount - 1
 * @param items item index of each row, 0 .. itemCount - 1
 */
export function kCore(
  users: ArrayLike<number>,
  items: ArrayLike<number>,
  userCount: number,
  itemCount: number,
  k: number,
): KCore {
  const kept = new Uint8Array(users.length).fill(1);
  const userRows = new Int32Array(userCount);
  const itemRows = new Int32Array(itemCount);
  for (let row = 0; row < users.length; row++) {
    userRows[users[row]]++;
    itemRows[items[row]]++;
  }
  let size = users.length;
  for (let before = -1; before !== size; ) {
    before = size;
    for (let row = 0; row < users.length; row++) {
      if (kept[row] === 0 || (userRows[users[row]] >= k && itemRows[items[row]] >= k)) continue;
      kept[row] = 0;
      userRows[users[row]]--;
      itemRows[items[row]]--;
      size--;
    }
  }
  return { kept, size };
}
