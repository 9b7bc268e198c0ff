import { gzipSync } from "node:zlib";
import test from "ava";
import { openDataset } from "../../lib/data/index.js";
import { folderOf } from "./temporary.js";

const flags = (...on: number[]) =>
  Array.from({ length: 19 }, (_, genre) => (on.includes(genre) ? 1 : 0)).join("|");

const movieLens100K = {
  "u.item": Buffer.from(
    `2|Le Fantôme (1994)|01-Jan-1994||url|${flags(1, 5)}\n10|Quiet "Days" (1960)|||url|${flags(8)}\n3|unknown||||${flags(0)}\n`,
    "latin1",
  ),
  "u.user": "1|24|M|writer|12345\n2|31|F|other|54321\n",
  "u.data": "2\t10\t5\t200\n1\t2\t3\t100\n",
};

test("a folder with u.data is MovieLens 100K", async (t) => {
  const dataset = await openDataset({ data: folderOf(t, movieLens100K) });
  t.deepEqual(dataset.describe(), { name: "ml-100k", users: 2, items: 3, interactions: 2, ordered: true });
  t.deepEqual([...dataset.items], [2, 3, 10]);
  t.deepEqual(dataset.titles, ["Le Fantôme (1994)", "unknown", 'Quiet "Days" (1960)']);
  t.deepEqual(dataset.itemAttributes, {
    genres: [["Action", "Comedy"], ["unknown"], ["Drama"]],
    year: ["1994", "", ""],
  });
  t.deepEqual(dataset.userAttributes.occupation, ["writer", "other"]);
  t.deepEqual(dataset.interactions.items, Int32Array.of(2, 0));
  t.is(dataset.likeThreshold, 4);
});

test("a rating of an item that is not listed is an error of its row", async (t) => {
  const folder = folderOf(t, { ...movieLens100K, "u.data": "2\t10\t5\t200\n1\t77\t3\t100\n" });
  await t.throwsAsync(openDataset({ data: folder }), {
    code: "E_ROW",
    message: /u\.data:2: item id: expected a movie id of .*u\.item, got "77"/,
  });
});

test("a missing file of a known folder is named", async (t) => {
  const folder = folderOf(t, { "u.data": movieLens100K["u.data"], "u.user": movieLens100K["u.user"] });
  await t.throwsAsync(openDataset({ data: folder }), {
    code: "E_FILE",
    message: /u\.item: expected the items/,
  });
});

const movieLens1M = {
  "movies.dat": Buffer.from("1::Älter: A Tale (2000)::Drama|War\n4::No Year::Comedy\n", "latin1"),
  "users.dat": "1::F::1::10::48067\n",
  "ratings.dat.gz": gzipSync("1::4::5::978300760\n1::1::2::978300700\n"),
};

test("a folder with ratings.dat is MovieLens 1M, packed or not", async (t) => {
  const dataset = await openDataset({ data: folderOf(t, movieLens1M) });
  t.deepEqual(dataset.describe(), { name: "ml-1m", users: 1, items: 2, interactions: 2, ordered: true });
  t.deepEqual(dataset.titles, ["Älter: A Tale (2000)", "No Year"]);
  t.deepEqual(dataset.itemAttributes, { genres: [["Drama", "War"], ["Comedy"]], year: ["2000", ""] });
  t.deepEqual(dataset.userAttributes, {
    age: ["Under 18"],
    gender: ["F"],
    occupation: ["K-12 student"],
    zipCode: ["48067"],
  });
  t.deepEqual(dataset.interactions.timestamps, Float64Array.of(978300760, 978300700));
});

test("codes that MovieLens 1M does not have are errors of their row", async (t) => {
  const data = folderOf(t, { ...movieLens1M, "users.dat": "1::F::2::10::48067\n" });
  await t.throwsAsync(openDataset({ data }), { code: "E_ROW", message: /users\.dat:1: Age: .*"2"/ });
  const other = folderOf(t, { ...movieLens1M, "users.dat": "1::F::1::21::48067\n" });
  await t.throwsAsync(openDataset({ data: other }), {
    code: "E_ROW",
    message: /users\.dat:1: Occupation: .*"21"/,
  });
});

