/** What rating models see of users and items. */
import test from "ava";
import { TrainView } from "../../lib/data/trainView.js";
import type { FeatureBatch } from "../../lib/models/rating/featureBatch.js";
import { checkFeatureRows } from "../../lib/models/rating/featureRows.js";
import { encodeView, type FeatureEncoding } from "../../lib/models/rating/features.js";
import { RatingSampler } from "../../lib/models/rating/ratingSampler.js";
import { raises } from "../native/raises.js";
import { ratedView } from "./plantedRatings.js";

const encoding = encodeView(ratedView);
const nameOf = ({ columns }: FeatureEncoding, field: number): string => {
  const found = columns.fields[field];
  return found === undefined ? "history" : `${found.side} ${found.attribute ?? "id"} ${found.part}`.trim();
};

/** The rows of each field of one pair, as texts: values, ids, `unseen` or `none`. */
function readable(features: FeatureEncoding, batch: FeatureBatch, pair = 0): Record<string, string[]> {
  const { fields, itemCount } = features.columns;
  const historyFirst = features.rows - itemCount - 1;
  return Object.fromEntries(
    Array.from({ length: batch.fields }, (_, field) => {
      const at = pair * batch.fields + field;
      const rows = batch.indices.subarray(batch.offsets[at], batch.offsets[at + 1]);
      const found = fields[field];
      const texts = Array.from(rows, (row) => {
        if (found === undefined) return row === historyFirst ? "none" : `item ${row - historyFirst - 1}`;
        const place = row - found.first;
        if (place === 0) return "unseen";
        if (found.attribute === null) return `id ${place - 1}`;
        return place === 1 ? "none" : found.values[place - 2];
      });
      return [nameOf(features, field), texts];
    }),
  );
}

const pair = (user: number, item: number, features = encoding) =>
  readable(features, features.batch(Int32Array.of(user), Int32Array.of(item)));

test("ids and attributes are fields, read as their names ask for", (t) => {
  t.deepEqual(pair(6, 7), {
    "user id": ["id 6"],
    "user age": ["25"],
    "user zipCode": ["10"],
    "user location country": ["germany"],
    "user location state": ["berlin"],
    "item id": ["id 7"],
    "item genres": ["genre 1", "any"],
  });
});

test("what is rare is unseen, what is not known is none, and each has a row of its own", (t) => {
  t.like(pair(0, 5), { "user location country": ["none"], "item genres": ["genre 2", "unseen"] });
  t.like(pair(3, 4), { "user age": ["none"], "item genres": ["none"] });
  t.like(pair(-1, -1), {
    "user id": ["unseen"],
    "user age": ["none"],
    "item id": ["unseen"],
    "item genres": ["none"],
  });
  t.like(pair(0, 5, encodeView(ratedView, { rareBelow: 1 })), { "item genres": ["genre 2", "only here"] });
  const rareIds = encodeView(ratedView, { rareBelow: 11 });
  t.like(pair(2, 2, rareIds), { "user id": ["unseen"] });
});

test("values of those who train nothing are unseen", (t) => {
  const { userCount, itemCount, offsets, items, ratings, titles, itemAttributes } = ratedView;
  const view = new TrainView({
    userCount: userCount + 2,
    itemCount,
    offsets: Int32Array.of(...offsets, items.length, items.length),
    items,
    ratings,
    titles,
    itemAttributes,
    userAttributes: { tone: Array.from({ length: userCount + 2 }, (_, user) => (user < 30 ? "a" : "b")) },
  });
  t.like(pair(31, 0, encodeView(view)), { "user id": ["unseen"], "user tone": ["unseen"] });
});

test("a batch is its pairs one after the other", (t) => {
  const users = Int32Array.of(3, 0, 29, 3, -1);
  const items = Int32Array.of(4, 19, 5, 4, 2);
  for (const features of [encoding, encodeView(ratedView, { history: 4 })]) {
    const batch = features.batch(users, items);
    t.is(batch.fields, features.fieldCount);
    t.is(batch.offsets.length, users.length * batch.fields + 1);
    for (const [at, user] of users.entries())
      t.deepEqual(readable(features, batch, at), pair(user, items[at], features));
    t.true(batch.indices.every((row) => row >= 0 && row < features.rows));
  }
});

test("the bag of rated items leaves out the item that is rated", (t) => {
  const features = encodeView(ratedView, { history: 4 });
  const last = [...ratedView.itemsOf(8)].slice(-4);
  const elsewhere = Array.from({ length: 20 }, (_, item) => item).find((item) => !last.includes(item)) ?? -1;
  t.deepEqual(
    pair(8, elsewhere, features).history,
    last.map((item) => `item ${item}`),
  );
  t.deepEqual(
    pair(8, last[2], features).history,
    [last[0], last[1], last[3]].map((item) => `item ${item}`),
  );
  t.deepEqual(pair(-1, 2, features).history, ["none"]);
  const one = encodeView(ratedView, { history: 1 });
  t.deepEqual(pair(8, last[3], one).history, ["none"]);
});

test("attributes by name: known, new, unseen or none", (t) => {
  const of = (row: Parameters<FeatureEncoding["batchOf"]>[0][number]) =>
    readable(encoding, encoding.batchOf([row]));
  t.deepEqual(of({ user: 6, item: 7 }), pair(6, 7));
  t.deepEqual(of({}), pair(-1, -1));
  t.like(of({ user: 6, userAttributes: { age: "23", location: "Mars" } }), {
    "user id": ["id 6"],
    "user age": ["20"],
    "user zipCode": ["none"],
    "user location country": ["unseen"],
    "user location state": ["none"],
    "item id": ["unseen"],
  });
  t.like(of({ itemAttributes: { genres: ["any", "any", "x", "y"] } }), { "item genres": ["any", "unseen"] });
});

