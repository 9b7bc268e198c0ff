import type { TrainView } from "../data/trainView.js";

/** Titles of the user's last `count` training items, oldest first; all of them when there are fewer. */
export function newestTitles(view: TrainView, user: number, count: number): string[] {
  const items = view.itemsOf(user);
  return Array.from(items.subarray(Math.max(0, items.length - count)), (item) => view.titles[item]);
}
