/** Several pairs a user, from the backbone, at random and both; what is recorded of each; held-out items among them. */
import test from "ava";
import {
  augmentPairs,
  type PairAugmentationOptions,
  pairTriples,
} from "../../lib/augmentation/pairAugmentation.js";
import type { PairRecord } from "../../lib/augmentation/records.js";
import { augmentSequences, insertionTriples } from "../../lib/augmentation/sequenceAugmentation.js";
import { Random } from "../../lib/data/random.js";
import { generateShop } from "../../lib/data/shop/index.js";
import { split } from "../../lib/data/split.js";
import type { TrainView } from "../../lib/data/trainView.js";
import { factorRanker } from "../../lib/models/factorRanker.js";
import { rowsOf, type TrainedRanker } from "../../lib/models/ranker.js";
import { topKRow } from "../../lib/native/catalogue.js";
import { linesOf, planted } from "../evaluation/canaries.js";
import { randomView, viewOf } from "../models/planted.js";
import { blocksOf } from "./promptBlocks.js";
import { TextModel } from "./textModel.js";

const view = randomView(20, 25, 3);
const number = (title: string): number => Number(title.replace("Title ", ""));
const byNumber = (): TextModel => new TextModel(number);

/** A backbone of random vectors. */
function rankerOf({ userCount, itemCount }: TrainView, dimension = 4): TrainedRanker {
  const random = new Random(5);
  const vectors = (rows: number): Float32Array =>
    Float32Array.from({ length: rows * dimension }, () => random.next() - 0.5);
  const factors = { dimension, users: vectors(userCount), items: vectors(itemCount), itemBiases: null };
  return factorRanker({ kind: "factors", name: "MF", factors });
}
const ranker = rankerOf(view);
test.after.always(() => ranker.dispose());

const ask = (options: Partial<PairAugmentationOptions>, of = view, by: TrainedRanker = ranker) =>
  augmentPairs(byNumber(), by, of, { seed: 1, ...options });

const keyOf = ({ user, items: [a, b] }: PairRecord): string =>
  [user, Math.min(a, b), Math.max(a, b)].join(" ");

test("pairs of the backbone are ranks 1 and 2, 3 and 4, and so on", async (t) => {
  const { records } = await ask({ pairs: 3 });
  t.is(records.length, 3 * view.userCount);
  for (let user = 0; user < view.userCount; user++) {
    const users = Int32Array.of(user);
    const top = topKRow(ranker.topK(users, { k: 6, excluded: rowsOf(view, users) }), 0);
    t.deepEqual(
      records.filter((record) => record.user === user).flatMap(({ items }) => items),
      [...top],
    );
  }
});

test("random pairs: as many as asked for, unseen, none twice, the first as with one pair alone", async (t) => {
  const { records } = await ask({ source: "random", pairs: 20 });
  t.is(records.length, 20 * view.userCount);
  t.is(new Set(records.map(keyOf)).size, records.length);
  for (const { user, items, source } of records) {
    t.is(source, "random");
    t.not(items[0], items[1]);
    for (const item of items) t.false(view.has(user, item));
  }
  const single = await ask({ source: "random" });
  t.deepEqual(
    single.records.map(({ items }) => items),
    records.filter((_, at) => at % 20 === 0).map(({ items }) => items),
  );
});

test("both: one pair of each source for every pair asked, none twice", async (t) => {
  const tight = randomView(20, 9, 3);
  using own = rankerOf(tight);
  const { records } = await ask({ source: "both", pairs: 2 }, tight, own);
  t.is(new Set(records.map(keyOf)).size, records.length, "a random pair is none of the backbone's either");
  const { records: ofBackbone } = await ask({ pairs: 2 }, tight, own);
  t.deepEqual(
    records.filter(({ source }) => source === "backbone"),
    ofBackbone,
  );
  for (let user = 0; user < 20; user++) {
    const unseen = 9 - tight.userCounts[user];
    const ranked = Math.min(2, Math.floor(unseen / 2));
    const drawn = Math.min(2, (unseen * (unseen - 1)) / 2 - ranked);
    const own = records.filter((record) => record.user === user);
    t.is(own.filter(({ source }) => source === "random").length, drawn);
    t.is(own.length, ranked + drawn);
  }
});

