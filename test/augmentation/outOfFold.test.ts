/** Out-of-fold hints: no model speaks about a row that it was trained on. */
import test from "ava";
import {
  interactionFolds,
  userFolds,
  withoutInteractions,
  withoutUsers,
} from "../../lib/augmentation/folds.js";
import {
  type HintProgress,
  type OutOfFoldOptions,
  outOfFoldHints,
} from "../../lib/augmentation/outOfFold.js";
import { Random } from "../../lib/data/random.js";
import { TrainView } from "../../lib/data/trainView.js";
import { HintReader, type TuningHints } from "../../lib/llm/tuning/hints.js";
import { viewOf } from "../models/planted.js";

const users = 24;
const items = 16;
const folds = 3;
const everyItem = Int32Array.from({ length: items }, (_, item) => item);

/** Even users take even items, odd ones odd items, 3 to 7 of the 8 there are; ratings 1 to 5 at random. */
function tasteful(): TrainView {
  const random = new Random(1);
  const rows = Array.from({ length: users }, (_, user) =>
    random
      .shuffle(Array.from({ length: items / 2 }, (_, n) => 2 * n + (user % 2)))
      .slice(0, 3 + random.below(5)),
  );
  const view = viewOf(rows, items);
  return new TrainView({ ...view, ratings: view.ratings.map(() => 1 + random.below(5)) });
}

const view = tasteful();
const quick: OutOfFoldOptions = {
  seed: 4,
  folds,
  worker: false,
  damping: { items: 1, users: 1 },
  hyperparameters: {
    direct: { dimension: 4, epochs: 3, batchSize: 32 },
    sequential: { dimension: 4, hidden: 8, blocks: 1, heads: 1, length: 8, epochs: 3, batchSize: 8 },
  },
};

/** The view with one interaction replaced. */
function altered(place: number, item: number, rating: number): TrainView {
  const changed = { items: view.items.slice(), ratings: view.ratings.slice() };
  changed.items[place] = item;
  changed.ratings[place] = rating;
  return new TrainView({ ...view, ...changed });
}

/** An item of the other taste: nobody of this user's kind has it. */
const strange = (user: number): number => 1 - (user % 2);

/** What the hints of a view say about one interaction. */
function said(hints: TuningHints, of: TrainView, user: number, place: number) {
  using reader = new HintReader(hints, of);
  return {
    scores: reader.foldScores(user, place, everyItem),
    similar: reader.similarUser(user, place),
    expected: reader.expectedRating(place),
  };
}

test("folds of interactions are level: overall and inside each user", (t) => {
  for (const count of [2, 3, 5, 255]) {
    const foldOf = interactionFolds(view, count, 1);
    const sizes = (from: number, to: number): number[] =>
      Array.from({ length: count }, (_, fold) => foldOf.subarray(from, to).filter((f) => f === fold).length);
    const level = (counts: number[]): boolean => Math.max(...counts) - Math.min(...counts) <= 1;
    t.true(level(sizes(0, foldOf.length)));
    for (let user = 0; user < users; user++) t.true(level(sizes(view.offsets[user], view.offsets[user + 1])));
  }
});

test("folds of users are level over the users who have rows", (t) => {
  const some = viewOf([[0], [], [1, 2], [3], [], [4, 5], [6]], items);
  const foldOf = userFolds(some, 2, 1);
  const active = [0, 2, 3, 5, 6].map((user) => foldOf[user]);
  t.is(Math.abs(active.filter((fold) => fold === 0).length - active.filter((fold) => fold === 1).length), 1);
});

test("folds follow from the seed and the numbers of rows, not from what is in them", (t) => {
  const other = new TrainView({ ...view, items: view.items.map((item) => item ^ 1) });
  for (const cut of [interactionFolds, userFolds]) {
    t.deepEqual(cut(view, folds, 1), cut(other, folds, 1));
    t.notDeepEqual(cut(view, folds, 1), cut(view, folds, 2));
  }
});

