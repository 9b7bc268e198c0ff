import { createHash } from "node:crypto";
import test from "ava";
import type { Dataset } from "../../lib/data/dataset.js";
import { generateShop, namedShop, type ShopOptions } from "../../lib/data/shop/index.js";
import { SUBJECTS_PER_THEME, THEMES } from "../../lib/data/shop/vocabulary.js";
import { Llama4RecError } from "../../lib/native/errors.js";

const shop = generateShop();

test("the default shop has its documented size", (t) => {
  t.deepEqual(shop.describe(), { name: "shop", users: 800, items: 600, interactions: 20_000, ordered: true });
});

test("the default shop is the same bits on every machine", (t) => {
  const { users, items, ratings, timestamps } = shop.interactions;
  const hash = createHash("sha256").update(JSON.stringify([shop.titles, shop.itemAttributes]));
  for (const column of [users, items, ratings, timestamps])
    hash.update(JSON.stringify(Array.from(column ?? [])));
  t.is(hash.digest("hex"), "abfbd0b703599fd7764606cb6f0ec6d11c45ac0e37ef70686594f21ceb90df84");
});

test("a seed gives the same shop again, another seed another one", (t) => {
  const small = { users: 20, items: 60, interactions: 200 };
  const one = generateShop({ ...small, seed: 5 });
  t.deepEqual(generateShop({ ...small, seed: 5 }), one);
  t.not(generateShop({ ...small, seed: 6 }).digest, one.digest);
});

test("options set the size, also where titles run short", (t) => {
  const large = generateShop({ users: 10, items: 8_000, interactions: 50 });
  t.deepEqual(large.describe(), { name: "shop", users: 10, items: 8_000, interactions: 50, ordered: true });
  t.is(new Set(large.titles).size, 8_000);
  t.true(large.titles.some((title) => title.endsWith(", Volume 2")));
});

test("every reader can be given the most books there are", (t) => {
  const full = generateShop({ users: 12, items: 50, interactions: 12 * 12 });
  t.deepEqual([...countBy(full.interactions.users, 12)], new Array(12).fill(12));
});

