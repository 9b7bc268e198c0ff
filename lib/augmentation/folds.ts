import { filteredView } from "../data/filteredView.js";
import { Random } from "../data/random.js";
import type { TrainView } from "../data/trainView.js";

/** Marks of the streams of random numbers that fold cutting takes, apart from every other one of the seed. */
const STREAM = { interactions: 2 ** 40, users: 2 ** 41 } as const;

/**
 * Folds over interactions, `[interactions]`: each user's rows are dealt out one by one in a random order, so that two
 * folds differ by at most one row of a user and by at most one row of all. They follow from seed and numbers of rows
 * alone, never from items or ratings.
 */
export function interactionFolds(view: TrainView, folds: number, seed: number): Uint8Array {
  const foldOf = new Uint8Array(view.interactionCount);
  for (let user = 0; user < view.userCount; user++) {
    const start = view.offsets[user];
    const places = Int32Array.from({ length: view.userCounts[user] }, (_, place) => start + place);
    new Random(seed, STREAM.interactions + user).shuffle(places);
    for (const [dealt, place] of places.entries()) foldOf[place] = (start + dealt) % folds;
  }
  return foldOf;
}

/** Folds over users, `[users]`: the users with rows dealt out one by one in a random order; 0 for those without. */
export function userFolds(view: TrainView, folds: number, seed: number): Uint8Array {
  const foldOf = new Uint8Array(view.userCount);
  const users = Int32Array.from(view.userCounts.keys()).filter((user) => view.userCounts[user] > 0);
  new Random(seed, STREAM.users).shuffle(users);
  for (const [dealt, user] of users.entries()) foldOf[user] = dealt % folds;
  return foldOf;
}

/** The view without the interactions of one fold. Users and catalogue stay, also those left without rows. */
export function withoutInteractions(view: TrainView, foldOf: Uint8Array, fold: number): TrainView {
  return filteredView(view, (_, place) => foldOf[place] !== fold);
}

/** The view without all interactions of the users of one fold. Users and catalogue stay. */
export function withoutUsers(view: TrainView, foldOf: Uint8Array, fold: number): TrainView {
  return filteredView(view, (user) => foldOf[user] !== fold);
}