test("a view without a fold has all the other rows, in order", (t) => {
  const foldOf = interactionFolds(view, folds, 1);
  const rest = withoutInteractions(view, foldOf, 1);
  for (let user = 0; user < users; user++)
    t.deepEqual(
      rest.itemsOf(user),
      view.itemsOf(user).filter((_, place) => foldOf[view.offsets[user] + place] !== 1),
    );
  t.deepEqual(
    rest.ratings,
    view.ratings.filter((_, place) => foldOf[place] !== 1),
  );
  const ofUsers = userFolds(view, folds, 1);
  const others = withoutUsers(view, ofUsers, 1);
  for (let user = 0; user < users; user++)
    t.is(others.userCounts[user], ofUsers[user] === 1 ? 0 : view.userCounts[user]);
});

test("an interaction's hints are the same whatever its item and rating are", async (t) => {
  const tasks = ["direct", "rating"] as const;
  const hints = await outOfFoldHints(view, { ...quick, tasks });
  const user = 5;
  const [place, neighbour] = [view.offsets[user], view.offsets[user] + 1];
  t.not(hints.interactionFolds[place], hints.interactionFolds[neighbour]);
  const other = altered(place, strange(user), view.ratings[place] === 5 ? 1 : 5);
  const changed = await outOfFoldHints(other, { ...quick, tasks });
  const { expected, ...ranking } = said(hints, view, user, place);
  const { expected: _, ...otherRanking } = said(changed, other, user, place);
  t.deepEqual(ranking, otherRanking);
  t.notDeepEqual(said(hints, view, user, neighbour), said(changed, other, user, neighbour));
  const rerated = altered(place, view.items[place], view.ratings[place] === 5 ? 1 : 5);
  const again = await outOfFoldHints(rerated, { ...quick, tasks: ["rating"] });
  t.is(again.expected?.[place], expected ?? undefined);
  t.not(again.expected?.[neighbour], hints.expected?.[neighbour]);
});

test("a user's sequence hints are the same whatever the user did", async (t) => {
  const tasks = ["sequential"] as const;
  const user = 5;
  const other = altered(view.offsets[user], strange(user), 1);
  const scored = async (of: TrainView, asked: number): Promise<Float64Array | null> => {
    using reader = new HintReader(await outOfFoldHints(of, { ...quick, tasks }), of);
    return reader.sequenceScores(asked, Int32Array.of(2, 7), everyItem);
  };
  const foldOf = userFolds(view, folds, quick.seed);
  const stranger = foldOf.findIndex((fold) => fold !== foldOf[user]);
  t.deepEqual(await scored(view, user), await scored(other, user));
  t.notDeepEqual(await scored(view, stranger), await scored(other, stranger));
});

test("a row that nothing but itself tells of is not in its own hint", async (t) => {
  const user = 3;
  const place = view.offsets[user] + 1;
  const canary = altered(place, strange(user), 5);
  const { direct } = quick.hyperparameters ?? {};
  const trained = { ...quick, hyperparameters: { direct: { ...direct, epochs: 60, learningRate: 0.05 } } };
  const hints = await outOfFoldHints(canary, { ...trained, tasks: ["direct"] });
  const rankIn = (fold: number): number => {
    using reader = new HintReader(
      { ...hints, interactionFolds: hints.interactionFolds.map(() => fold) },
      canary,
    );
    const scores = reader.foldScores(user, place, everyItem) ?? new Float64Array(items);
    return scores.filter((score) => score > scores[strange(user)]).length;
  };
  const own = hints.interactionFolds[place];
  t.true(rankIn(own) >= items / 2, `rank ${rankIn(own)} without the row`);
  t.true(rankIn((own + 1) % folds) < items / 2, `rank ${rankIn((own + 1) % folds)} with it`);
});

test("hints know tastes that other rows tell of", async (t) => {
  const { direct, sequential } = quick.hyperparameters ?? {};
  const hints = await outOfFoldHints(view, {
    ...quick,
    hyperparameters: {
      direct: { ...direct, epochs: 60, learningRate: 0.05 },
      sequential: { ...sequential, dimension: 8, epochs: 60, dropout: 0.1, learningRate: 0.02 },
    },
  });
  using reader = new HintReader(hints, view);
  const found = { direct: 0, sequential: 0, similar: 0 };
  let asked = 0;
  for (let user = 0; user < users; user++)
    for (let place = view.offsets[user] + 1; place < view.offsets[user + 1]; place++) {
      const pair = [view.items[place], view.items[place] ^ 1];
      const prefix = view.items.subarray(view.offsets[user], place);
      const right = (scores: Float64Array | null): number =>
        scores !== null && scores[0] > scores[1] ? 1 : 0;
      asked++;
      found.direct += right(reader.foldScores(user, place, pair));
      found.sequential += right(reader.sequenceScores(user, prefix, pair));
      if (((reader.similarUser(user, place) ?? -1) - user) % 2 === 0) found.similar++;
    }
  for (const [name, count] of Object.entries(found))
    t.true(count > 0.8 * asked, `${name}: ${count} of ${asked}`);
});

