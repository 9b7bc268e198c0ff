/** The ratings that somebody would give, from a recommender's folder. */
import test from "ava";
import { Llama4RecError } from "../../lib/native/errors.js";
import { Recommender } from "../../lib/serving/recommender.js";
import { saveRecommender } from "../../lib/serving/save.js";
import { ratedView } from "../models/plantedRatings.js";
import { loosely } from "../native/raises.js";
import { ratedShelf, trainedRater } from "./ratedShelf.js";
import { savedShelf, shelfOf, userId } from "./shelf.js";

const { itemCount } = ratedView;
const every = Array.from({ length: itemCount }, (_, item) => 1000 + item);
const mean = (ratings: Float64Array): number => ratings.reduce((a, b) => a + b) / ratings.length;
const fault = (code: string, message: RegExp) => ({ instanceOf: Llama4RecError, code, message });

const opened = async (t: Parameters<typeof savedShelf>[0]): Promise<Recommender> =>
  Recommender.open(await savedShelf(t, await ratedShelf()));

test("a known user's ratings are the model's own", async (t) => {
  await using recommender = await opened(t);
  const { predictor } = await trainedRater;
  const items = Int32Array.from({ length: itemCount }, (_, item) => item);
  for (const user of [0, 3, 29])
    t.deepEqual(
      [...recommender.rate({ user: userId(user), items: every })],
      [...predictor.predict(new Int32Array(itemCount).fill(user), items)],
    );
  t.true(recommender.rates);
});

test("somebody new is rated for by the ratings of their history", async (t) => {
  await using recommender = await opened(t);
  const history = every.filter((_, item) => item % 2 === 0);
  for (let group = 0; group < 3; group++) {
    const ratings = history.map((id) => ((id - 1000) % 3 === group ? 5 : 2));
    const predicted = recommender.rate({ history, ratings, items: every });
    for (let item = 1; item < itemCount; item += 2)
      t.is(predicted[item] > 3.5, item % 3 === group, `group ${group}, item ${item}: ${predicted[item]}`);
  }
});

test("what somebody rated since the training counts at once, known or not", async (t) => {
  await using recommender = await opened(t);
  for (const user of ["somebody new", userId(4)]) {
    const before = recommender.rate({ user, items: every });
    recommender.update({ interactions: every.slice(0, 10).map((item) => ({ user, item, rating: 2 })) });
    const after = recommender.rate({ user, items: every.slice(10) });
    t.true(mean(after) < mean(before.subarray(10)), user);
    recommender.update({ interactions: every.slice(0, 10).map((item) => ({ user, item, rating: 5 })) });
    const again = recommender.rate({ user, items: every.slice(10) });
    t.true(mean(again) > mean(after) + 1, "the last rating of an item counts");
  }
});

test("what was not rated says nothing about ratings", async (t) => {
  await using recommender = await opened(t);
  const items = every;
  const unknown = recommender.rate({ user: "nobody", items });
  t.deepEqual(recommender.rate({ history: every.slice(0, 5), items }), unknown);
  t.deepEqual(recommender.rate({ history: every.slice(0, 2), ratings: [null, null], items }), unknown);
  recommender.update({ interactions: [{ user: "nobody", item: every[0] }] });
  t.deepEqual(recommender.rate({ user: "nobody", items }), unknown);
});

test("an unknown item has no rating, or is an error; one after the training has that of an unknown item", async (t) => {
  await using recommender = await opened(t);
  const user = userId(1);
  const [known, nothing] = recommender.rate({ user, items: [1001, "1001"] });
  t.true(known >= 2 && Number.isNaN(nothing));
  const strict = { user, items: [1001, "1001"], unknown: "throw" } as const;
  t.throws(
    () => recommender.rate(strict),
    fault("E_ARGUMENT", /^items\[1\]: expected the id of a known item/),
  );
  recommender.update({ items: [{ id: "1001", title: "A new one" }] });
  const { predictor } = await trainedRater;
  t.is(recommender.rate(strict)[1], predictor.predict(Int32Array.of(1), Int32Array.of(-1))[0]);
});

test("a retrained rater takes the place of the old one with its snapshot", async (t) => {
  const shelf = await ratedShelf();
  const folder = await savedShelf(t, shelf);
  await using recommender = await Recommender.open(folder, { verify: true });
  await saveRecommender(folder, { ...shelf, rater: null });
  await recommender.reload();
  t.false(recommender.rates);
  t.throws(() => recommender.rate({ user: userId(0), items: [1000] }), fault("E_TASK", /saved with a rater/));
  await saveRecommender(folder, shelf);
  await recommender.reload();
  t.true(recommender.rate({ user: userId(0), items: [1000] })[0] >= 2);
});

test("what is wrong with a request or a folder is said", async (t) => {
  const shelf = await ratedShelf();
  await using recommender = await opened(t);
  const items = [1000];
  const bad: [request: unknown, message: RegExp][] = [
    [null, /^request: expected an object/],
    [{ items }, /^user: expected the id of a user, or a history/],
    [{ user: Number.NaN, items }, /^user: expected a string or a finite number/],
    [{ user: "nobody", items, unknown: "throw" }, /^user: expected the id of a known user/],
    [{ user: "a", items, unknown: "never" }, /^unknown: expected throw, skip, cold/],
    [{ user: "a" }, /^items: expected a list/],
    [{ user: "a", items: [true] }, /^items\[0\]: expected a string or a finite number/],
    [{ user: "a", items: Array(1001).fill(1000) }, /^items: expected at most 1000 ids, got 1001/],
    [{ user: "a", items, ratings: [1] }, /^ratings: expected one of each item of a history/],
    [{ history: [1000], items, ratings: [1, 2] }, /^ratings: expected one of each item of a history/],
    [{ history: [1000], items, ratings: ["5"] }, /^ratings\[0\]: expected a finite number, or null/],
    [{ history: [1000, 7], items, unknown: "throw" }, /^history\[1\]: expected the id of a known item/],
  ];
  for (const [request, message] of bad)
    t.throws(() => loosely(recommender.rate.bind(recommender), request), fault("E_ARGUMENT", message));
  await t.throwsAsync(
    savedShelf(t, shelfOf({ users: 31, items: 20 }), { rater: shelf.rater }),
    fault("E_ARGUMENT", /^rater: expected 31 users and 20 items, as the ranker, got "30 and 20"/),
  );
  const closed = await opened(t);
  await closed.close();
  t.throws(() => closed.rate({ user: "a", items }), fault("E_DISPOSED", /after close/));
});
