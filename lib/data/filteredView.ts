import { TrainView } from "./trainView.js";

/**
 * A view with only some of the interactions. Users and catalogue stay, also those left without rows.
 *
 * @param keeps Whether to keep the interaction of `user` at `place` in the view's `items`.
 */
export function filteredView(view: TrainView, keeps: (user: number, place: number) => boolean): TrainView {
  const kept: number[] = [];
  const offsets = new Int32Array(view.userCount + 1);
  for (let user = 0; user < view.userCount; user++) {
    for (let place = view.offsets[user]; place < view.offsets[user + 1]; place++)
      if (keeps(user, place)) kept.push(place);
    offsets[user + 1] = kept.length;
  }
  const { userCount, itemCount, titles, itemAttributes, userAttributes } = view;
  return new TrainView({
    userCount,
    itemCount,
    offsets,
    items: Int32Array.from(kept, (place) => view.items[place]),
    ratings: Float32Array.from(kept, (place) => view.ratings[place]),
    titles,
    itemAttributes,
    userAttributes,
  });
}
