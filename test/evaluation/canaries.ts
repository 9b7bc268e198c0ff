import { DatasetBuilder } from "../../lib/data/builder.js";
import type { Dataset } from "../../lib/data/dataset.js";
import type { TrainView } from "../../lib/data/trainView.js";

/** A shop with canaries: every fifth user ends with two items that nobody else has, the others as they were. */
export function planted(shop: Dataset): Dataset {
  const builder = new DatasetBuilder("planted", { likeThreshold: 4 });
  for (const id of shop.items) builder.addItem(id, shop.titles[shop.items.indexOf(id)]);
  const { users, items, ratings, timestamps } = shop.interactions;
  users.forEach((user, row) => {
    builder.addInteraction(user, shop.items.idAt(items[row]), ratings[row], timestamps?.[row]);
  });
  for (let user = 0; user < shop.users.size; user += 5)
    for (const [age, kind] of ["validation", "test"].entries()) {
      const id = 1000 + 2 * user + age;
      builder.addItem(id, `Canary of ${kind} ${user}`);
      builder.addInteraction(user, id, 5, 4e9 + age);
    }
  return builder.build();
}

/** A user's history as prompts have it, oldest first: no view of a shop has one rating alone. */
export const linesOf = (view: TrainView, user: number): string[] =>
  Array.from(
    view.itemsOf(user),
    (item, place) => `${view.titles[item]} = ${view.ratings[view.offsets[user] + place]}`,
  );

/** Titles of a user's row, oldest first. */
export const titlesOf = (view: TrainView, user: number): string[] =>
  Array.from(view.itemsOf(user), (item) => view.titles[item]);
