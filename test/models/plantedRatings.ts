/** Ratings by groups of users and items, with attributes, some of which are rare, unknown or lists. */
import { HeldOut } from "../../lib/data/heldOut.js";
import { Random } from "../../lib/data/random.js";
import { TrainView } from "../../lib/data/trainView.js";

const users = 30;
const items = 20;
const groups = 3;
const ratingOf = (user: number, item: number): number => (user % groups === item % groups ? 5 : 2);

/** Ten rated items of each user, in a seeded order. */
const rated = Array.from({ length: users }, (_, user) =>
  new Random(7, user).shuffle(Array.from({ length: items }, (_, item) => item)).slice(0, 11),
);
const known = rated.map((list) => list.slice(0, 10));

export const ratedView = new TrainView({
  userCount: users,
  itemCount: items,
  offsets: Int32Array.from({ length: users + 1 }, (_, user) => 10 * user),
  items: Int32Array.from(known.flat()),
  ratings: Float32Array.from(known.flatMap((list, user) => list.map((item) => ratingOf(user, item)))),
  titles: Array.from({ length: items }, (_, item) => `Item ${item}`),
  userAttributes: {
    age: Array.from({ length: users }, (_, user) => (user === 3 ? "" : String(20 + user))),
    zipCode: Array.from({ length: users }, (_, user) => `${10 + (user % 2)}345`),
    location: Array.from({ length: users }, (_, user) =>
      user === 0 ? "n/a, n/a, n/a" : `town ${user}, ${user % 2 ? "bavaria" : "berlin"}, Germany`,
    ),
  },
  itemAttributes: {
    genres: Array.from({ length: items }, (_, item) =>
      item === 4 ? [] : [`genre ${item % groups}`, item === 5 ? "only here" : "any"],
    ),
  },
});

/** The eleventh item of each user. */
export const ratedHeldOut = new HeldOut(
  "validation",
  Int32Array.from({ length: users }, (_, user) => user),
  Int32Array.from(rated, (list) => list[10]),
  Float32Array.from(rated, (list, user) => ratingOf(user, list[10])),
);