test("where unseen items are few, all pairs there are", async (t) => {
  const few = viewOf([[0, 1, 2], [0, 1, 2, 3, 4], []], 6);
  using own = rankerOf(few);
  const { records } = await ask({ source: "random", pairs: 100 }, few, own);
  t.deepEqual(records.map(keyOf).sort(), ["0 3 4", "0 3 5", "0 4 5"]);
});

test("records tell what was asked and answered, and triples follow from them", async (t) => {
  const model = new TextModel((title) => number(title) % 3);
  const { triples, records, provenance, asked, answered, consistent } = await augmentPairs(
    model,
    ranker,
    view,
    { seed: 4, source: "both", pairs: 2 },
  );
  t.deepEqual(pairTriples(records), triples);
  t.is(triples.length, 3 * consistent);
  t.true(consistent < answered && answered === asked && asked === records.length);
  t.deepEqual(provenance, {
    recipe: "pairs",
    view: view.digest,
    model: model.id,
    template: "direct-2",
    seed: 4,
    options: { source: "both", pairs: 2, historyTitles: 50, backbone: "MF" },
    counts: { asked, answered, used: consistent },
  });
  const shown = records.map(({ items }) => items.map((item) => view.titles[item]));
  t.deepEqual(
    model.compared.map(({ prefix, questions }) => blocksOf(prefix + questions[0]).candidates),
    shown,
  );
  t.is(new Set(records.map(({ promptHash }) => promptHash)).size, records.length);
  const again = await augmentPairs(byNumber(), ranker, view, { seed: 4, source: "both", pairs: 2 });
  t.deepEqual(
    again.records.map(({ promptHash }) => promptHash),
    records.map(({ promptHash }) => promptHash),
    "the hash is of the prompt, not of the answer",
  );
});

test("a question without an answer is recorded as one", async (t) => {
  const silent = byNumber();
  silent.compare = async () => ({ answered: false, reason: "fault", detail: "it broke" });
  const { records, triples, provenance } = await augmentPairs(silent, ranker, view, { seed: 1 });
  t.true(records.length > 0 && records.every(({ answer }) => answer === null));
  t.is(triples.length, 0);
  t.deepEqual(provenance.counts, { asked: records.length, answered: 0, used: 0 });
});

test("bad options are refused before anything is asked", async (t) => {
  for (const pairs of [0, 101, 1.5, Number.NaN])
    await t.throwsAsync(ask({ pairs }), { code: "E_ARGUMENT", message: /^pairs: expected an integer in 1/ });
  const source: unknown = "nearest";
  await t.throwsAsync(ask({ source: source as "both" }), {
    code: "E_ARGUMENT",
    message: /^source: expected one of backbone, random, both, got "nearest"$/,
  });
});

test("a user with nothing but held-out items is not asked about", async (t) => {
  const some = viewOf([[0, 1], [], [2, 3]], 12);
  using own = rankerOf(some);
  const pairs = await ask({ source: "both", pairs: 2 }, some, own);
  const sequences = await augmentSequences(byNumber(), some, { seed: 1 });
  for (const { records } of [pairs, sequences])
    t.deepEqual([...new Set(records.map(({ user }) => user))], [0, 2]);
});

test("two titles alike: the pair is asked with its labels, and no order can be consistent", async (t) => {
  const alike = viewOf([[0]], 3, ["Seen", "Emma", "Emma"]);
  using own = rankerOf(alike);
  const model = new TextModel((title) => title.length);
  const { records, triples } = await augmentPairs(model, own, alike, { seed: 1 });
  t.deepEqual([...records[0].items].sort(), [1, 2]);
  t.is(triples.length, 0);
  t.regex(model.compared[0].questions[0], / A\. Emma\n B\. Emma\n/);
});

