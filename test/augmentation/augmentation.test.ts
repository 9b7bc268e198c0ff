import test from "ava";
import { augmentPairs, type PairSource } from "../../lib/augmentation/pairAugmentation.js";
import { promptAugmenter } from "../../lib/augmentation/promptAugmentation.js";
import { mostSimilarUsers } from "../../lib/augmentation/similarUsers.js";
import { Random } from "../../lib/data/random.js";
import { TrainView } from "../../lib/data/trainView.js";
import { checked } from "../../lib/llm/checks.js";
import { historyOf } from "../../lib/llm/prompts/history.js";
import { factorRanker } from "../../lib/models/factorRanker.js";
import type { TrainedRanker } from "../../lib/models/ranker.js";
import { topKRow } from "../../lib/native/catalogue.js";
import { FaultyLanguageModel } from "../llm/faultyLanguageModel.js";
import { randomView, viewOf } from "../models/planted.js";
import { blocksOf } from "./promptBlocks.js";
import { TextModel } from "./textModel.js";

const users = 30;
const items = 20;
const dimension = 6;
const view = randomView(users, items, 3);
const random = new Random(5);
const vectors = (rows: number): Float32Array =>
  Float32Array.from({ length: rows * dimension }, () => random.next() - 0.5);
const ranker = factorRanker({
  kind: "factors",
  name: "MF",
  factors: {
    dimension,
    users: vectors(users),
    items: vectors(items),
    itemBiases: null,
  },
});
test.after.always(() => ranker.dispose());

/** Titles are "Title 7": the higher the number, the better. */
const number = (title: string): number => Number(title.replace("Title ", ""));
const byNumber = (): TextModel => new TextModel(number);

