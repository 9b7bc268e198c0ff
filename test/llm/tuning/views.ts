import { Random } from "../../../lib/data/random.js";
import { TrainView } from "../../../lib/data/trainView.js";

/** Titles whose words tell the kind: items of one kind follow each other. */
const KINDS = ["river", "stone", "engine", "garden"];

/** A view of users who keep to one kind of item; ratings 1 to 5, the last of a user's kind is 5. */
export function kindView(users: number, itemsEach: number, perUser: number, seed = 1): TrainView {
  const random = new Random(seed, 9);
  const titles = KINDS.flatMap((kind) => Array.from({ length: itemsEach }, (_, n) => `The ${kind} of ${n}`));
  const items: number[] = [];
  const ratings: number[] = [];
  for (let user = 0; user < users; user++) {
    const own = Array.from({ length: itemsEach }, (_, n) => (user % KINDS.length) * itemsEach + n);
    random.shuffle(own);
    for (const item of own.slice(0, perUser)) {
      items.push(item);
      ratings.push(1 + (item % 5));
    }
  }
  return new TrainView({
    userCount: users,
    itemCount: titles.length,
    offsets: Int32Array.from({ length: users + 1 }, (_, user) => user * perUser),
    items: Int32Array.from(items),
    ratings: Float32Array.from(ratings),
    titles,
    itemAttributes: {},
    userAttributes: {},
  });
}
