import test from "ava";
import { Dataset, DatasetBuilder, IdMap } from "../../lib/data/index.js";

test("indices follow the data set's own numbering", (t) => {
  const numbers = IdMap.from([30, 4, 100, 4]);
  t.deepEqual([...numbers], [4, 30, 100]);
  t.is(numbers.indexOf(30), 1);
  t.is(numbers.idAt(2), 100);
  t.deepEqual([...IdMap.from(["é", "b", "B", "10", "9"])], ["10", "9", "B", "b", "é"]);
  t.deepEqual([...IdMap.from(["1", 2, "0", 1])], [1, 2, "0", "1"]);
});

test("an unknown id is -1, an unknown index an error", (t) => {
  const ids = IdMap.from(["a"]);
  t.is(ids.indexOf("b"), -1);
  t.throws(() => ids.idAt(1), { code: "E_ARGUMENT", message: /^index: .*got 1/ });
});

test("a builder gathers rows in any order into columns in row order", (t) => {
  const builder = new DatasetBuilder("shop", { likeThreshold: 3 });
  builder.addInteraction("zoe", "mug", 5, 20);
  builder.addItem("bowl", "A bowl", { colours: ["red", "blue"], year: "1990" });
  builder.addInteraction("amy", "bowl", 2, 10);
  builder.addUser("zoe", { city: "Ulm" });
  const dataset = builder.build();
  t.deepEqual(dataset.describe(), { name: "shop", users: 2, items: 2, interactions: 2, ordered: true });
  t.deepEqual(dataset.interactions, {
    users: Int32Array.of(1, 0),
    items: Int32Array.of(1, 0),
    ratings: Float32Array.of(5, 2),
    timestamps: Float64Array.of(20, 10),
  });
  t.deepEqual(dataset.titles, ["A bowl", "Item mug"]);
  t.deepEqual(dataset.itemAttributes, { colours: [["red", "blue"], []], year: ["1990", ""] });
  t.deepEqual(dataset.userAttributes, { city: ["", "Ulm"] });
  t.is(dataset.likeThreshold, 3);
});

test("text ids become numbers only when all of them are canonical integers", (t) => {
  const items = (...ids: string[]) => {
    const builder = new DatasetBuilder("ids", { textIds: true });
    for (const id of ids) builder.addInteraction("u", id);
    return [...builder.build().items];
  };
  t.deepEqual(items("10", "9", "0"), [0, 9, 10]);
  t.deepEqual(items("10", "9", "007"), ["007", "10", "9"]);
  t.deepEqual(items("10", "99999999999999999999"), ["10", "99999999999999999999"]);
});

test("a builder refuses what no data set can hold", (t) => {
  const builder = new DatasetBuilder("bad");
  t.throws(() => builder.build(), { code: "E_ARGUMENT", message: /at least one/ });
  t.throws(() => builder.addInteraction(1, 1, Number.NaN), { code: "E_ARGUMENT", message: /^rating: .*NaN/ });
  t.throws(() => builder.addInteraction(1, 1, 1e300), { code: "E_ARGUMENT", message: /^rating: .*1e\+300/ });
  t.throws(() => builder.addInteraction(1, 1, 1, Infinity), { code: "E_ARGUMENT", message: /^timestamp/ });
  builder.addInteraction(1, 1, 1, 5);
  t.throws(() => builder.addInteraction(1, 2, 1), { code: "E_ARGUMENT", message: /^timestamp/ });
});

test("a data set checks that its columns fit together", (t) => {
  const parts = {
    name: "x",
    users: IdMap.from([1]),
    items: IdMap.from([1, 2]),
    interactions: {
      users: Int32Array.of(0),
      items: Int32Array.of(1),
      ratings: Float32Array.of(1),
      timestamps: null,
    },
    titles: ["one", "two"],
  };
  t.is(new Dataset(parts).describe().items, 2);
  const refuses = (change: object, message: RegExp) =>
    t.throws(() => new Dataset({ ...parts, ...change }), { code: "E_ARGUMENT", message });
  refuses({ titles: ["one"] }, /^titles/);
  refuses({ itemAttributes: { year: ["1"] } }, /^itemAttributes\.year/);
  refuses(
    { interactions: { ...parts.interactions, items: Int32Array.of(2) } },
    /^interactions\.items.*got 2/,
  );
  refuses(
    { interactions: { ...parts.interactions, ratings: new Float32Array(2) } },
    /^interactions\.ratings/,
  );
});

test("the digest tells data sets apart by ids and columns", (t) => {
  const digest = (user: string | number, rating: number, time?: number) => {
    const builder = new DatasetBuilder("d");
    builder.addInteraction(user, 1, rating, time);
    return builder.build().digest;
  };
  t.regex(digest(1, 1), /^[0-9a-f]{64}$/);
  t.is(digest(1, 1, 5), digest(1, 1, 5));
  t.is(new Set([digest(1, 1), digest("1", 1), digest(2, 1), digest(1, 2), digest(1, 1, 5)]).size, 5);
});