test("records of insertions: candidates by index, the chosen one among them, triples follow", async (t) => {
  const model = byNumber();
  const { records, insertions, provenance } = await augmentSequences(model, view, {
    seed: 2,
    insertions: 2,
    candidates: 4,
  });
  t.deepEqual(insertionTriples(records), insertions);
  t.deepEqual(
    records.map(({ candidates }) => candidates.map((item) => ` ${view.titles[item]}\n`)),
    model.chosen.map(({ candidates }) => candidates),
  );
  for (const { candidates, answer } of records) t.is(answer, Math.max(...candidates));
  t.like(provenance, {
    recipe: "insertions",
    seed: 2,
    options: { candidates: 4, insertions: 2, historyTitles: 50, mode: "likelihood" },
    counts: { asked: records.length, answered: records.length, used: records.length },
  });
});

const shop = generateShop({ users: 60, items: 80, interactions: 900 });

/** How often held-out items were drawn, and how often uniform draws of unseen items would have them. */
interface Draws {
  found: number;
  expected: number;
}

const withinChance = ({ found, expected }: Draws): boolean =>
  expected > 100 && Math.abs(found - expected) < 4 * Math.sqrt(expected);

test("held-out items are drawn into random pairs and candidates as often as any other unseen item", async (t) => {
  const { train, validation, test: last } = split(shop);
  using own = rankerOf(train);
  const [pairs, candidates]: Draws[] = [
    { found: 0, expected: 0 },
    { found: 0, expected: 0 },
  ];
  const heldOut = [validation, last].map(
    ({ users, items }) => new Map(Array.from(users, (user, row) => [user, items[row]])),
  );
  const count = (draws: Draws, user: number, items: readonly number[]): void => {
    for (const rows of heldOut) {
      const target = rows.get(user);
      if (target === undefined) continue;
      if (items.includes(target)) draws.found++;
      draws.expected += items.length / (train.itemCount - train.userCounts[user]);
    }
  };
  const model = new TextModel((title) => title.length);
  for (let seed = 1; seed <= 15; seed++) {
    const options = { seed, historyTitles: 0 };
    const drawn = await augmentPairs(model, own, train, { ...options, source: "random", pairs: 4 });
    for (const { user, items } of drawn.records) count(pairs, user, items);
    const asked = await augmentSequences(model, train, { ...options, insertions: 2, candidates: 5 });
    for (const record of asked.records) count(candidates, record.user, record.candidates);
  }
  t.true(withinChance(pairs), JSON.stringify(pairs));
  t.true(withinChance(candidates), JSON.stringify(candidates));
});

test("canaries: held-out rows are in no prompt but as unseen items of the catalogue, in no record as history", async (t) => {
  const dataset = planted(shop);
  const { train } = split(dataset);
  using own = rankerOf(train);
  const model = new TextModel((title) => title.length);
  const pairs = await augmentPairs(model, own, train, { source: "both", pairs: 3, seed: 1 });
  const sequences = await augmentSequences(model, train, { seed: 1, insertions: 2 });
  const known = Array.from(train.userCounts.keys(), (user) => linesOf(train, user).slice(-50).join("\n"));
  const prompts = [...model.compared, ...model.chosen].map(({ prefix }) => blocksOf(prefix).history);
  const askedOf = [...pairs.records, ...sequences.records].map(({ user }) => user);
  t.is(prompts.length, askedOf.length);
  for (const [at, history] of prompts.entries()) {
    t.is(history.join("\n"), known[askedOf[at]], "the user's training history and nothing else");
    t.notRegex(history.join("\n"), /Canary/);
  }
  const items = [
    ...pairs.records.flatMap((record) => record.items),
    ...sequences.records.flatMap((record) => record.candidates),
  ];
  t.true(
    items.some((item) => dataset.titles[item].startsWith("Canary")),
    "unseen items like any other",
  );
  for (const user of train.userCounts.keys())
    for (const record of pairs.records.filter((record) => record.user === user))
      for (const item of record.items) t.false(train.has(user, item));
});
