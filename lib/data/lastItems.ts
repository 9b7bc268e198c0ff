import type { UserItems } from "./trainView.js";

/** The last `length` items of each user. */
export function lastItems({ offsets, items }: UserItems, length: number): UserItems {
  const last = new Int32Array(offsets.length);
  for (let user = 0; user + 1 < offsets.length; user++)
    last[user + 1] = last[user] + Math.min(length, offsets[user + 1] - offsets[user]);
  const kept = new Int32Array(last[offsets.length - 1]);
  for (let user = 0; user + 1 < offsets.length; user++)
    kept.set(
      items.subarray(offsets[user + 1] - (last[user + 1] - last[user]), offsets[user + 1]),
      last[user],
    );
  return { offsets: last, items: kept };
}
