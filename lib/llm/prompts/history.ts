import type { TrainView } from "../../data/trainView.js";
import type { PromptItem } from "./render.js";

/** The user's newest `count` training items as prompts show them, oldest first; all of them when there are fewer. */
export function historyOf(view: TrainView, user: number, count: number): PromptItem[] {
  const end = view.offsets[user + 1];
  return promptItems(view, Math.max(view.offsets[user], end - count), end);
}

/**
 * The interactions at places `start .. end - 1` of the view as prompts show them: titles with ratings, unless all ratings
 * of the view are equal and say nothing.
 */
export function promptItems(view: TrainView, start: number, end: number): PromptItem[] {
  const rated = hasRatings(view);
  return Array.from(view.items.subarray(start, end), (item, at) => ({
    title: view.titles[item],
    rating: rated ? view.ratings[start + at] : undefined,
  }));
}

const rated = new WeakMap<TrainView, boolean>();

/** Whether two interactions of the view differ in their rating; looked up once a view. */
export function hasRatings(view: TrainView): boolean {
  const known = rated.get(view) ?? view.ratings.some((rating) => rating !== view.ratings[0]);
  rated.set(view, known);
  return known;
}