test("titles are unique and readable", (t) => {
  t.is(new Set(shop.titles).size, shop.titles.length);
  for (const title of shop.titles) t.regex(title, /^(The|No) [A-Z][A-Za-z' ]{5,50}$/);
});

test("every book has an author, one or two genres and a year", (t) => {
  const { author, genres, year } = shop.itemAttributes;
  for (let item = 0; item < shop.titles.length; item++) {
    t.regex(String(author[item]), /^[A-Z]\. [A-Z][a-z]+$/);
    t.true([1, 2].includes(genres[item].length));
    t.regex(String(year[item]), /^(19[7-9]|20[01])\d$/);
  }
  const books = countBy(
    author.map((name) => author.indexOf(name)),
    author.length,
  );
  t.true(Math.max(...books) >= 12, "some authors write much");
});

test("no word names the things of two subjects", (t) => {
  const things = THEMES.flatMap((theme) => theme.subjects.flatMap((subject) => [...subject.things]));
  t.is(new Set(things).size, things.length);
  for (const theme of THEMES) t.is(theme.subjects.length, SUBJECTS_PER_THEME, theme.name);
});

test("readers have a long tail: at least 5 interactions each, a third fewer than 10", (t) => {
  const counts = countBy(shop.interactions.users, shop.users.size);
  t.true(Math.min(...counts) >= 5);
  t.true(counts.filter((count) => count < 10).length >= shop.users.size / 3);
  t.true(Math.max(...counts) >= 100);
});

test("books have a long tail: a fifth of them takes more than half of the interactions", (t) => {
  const counts = countBy(shop.interactions.items, shop.items.size).sort().reverse();
  t.true(sum(counts.subarray(0, shop.items.size / 5)) > shop.interactions.items.length / 2);
});

test("nobody reads a book twice", (t) => {
  const { users, items } = shop.interactions;
  t.is(new Set(users.map((user, n) => user * shop.items.size + items[n])).size, users.length);
});

test("interactions are in the order of time", (t) => {
  const { timestamps } = shop.interactions;
  if (timestamps === null) return t.fail("no timestamps");
  for (let n = 1; n < timestamps.length; n++) t.true(timestamps[n] > timestamps[n - 1]);
  t.is(new Date(timestamps[0] * 1000).getUTCFullYear(), 2015);
  t.is(new Date(timestamps[timestamps.length - 1] * 1000).getUTCFullYear(), 2019);
});

test("ratings are 1 to 5 and most are likes", (t) => {
  const { ratings } = shop.interactions;
  t.true(ratings.every((rating) => [1, 2, 3, 4, 5].includes(rating)));
  const likes = ratings.filter((rating) => rating >= 4).length / ratings.length;
  t.true(likes > 0.6 && likes < 0.8, `${likes}`);
  t.is(shop.likeThreshold, 4);
});

test("words of titles tell what a reader will like: a word-overlap neighbour ranker beats chance clearly", (t) => {
  const words = shop.titles.map(contentWords);
  const hits = lastLikes(shop).map(({ history, last }) => {
    const read = new Set(history);
    const scores = words.map((own) => sum(history.map((item) => overlap(own, words[item]))));
    const better = scores.filter((score, item) => score >= scores[last] && item !== last && !read.has(item));
    return better.length < 10 ? 1 : 0;
  });
  t.true(hits.length > 700);
  const chance = 10 / shop.items.size;
  t.true(sum(hits) / hits.length > 4 * chance, `HR@10 ${sum(hits) / hits.length}, chance ${chance}`);
});

const wrong: [string, ShopOptions][] = [
  ["seed", { seed: -1 }],
  ["seed", { seed: 0.5 }],
  ["users", { users: 9 }],
  ["users", { users: Number.NaN }],
  ["items", { items: 49 }],
  ["items", { items: 20_001 }],
  ["interactions", { interactions: 3_999 }],
  ["interactions", { interactions: 800 * 150 + 1 }],
];
for (const [name, options] of wrong) {
  test(`refuses ${JSON.stringify(options)} and names the option`, (t) => {
    const error = t.throws(() => generateShop(options), { instanceOf: Llama4RecError, code: "E_ARGUMENT" });
    t.true(error?.message.startsWith(`${name}: expected an integer from `), error?.message);
  });
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

test("a shop of any size is had by name", (t) => {
  const shop = namedShop("shop:40x60x400");
  t.deepEqual(shop?.describe(), { name: "shop", users: 40, items: 60, interactions: 400, ordered: true });
  t.deepEqual(namedShop("shop")?.describe(), generateShop().describe());
  t.is(namedShop("shopping"), null);
  for (const name of ["shop:", "shop:40x60", "shop:40x60x400x1", "shop:1x60x400", "shop:axbxc"])
    t.throws(() => namedShop(name), { instanceOf: Llama4RecError, code: "E_ARGUMENT" }, name);
});

function countBy(indices: Iterable<number>, size: number): Int32Array {
  const counts = new Int32Array(size);
  for (const index of indices) counts[index] += 1;
  return counts;
}

function contentWords(title: string): string[] {
  const common = ["the", "of", "and", "no", "for"];
  const words = title.toLowerCase().replaceAll("'s", "").split(" ");
  return words.filter((word) => !common.includes(word));
}

function overlap(a: readonly string[], b: readonly string[]): number {
  return a.filter((word) => b.includes(word)).length;
}

/** Each reader's last like and the likes before it, of readers with three or more. */
function lastLikes(dataset: Dataset): { history: number[]; last: number }[] {
  const likes = Array.from({ length: dataset.users.size }, (): number[] => []);
  const { users, items, ratings } = dataset.interactions;
  users.forEach((user, n) => {
    if (ratings[n] >= 4) likes[user].push(items[n]);
  });
  return likes
    .filter((own) => own.length >= 3)
    .map((own) => ({ history: own.slice(0, -1), last: own[own.length - 1] }));
}
