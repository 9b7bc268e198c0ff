import test from "ava";
import { Random } from "../../lib/data/random.js";
import { TrainView } from "../../lib/data/trainView.js";
import { BiasModel, chooseBiasDamping } from "../../lib/models/reference/bias.js";
import { Llama4RecError } from "../../lib/native/errors.js";

type Rating = readonly [user: number, item: number, rating: number];

/** A view of ratings, users and items up to the largest ones named. */
function viewOf(rows: readonly Rating[], userCount: number, itemCount: number): TrainView {
  const sorted = rows.toSorted((a, b) => a[0] - b[0]);
  const offsets = new Int32Array(userCount + 1);
  for (const [user] of sorted) offsets[user + 1]++;
  for (let user = 0; user < userCount; user++) offsets[user + 1] += offsets[user];
  return new TrainView({
    userCount,
    itemCount,
    offsets,
    items: Int32Array.from(sorted, ([, item]) => item),
    ratings: Float32Array.from(sorted, ([, , rating]) => rating),
    titles: Array.from({ length: itemCount }, (_, item) => `Title ${item}`),
    itemAttributes: {},
    userAttributes: {},
  });
}

/** Ratings that follow planted biases, with noise; every user has rated about a share of the items. */
function planted(users: number, items: number, share: number, seed: number): Rating[] {
  const random = new Random(seed);
  const draw = (): number => 2 * random.next() - 1;
  const [ofUsers, ofItems] = [users, items].map((count) => Array.from({ length: count }, draw));
  return ofUsers.flatMap((userBias, user) =>
    ofItems.flatMap((itemBias, item): Rating[] =>
      random.next() < share ? [[user, item, 3 + userBias + itemBias + draw()]] : [],
    ),
  );
}

test("bias by hand: mean, then items, then what items leave to users", (t) => {
  const rows: Rating[] = [
    [0, 0, 5],
    [0, 1, 4],
    [1, 0, 3],
  ];
  const model = new BiasModel(viewOf(rows, 3, 3), { items: 1, users: 2 });
  t.is(model.mean, 4);
  t.deepEqual([...model.items], [0, 0, 0]);
  t.deepEqual([...model.users], [1 / 4, -1 / 3, 0]);
  t.is(model.predict(0, 1), 4.25);
});

test("bias equals its formula on random ratings, with users and items that nobody rated", (t) => {
  const rows = planted(13, 9, 0.4, 1).filter(([user, item]) => user !== 4 && item !== 7);
  const model = new BiasModel(viewOf(rows, 13, 9), { items: 3, users: 5 });
  const mean = rows.reduce((sum, [, , rating]) => sum + Math.fround(rating), 0) / rows.length;
  t.true(Math.abs(model.mean - mean) < 1e-12);
  const bias = (own: readonly Rating[], damping: number, rest: (item: number) => number): number =>
    own.length === 0
      ? 0
      : own.reduce((sum, [, item, rating]) => sum + Math.fround(rating) - mean - rest(item), 0) /
        (own.length + damping);
  const items = Array.from({ length: 9 }, (_, item) =>
    bias(
      rows.filter((row) => row[1] === item),
      3,
      () => 0,
    ),
  );
  for (const [item, expected] of items.entries()) t.true(Math.abs(model.items[item] - expected) < 1e-12);
  for (let user = 0; user < 13; user++) {
    const expected = bias(
      rows.filter((row) => row[0] === user),
      5,
      (item) => items[item],
    );
    t.true(Math.abs(model.users[user] - expected) < 1e-12);
  }
  t.is(model.items[7], 0);
  t.is(model.users[4], 0);
});

test("a stranger with a known user's ratings has that user's bias; more ratings move it", (t) => {
  const view = viewOf(planted(6, 8, 0.7, 2), 6, 8);
  const model = new BiasModel(view, { items: 2, users: 2 });
  const ratings = view.ratings.subarray(view.offsets[3], view.offsets[4]);
  t.is(model.userBias(view.itemsOf(3), ratings), model.users[3]);
  const more = model.userBias([...view.itemsOf(3), 0], [...ratings, 9]);
  t.true(more > model.users[3]);
  t.is(model.userBias([], []), 0);
});

test("predictions stay within the range of the ratings", (t) => {
  const rows: Rating[] = [
    [0, 0, 5],
    [0, 1, 5],
    [1, 1, 1],
    [1, 2, 1],
  ];
  const model = new BiasModel(viewOf(rows, 2, 3), { items: 0, users: 0 });
  t.is(model.predict(0, 0), 5);
  t.is(model.predict(1, 2), 1);
  t.is(model.expected(-100, 0), 1);
  t.is(model.expected(100, 2), 5);
});

test("infinite damping takes a bias out: what is left is the item mean, or the mean", (t) => {
  const view = viewOf(planted(9, 7, 0.6, 3), 9, 7);
  const itemMean = new BiasModel(view, { items: 0, users: Number.POSITIVE_INFINITY });
  t.true(itemMean.users.every((bias) => bias === 0));
  t.true(itemMean.items.some((bias) => bias !== 0));
  const mean = new BiasModel(view, { items: Number.POSITIVE_INFINITY, users: Number.POSITIVE_INFINITY });
  t.is(mean.predict(2, 2), mean.mean);
});

test("the damping is chosen on validation: some where ratings are few and noisy, and it beats none there", (t) => {
  const rows = planted(200, 60, 0.08, 4);
  const held = rows.filter((_, index) => index % 4 === 0);
  const view = viewOf(
    rows.filter((_, index) => index % 4 !== 0),
    200,
    60,
  );
  const validation = {
    users: held.map(([user]) => user),
    items: held.map(([, item]) => item),
    ratings: held.map(([, , rating]) => rating),
  };
  const chosen = chooseBiasDamping(view, validation, { items: [0, 2, 1000], users: [0, 2, 1000] });
  t.deepEqual(chosen, { items: 2, users: 2 });
  t.throws(() => chooseBiasDamping(view, validation, { items: [] }), {
    code: "E_ARGUMENT",
    message: /tried/,
  });
});

test("refuses a negative damping and a view without ratings", (t) => {
  const view = viewOf([[0, 0, 3]], 1, 1);
  for (const damping of [
    { items: -1, users: 1 },
    { items: 1, users: Number.NaN },
  ])
    t.throws(() => new BiasModel(view, damping), {
      instanceOf: Llama4RecError,
      code: "E_ARGUMENT",
      message: /^damping\.(items|users): expected a number of at least 0/,
    });
  t.throws(() => new BiasModel(viewOf([], 1, 1), { items: 1, users: 1 }), {
    code: "E_ARGUMENT",
    message: /^view/,
  });
});