test("an attribute may have a name that every object has", (t) => {
  const own = Array.from({ length: ratedView.userCount }, (_, user) => (user % 2 ? "odd" : "even"));
  const view = new TrainView({ ...ratedView, userAttributes: { constructor: own, tone: own } });
  const features = encodeView(view);
  const of = (userAttributes: Record<string, string>) =>
    readable(features, features.batchOf([{ userAttributes }]));
  t.like(of({ tone: "odd" }), { "user constructor": ["none"], "user tone": ["odd"] });
  t.like(of({ constructor: "even" }), { "user constructor": ["even"], "user tone": ["none"] });
});

test("rows that are none are refused by place, wrong names with the one that was meant", (t) => {
  const ages = { age: "20", location: "Mars" };
  const row = "expected an object of user, item, userAttributes, itemAttributes, got";
  const refused: [rows: unknown, message: RegExp | string][] = [
    [{ user: 3, item: 1 }, "rows: expected an array of rows, got an object (Object)"],
    [undefined, "rows: expected an array of rows, got undefined"],
    [[{}, null], `rows[1]: ${row} null`],
    [[[3, 1]], `rows[0]: ${row} an array of 2`],
    [[{ usr: 3, item: 1 }], /^rows\[0\]: expected one of user, item, .*, got "usr"; did you mean "user"\?$/],
    [[{ userAttribute: ages }], /^rows\[0\]: .*, got "userAttribute"; did you mean "userAttributes"\?$/],
    [
      [{ user: 1, userAttributes: { agee: "20" } }],
      'rows[0].userAttributes: expected one of age, zipCode, location, got "agee"; did you mean "age"?',
    ],
    [
      [{ userAttributes: { genres: "any" } }],
      'rows[0].userAttributes: expected one of age, zipCode, location, got "genres"',
    ],
    [[{ userAttributes: { constructor: "x" } }], /^rows\[0\]\.userAttributes: .*, got "constructor"$/],
    [[{ userAttributes: null }], /^rows\[0\]\.userAttributes: expected values by .*, got null$/],
    [[{ itemAttributes: ["any"] }], /^rows\[0\]\.itemAttributes: expected values by .*, got an array of 1$/],
    [[{ userAttributes: { age: 20 } }], /^rows\[0\]\.userAttributes\.age: expected a text or .*, got 20$/],
    [
      [{ itemAttributes: { genres: ["any", null] } }],
      /^rows\[0\]\.itemAttributes\.genres: expected a text or/,
    ],
    [[{ item: 20 }], "rows[0].item: expected an index in 0..19, or none, got 20"],
    [[{ user: "3" }], 'rows[0].user: expected an index in 0..29, or none, got "3"'],
  ];
  for (const [rows, message] of refused)
    t.throws(() => checkFeatureRows(rows, encoding.columns), { code: "E_ARGUMENT", message });
  const none = encodeView(new TrainView({ ...ratedView, userAttributes: {} }));
  t.throws(() => checkFeatureRows([{ userAttributes: ages }], none.columns), {
    code: "E_ARGUMENT",
    message: 'rows[0].userAttributes: expected none, for the data set has none, got "age"',
  });
  t.notThrows(() => checkFeatureRows([{}, { user: 29, itemAttributes: { genres: [] } }], encoding.columns));
});

test("an epoch holds every rating once and every row's whole share", (t) => {
  for (const options of [{}, { history: 4 }, { history: 1 }, { history: 100 }]) {
    const features = encodeView(ratedView, options);
    const sampler = new RatingSampler(ratedView, features, 1);
    const shares = new Float64Array(features.rows);
    let count = 0;
    for (const batch of sampler.epoch(2, 64)) {
      count += batch.size;
      t.is(new Set(batch.rows).size, batch.rows.length);
      for (const [at, row] of batch.rows.entries()) shares[row] += batch.shares[at] ** 2;
    }
    t.is(count, 300);
    t.true(shares.every((share) => share === 0 || Math.abs(share - 1) < 1e-5));
    t.true(shares.filter((share) => share > 0).length > 50);
  }
});

test("the order of an epoch follows from the seed and the epoch", (t) => {
  const ratings = (seed: number, epoch: number, start = 0): number[] =>
    [...new RatingSampler(ratedView, encoding, seed).epoch(epoch, 7, start)].flatMap(({ indices }) => [
      ...indices,
    ]);
  t.deepEqual(ratings(1, 2), ratings(1, 2));
  t.notDeepEqual(ratings(1, 2), ratings(1, 3));
  t.notDeepEqual(ratings(1, 2), ratings(2, 2));
  t.deepEqual(ratings(1, 2).slice(-ratings(1, 2, 70).length), ratings(1, 2, 70));
});

test("a view without ratings, or all of one value, is refused", (t) => {
  const { titles, itemAttributes, userAttributes } = ratedView;
  const rest = { userCount: 30, itemCount: 20, titles, itemAttributes, userAttributes };
  const empty = { offsets: new Int32Array(31), items: new Int32Array(0), ratings: new Float32Array(0) };
  raises(t, () => encodeView(new TrainView({ ...rest, ...empty })), "E_ARGUMENT", /view: expected ratings/);
  const { offsets, items } = ratedView;
  const ratings = new Float32Array(300).fill(1);
  raises(
    t,
    () => encodeView(new TrainView({ ...rest, offsets, items, ratings })),
    "E_ARGUMENT",
    /at least two that differ, got "300 ratings of 1"/,
  );
});