function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array): number =>
    x.reduce((sum, value, d) => sum + value * y[d], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

const userVector = (source: TrainedRanker, user: number): Float32Array =>
  source.userVectors.subarray(user * source.dimension, (user + 1) * source.dimension);

test("the most similar user is the nearest other one by cosine", (t) => {
  const found = mostSimilarUsers(ranker, view);
  for (let user = 0; user < users; user++) {
    const others = Array.from({ length: users }, (_, other) => other).filter((other) => other !== user);
    const best = Math.max(
      ...others.map((other) => cosine(userVector(ranker, user), userVector(ranker, other))),
    );
    t.not(found[user], user);
    t.true(Math.abs(cosine(userVector(ranker, user), userVector(ranker, found[user])) - best) < 1e-6);
  }
});

test("a user without training items is nobody's neighbour; with no other user there is none", (t) => {
  const same = (count: number): TrainedRanker => {
    const made = factorRanker({
      kind: "factors",
      name: "MF",
      factors: {
        dimension: 1,
        users: new Float32Array(count).fill(1),
        items: Float32Array.of(1),
        itemBiases: null,
      },
    });
    t.teardown(() => made.dispose());
    return made;
  };
  t.deepEqual([...mostSimilarUsers(same(3), viewOf([[], [0], [0]], 1))], [1, 2, 1]);
  t.deepEqual([...mostSimilarUsers(same(1), viewOf([[0]], 1))], [-1]);
});

test("a prompt tells the newest items of the user and the most similar user, rated, and the backbone's first", (t) => {
  const rated = new TrainView({ ...view, ratings: view.ratings.map((_, place) => place % 5) });
  const similar = mostSimilarUsers(ranker, view);
  const candidates = Int32Array.of(4, 2, 9);
  const augmenter = promptAugmenter(ranker, rated, {
    historyTitles: 2,
    similarTitles: 3,
    predictionTitles: 1,
  });
  for (let user = 0; user < users; user++)
    t.deepEqual(augmenter.describe(user, candidates), {
      history: historyOf(rated, user, 2),
      similarUserHistory: historyOf(rated, similar[user], 3),
      backbonePrediction: ["Title 4"],
    });
  const silent = promptAugmenter(ranker, view, { historyTitles: 0, similarTitles: 0, predictionTitles: 0 });
  t.deepEqual(silent.describe(0, candidates), {
    history: [],
    similarUserHistory: [],
    backbonePrediction: [],
  });
});

for (const source of ["backbone", "random"] as PairSource[])
  test(`pairs from the ${source}: one a user, both unseen, ordered by the language model`, async (t) => {
    const model = byNumber();
    const { triples, ...counts } = await augmentPairs(model, ranker, view, { source, seed: 3 });
    t.like(counts, { asked: users, answered: users, consistent: users });
    t.is(triples.length, 3 * users);
    for (let user = 0; user < users; user++) {
      const [owner, preferred, other] = triples.subarray(3 * user, 3 * user + 3);
      t.is(owner, user);
      t.true(preferred > other, "the higher number is preferred");
      t.false(view.has(user, preferred) || view.has(user, other));
      const { history, candidates } = blocksOf(
        model.compared[user].prefix + model.compared[user].questions[0],
      );
      t.deepEqual(
        history,
        Array.from(view.itemsOf(user), (item) => `Title ${item}`),
      );
      t.deepEqual(
        candidates.map(number).sort((a, b) => b - a),
        [preferred, other],
      );
      if (source === "backbone") {
        const excluded = { offsets: Int32Array.of(0, view.userCounts[user]), items: view.itemsOf(user) };
        t.deepEqual(candidates.map(number), [
          ...topKRow(ranker.topK(Int32Array.of(user), { k: 2, excluded }), 0),
        ]);
      }
    }
  });

test("random pairs follow the seed", async (t) => {
  const draw = async (seed: number) =>
    (await augmentPairs(byNumber(), ranker, view, { source: "random", seed })).triples;
  t.deepEqual(await draw(1), await draw(1));
  t.notDeepEqual(await draw(1), await draw(2));
});

test("answers that hang on the order of the question are left out", async (t) => {
  const oddOnly = new TextModel((title) => number(title) % 2);
  const { triples, ...counts } = await augmentPairs(oddOnly, ranker, view, { seed: 1, source: "random" });
  t.is(counts.answered, users);
  t.is(triples.length, 3 * counts.consistent);
  t.true(counts.consistent > 0 && counts.consistent < users);
  for (let at = 0; at < triples.length; at += 3)
    t.deepEqual([triples[at + 1] % 2, triples[at + 2] % 2], [1, 0]);
});

test("a model that fails leaves the pairs out", async (t) => {
  for (const fault of ["throw", "nan", "off scale"] as const) {
    const model = new FaultyLanguageModel(fault);
    const { triples, ...counts } = await augmentPairs(checked(model), ranker, view, { seed: 1 });
    t.like(counts, { asked: users, answered: 0, consistent: 0 });
    t.is(triples.length, 0);
  }
});

test("users with fewer than two unseen items are not asked", async (t) => {
  const full = viewOf([[0, 1, 2], [0, 1], [2], []], 3);
  const tiny = factorRanker({
    kind: "factors",
    name: "MF",
    factors: {
      dimension: 1,
      users: new Float32Array(4),
      items: new Float32Array(3),
      itemBiases: null,
    },
  });
  for (const source of ["backbone", "random"] as const) {
    const { asked, triples } = await augmentPairs(byNumber(), tiny, full, { source, seed: 1 });
    t.is(asked, 1);
    t.deepEqual([...triples], [2, 1, 0]);
  }
  const single = factorRanker({
    kind: "factors",
    name: "MF",
    factors: {
      dimension: 1,
      users: new Float32Array(1),
      items: new Float32Array(1),
      itemBiases: null,
    },
  });
  t.is((await augmentPairs(byNumber(), single, viewOf([[0]], 1), { seed: 1 })).asked, 0);
});

test("an abort between two questions ends it", async (t) => {
  const controller = new AbortController();
  const reason = new Error("enough");
  const model = byNumber();
  const onProgress = (done: number): void => {
    if (done === 4) controller.abort(reason);
  };
  await t.throwsAsync(augmentPairs(model, ranker, view, { seed: 1, onProgress, signal: controller.signal }), {
    is: reason,
  });
  t.true(model.compared.length >= 4 && model.compared.length < 12, "those that were under way, no more");
});

test("an abort while the last question is answered ends it, too", async (t) => {
  const all = byNumber();
  await augmentPairs(all, ranker, view, { seed: 1 });
  const controller = new AbortController();
  const reason = new Error("enough");
  const model: TextModel = new TextModel((title) => {
    if (model.compared.length === all.compared.length) controller.abort(reason);
    return number(title);
  });
  const { signal } = controller;
  await t.throwsAsync(augmentPairs(model, ranker, view, { seed: 1, signal }), { is: reason });
  t.is(model.compared.length, all.compared.length);
});

test("history titles: the newest ones, none with 0", async (t) => {
  for (const historyTitles of [0, 1, 2]) {
    const model = byNumber();
    await augmentPairs(model, ranker, view, { seed: 1, historyTitles });
    t.true(model.compared.length > 10);
    for (const { prefix, questions } of model.compared)
      t.true(blocksOf(prefix + questions[0]).history.length <= historyTitles);
  }
});
