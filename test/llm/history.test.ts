import test from "ava";
import { TrainView } from "../../lib/data/trainView.js";
import { hasRatings, historyOf, promptItems } from "../../lib/llm/prompts/history.js";
import { viewOf } from "../models/planted.js";

const equal = viewOf([[0, 1, 2], [], [2]], 3, ["Alien", "Dune", "Moon"]);
const rated = new TrainView({ ...equal, ratings: Float32Array.of(4, 1, 5, 4) });

test("the newest items, oldest first, with the user's ratings", (t) => {
  t.deepEqual(historyOf(rated, 0, 2), [
    { title: "Dune", rating: 1 },
    { title: "Moon", rating: 5 },
  ]);
  t.is(historyOf(rated, 0, 50).length, 3);
  t.deepEqual(historyOf(rated, 2, 1), [{ title: "Moon", rating: 4 }]);
  t.deepEqual([historyOf(rated, 1, 5), historyOf(rated, 0, 0)], [[], []]);
});

test("ratings that are all equal say nothing and are left out", (t) => {
  t.deepEqual([hasRatings(rated), hasRatings(equal)], [true, false]);
  t.deepEqual(historyOf(equal, 2, 1), [{ title: "Moon", rating: undefined }]);
});

test("any stretch of the view's interactions", (t) => {
  t.deepEqual(promptItems(rated, 2, 4), [
    { title: "Moon", rating: 5 },
    { title: "Moon", rating: 4 },
  ]);
});