test("the same seed gives the same hints, another one others; they survive a structured clone", async (t) => {
  const hints = await outOfFoldHints(view, quick);
  t.deepEqual(await outOfFoldHints(view, quick), hints);
  t.notDeepEqual(await outOfFoldHints(view, { ...quick, seed: 5 }), hints);
  const sent = structuredClone(hints);
  t.deepEqual(sent, hints);
  t.deepEqual(said(sent, new TrainView(structuredClone(view)), 2, 7), said(hints, view, 2, 7));
});

test("nothing is said of users of whom a model saw nothing, nor by them", async (t) => {
  const rows = [[0, 2, 4], [6], [], [0, 2, 6], [2, 4, 0, 6], [1, 3]];
  const sparse = viewOf(rows, 8);
  const hints = await outOfFoldHints(sparse, { ...quick, folds: 2 });
  using reader = new HintReader(hints, sparse);
  const only = sparse.offsets[1];
  t.is(reader.foldScores(1, only, everyItem.subarray(0, 8)), null);
  t.is(reader.similarUser(1, only), null);
  t.is(reader.expectedRating(only), 5, "the mean and the item's bias");
  t.is(reader.sequenceScores(1, new Int32Array(), everyItem.subarray(0, 8)), null);
  for (const { similar } of hints.ranking ?? []) t.false(similar.includes(2));
});

test("hints are made for the tasks asked for; none is fine", async (t) => {
  const none = await outOfFoldHints(view, { ...quick, tasks: [] });
  t.like(none, { ranking: null, sequence: null, expected: null });
  const rating = await outOfFoldHints(view, { ...quick, tasks: ["rating"] });
  t.like(rating, { ranking: null, sequence: null });
  t.is(rating.expected?.length, view.interactionCount);
  t.deepEqual(said(none, view, 0, 0), { scores: null, similar: null, expected: null });
});

test("progress names each training and comes to its end; an abort ends it", async (t) => {
  const told: HintProgress[] = [];
  await outOfFoldHints(view, { ...quick, onProgress: (progress) => told.push(progress) });
  const ended = told.filter(({ done, total }) => done === total).map(({ stage }) => stage);
  t.deepEqual(
    ended,
    ["MF", "SASRec"].flatMap((name) => [1, 2, 3].map((fold) => `${name} for hints, fold ${fold} of 3`)),
  );
  const controller = new AbortController();
  const reason = new Error("enough");
  const onProgress = ({ stage }: HintProgress): void => {
    if (stage.includes("fold 2")) controller.abort(reason);
  };
  await t.throwsAsync(outOfFoldHints(view, { ...quick, onProgress, signal: controller.signal }), {
    is: reason,
  });
});

test("bad options, a view too small to cut, and hints of another view are refused", async (t) => {
  for (const count of [1, 2.5, 256])
    await t.throwsAsync(outOfFoldHints(view, { ...quick, folds: count }), {
      code: "E_ARGUMENT",
      message: /^folds: expected an integer in 2..255/,
    });
  const tasks = ["popularity"];
  // @ts-expect-error: what a caller without types may pass
  await t.throwsAsync(outOfFoldHints(view, { ...quick, tasks }), { code: "E_ARGUMENT", message: /^tasks/ });
  await t.throwsAsync(outOfFoldHints(viewOf([[0]], 2), quick), { code: "E_ARGUMENT" });
  const hints = await outOfFoldHints(view, { ...quick, tasks: [] });
  t.throws(() => new HintReader(hints, altered(0, 15, 5)), { code: "E_ARGUMENT", message: /^hints: .*view/ });
});