/** Five users and five books that all rated each other, and what the subset leaves out. */
function bookCrossing(): Record<string, Uint8Array> {
  const book = (isbn: string, title: string) => `"${isbn}";"${title}";"An Author";"0";"A House";"s";"m";"l"`;
  const books = [
    book("000000000X", 'Stray "quotes" here'),
    book("0000000001", 'She said \\"no\\"'),
    book("0000000002", "Ends in a backslash \\\\"),
    book("0000000003", "Süß; sour"),
    book("0000000004", "Tom &amp; Ann"),
    book("0000000005", "Read by one"),
  ];
  const isbns = ["000000000X", "0000000001", "0000000002", "0000000003", "0000000004"];
  const ratings = [11, 12, 13, 14, 15].flatMap((user) => isbns.map((isbn) => `"${user}";"${isbn}";"8"`));
  ratings.push(
    '"11";"0000000005";"9"',
    '"16";"000000000X";"0"',
    '"11";"not listed";"7"',
    '"17";"0000000001";"5"',
  );
  const users = ['"11";"a town\n, nowhere";NULL', '"12";"near \\"n/a\\"";"40"', '"99";"elsewhere";NULL'];
  const lines = (header: string, rows: string[]) =>
    Buffer.from(`${[header, ...rows].join("\r\n")}\r\n`, "latin1");
  return {
    "BX-Books.csv": lines(
      '"ISBN";"Book-Title";"Book-Author";"Year-Of-Publication";"Publisher";"Image-URL-S";"Image-URL-M";"Image-URL-L"',
      books,
    ),
    "BX-Book-Ratings.csv": lines('"User-ID";"ISBN";"Book-Rating"', ratings),
    "BX-Users.csv": lines('"User-ID";"Location";"Age"', users),
  };
}

test("Book-Crossing is read with its quoting and cut down to explicit ratings, listed books and the 5-core", async (t) => {
  const dataset = await openDataset({ data: folderOf(t, bookCrossing()) });
  t.deepEqual(dataset.describe(), {
    name: "book-crossing",
    users: 5,
    items: 5,
    interactions: 25,
    ordered: false,
  });
  t.deepEqual([...dataset.users], [11, 12, 13, 14, 15]);
  t.deepEqual(dataset.titles, [
    'She said "no"',
    "Ends in a backslash \\",
    "Süß; sour",
    "Tom &amp; Ann",
    'Stray "quotes" here',
  ]);
  t.is(dataset.itemAttributes.year[0], "");
  t.deepEqual(dataset.userAttributes.location, ["a town\n, nowhere", 'near "n/a"', "", "", ""]);
  t.deepEqual(dataset.userAttributes.age, ["", "40", "", "", ""]);
  t.is(dataset.interactions.timestamps, null);
  t.is(dataset.likeThreshold, null);
});

test("the 5-core is empty when everybody depends on somebody who falls out", async (t) => {
  const files = bookCrossing();
  const ratings = Buffer.from(files["BX-Book-Ratings.csv"]).toString("latin1");
  files["BX-Book-Ratings.csv"] = Buffer.from(
    ratings.replace('"15";"0000000004";"8"', '"15";"0000000004";"0"'),
  );
  await t.throwsAsync(openDataset({ data: folderOf(t, files) }), { code: "E_FILE", message: /5-core/ });
});

test("a table of Book-Crossing without its columns is an error", async (t) => {
  const files = bookCrossing();
  files["BX-Users.csv"] = Buffer.from('"User-ID";"Location"\r\n');
  await t.throwsAsync(openDataset({ data: folderOf(t, files) }), {
    code: "E_COLUMN",
    message: /BX-Users\.csv: expected one column "Age", got "User-ID", "Location"/,
  });
});

test("a folder with nothing known says what is looked for and what is there", async (t) => {
  await t.throwsAsync(openDataset({ data: folderOf(t, { "notes.txt": "", "ml-100k/u.data": "" }) }), {
    code: "E_FILE",
    message: /u\.data .*ratings\.dat .*BX-Book-Ratings\.csv .*got ml-100k, notes\.txt/,
  });
  await t.throwsAsync(openDataset({ data: folderOf(t, {}) }), { code: "E_FILE", message: /an empty folder/ });
});

test("columns named for a folder are refused, not passed over", async (t) => {
  await t.throwsAsync(openDataset({ data: folderOf(t, movieLens100K), columns: { user: "who" } }), {
    code: "E_ARGUMENT",
    message: /^data: expected a table/,
  });
});
