/** Rating prompts: similar users from the backbone's vectors, its own rating, and nothing of held-out rows. */
import test from "ava";
import { ratingPromptAugmenter } from "../../lib/augmentation/ratingPromptAugmentation.js";
import { mostSimilarUsers } from "../../lib/augmentation/similarUsers.js";
import { DatasetBuilder } from "../../lib/data/builder.js";
import type { Dataset } from "../../lib/data/dataset.js";
import { generateShop } from "../../lib/data/shop/index.js";
import { type Split, split } from "../../lib/data/split.js";
import { TrainView } from "../../lib/data/trainView.js";
import { buildRatePrompt } from "../../lib/llm/prompts/build.js";
import { historyOf } from "../../lib/llm/prompts/history.js";
import { resolveHyperparameters } from "../../lib/models/backbone.js";
import { rankerOf } from "../../lib/models/frozen.js";
import { RatingPredictor } from "../../lib/models/ratingPredictor.js";
import { SASREC, SASRec } from "../../lib/models/sequential/sasrec.js";
import { trainRating } from "../../lib/training/trainRating.js";
import { randomView, viewOf } from "../models/planted.js";
import { ratedHeldOut, ratedView } from "../models/plantedRatings.js";
import { TextModel } from "./textModel.js";

const hyperparameters = { dimension: 4, hidden1: 8, hidden2: 0, epochs: 4, batchSize: 64, l2: 1 };

async function fitted(view: TrainView, options: Record<string, number> = {}): Promise<RatingPredictor> {
  const training = { backbone: "DeepFM", view, seed: 1, worker: false } as const;
  return (await trainRating({ ...training, hyperparameters: { ...hyperparameters, ...options } })).predictor;
}

/** `a . b / (|a| |b|)` in float64. */
function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array): number =>
    x.reduce((sum, value, d) => sum + value * y[d], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

/** Whether each user's neighbour is a nearest one of those with rows. */
function areNearest(found: Int32Array, vectorOf: (user: number) => Float32Array, { userCounts }: TrainView) {
  return found.every((neighbour, user) => {
    const others = [...userCounts.keys()].filter((other) => other !== user && userCounts[other] > 0);
    const best = Math.max(...others.map((other) => cosine(vectorOf(user), vectorOf(other))));
    return neighbour !== user && Math.abs(cosine(vectorOf(user), vectorOf(neighbour)) - best) < 1e-6;
  });
}

test("user vectors of a rating model are the rows of the user field", async (t) => {
  using predictor = await fitted(ratedView);
  const { encoding, parameters } = predictor.model;
  const [ids] = encoding.fields;
  t.is(predictor.dimension, 4);
  t.is(predictor.userVectors.length, 4 * ratedView.userCount);
  for (let user = 0; user < ratedView.userCount; user++) {
    const row = ids.first + 1 + user;
    t.deepEqual(
      predictor.userVectors.slice(4 * user, 4 * user + 4),
      parameters.vectors.values.slice(4 * row, 4 * row + 4),
    );
  }
  t.is(new Set(predictor.userVectors).size > 4 * ratedView.userCount - 5, true, "they differ");
  const vectorOf = (user: number): Float32Array => predictor.userVectors.subarray(4 * user, 4 * user + 4);
  t.true(areNearest(mostSimilarUsers(predictor, ratedView), vectorOf, ratedView));
});

test("a user of too few ratings for a vector has no similar user and is none", async (t) => {
  const rows = [[0, 1, 2], [], [3], [1, 2, 4], [0, 4]];
  const plain = viewOf(rows, 5, ["Ann", "Bea", "Cid", "Dan", "Eve"]);
  const view = new TrainView({ ...plain, ratings: plain.ratings.map((_, place) => 1 + (place % 5)) });
  using predictor = await fitted(view);
  const similar = mostSimilarUsers(predictor, view);
  t.deepEqual([similar[1], similar[2]], [-1, -1]);
  t.true([0, 3, 4].every((user) => [0, 3, 4].includes(similar[user])));
  const { describe } = ratingPromptAugmenter(predictor, view);
  t.like(describe(1, 0), { title: "Ann", history: [], similarUserHistory: [] });
  t.deepEqual(describe(2, 0).history, [{ title: "Dan", rating: view.ratings[view.offsets[2]] }]);
});

test("a backbone without a table of vectors is refused by name", async (t) => {
  using predictor = await fitted(ratedView);
  const { vectors: _, ...parameters } = predictor.model.parameters;
  const bare: unknown = Reflect.construct(RatingPredictor, [
    { ...predictor.model, name: "Bare", parameters },
    { rows: 0 },
    { parameters: [] },
  ]);
  t.throws(() => mostSimilarUsers(bare as RatingPredictor, ratedView), {
    code: "E_BACKBONE",
    message: /^backbone Bare: expected a parameter vectors/,
  });
});

test("vectors of other users are refused", (t) => {
  t.throws(() => mostSimilarUsers({ dimension: 2, userVectors: new Float32Array(6) }, ratedView), {
    code: "E_ARGUMENT",
    message: /^userVectors: expected 30 x 2 numbers, got 6$/,
  });
});

test("zeros have no direction; users without rows are nobody's neighbour", (t) => {
  const userVectors = Float32Array.of(1, 0, 0, 0, -1, 0.1, 1, 0.1);
  const view = viewOf([[0], [0], [0], []], 1);
  t.deepEqual([...mostSimilarUsers({ dimension: 2, userVectors }, view)], [2, -1, 0, 0]);
});

test("similar users of a sequential model come from the encoder's last state", (t) => {
  const length = 6;
  const view = randomView(20, 30, 3);
  const shape = { dimension: 12, hidden: 16, blocks: 2, heads: 2, length, dropout: 0 };
  const backbone = new SASRec(view, resolveHyperparameters(SASREC, shape), 1);
  for (const [number, parameter] of backbone.parameters.entries()) parameter.fillNormal(0.4, 7, number);
  const { offsets, items } = view;
  using ranker = rankerOf({
    kind: "sequence",
    name: "SASRec",
    encoder: backbone.encoder(),
    histories: { offsets, items },
  });
  const similar = mostSimilarUsers(ranker, view);
  // The same histories, each encoded alone and cut to the items that the last state can see.
  using alone = rankerOf({
    kind: "sequence",
    name: "SASRec",
    encoder: backbone.encoder(),
    histories: viewOf(
      Array.from(view.userCounts.keys(), (user) => [...view.itemsOf(user)].slice(-length)),
      30,
    ),
  });
  const lastState = (user: number): Float32Array => alone.userVectors.subarray(12 * user, 12 * user + 12);
  t.true(areNearest(similar, lastState, view));
  // A last state depends on the newest item: another one there, another vector.
  const altered = items.map((item, place) => (offsets.includes(place + 1) ? (item + 1) % 30 : item));
  using moved = rankerOf({
    kind: "sequence",
    name: "SASRec",
    encoder: backbone.encoder(),
    histories: { offsets, items: altered },
  });
  t.notDeepEqual(moved.userVectors, ranker.userVectors);
});

test("a rating prompt: own and similar history with ratings, the backbone's number, the item", async (t) => {
  using predictor = await fitted(ratedView);
  const similar = mostSimilarUsers(predictor, ratedView);
  const augmenter = ratingPromptAugmenter(predictor, ratedView, { historyTitles: 3, similarTitles: 2 });
  for (const [row, user] of ratedHeldOut.users.entries()) {
    const item = ratedHeldOut.items[row];
    t.deepEqual(augmenter.describe(user, item), {
      title: ratedView.titles[item],
      scale: [2, 5],
      history: historyOf(ratedView, user, 3),
      similarUserHistory: historyOf(ratedView, similar[user], 2),
      expected: predictor.predict(Int32Array.of(user), Int32Array.of(item))[0],
    });
  }
  const [item] = ratedHeldOut.items;
  const input = augmenter.describe(0, item);
  const { prefix } = buildRatePrompt(input, { model: new TextModel(() => 0) });
  const shown = ratedView.itemsOf(0).slice(-3);
  const ratings = ratedView.ratings.slice(ratedView.offsets[1] - 3, ratedView.offsets[1]);
  const lines = Array.from(shown, (seen, at) => ` Item ${seen} = ${ratings[at]}\n`).join("");
  t.true(prefix.startsWith(`The user's list, oldest first:\n${lines}The list of a similar user:\n Item `));
  t.true(
    prefix.endsWith(
      `Another recommender expects: ${input.expected?.toFixed(1)}\nHow does the user rate this?\n Item ${item}\n`,
    ),
  );
});

test("fields can be left out, for the row without prompt augmentation", async (t) => {
  using predictor = await fitted(ratedView);
  const bare = ratingPromptAugmenter(predictor, ratedView, {
    similarTitles: 0,
    expected: false,
    scale: [1, 2, 3],
  });
  const input = bare.describe(0, ratedHeldOut.items[0]);
  t.deepEqual(input, {
    title: ratedView.titles[ratedHeldOut.items[0]],
    scale: [1, 2, 3],
    history: historyOf(ratedView, 0, 50),
    similarUserHistory: [],
  });
});

test("what a user rated in training is not asked: the backbone has seen that rating", async (t) => {
  using predictor = await fitted(ratedView);
  const { describe } = ratingPromptAugmenter(predictor, ratedView);
  const [rated] = ratedView.itemsOf(4);
  for (const [user, item, message] of [
    [4, rated, /^item: expected an item that user 4 has not rated in training, got \d+$/],
    [-1, 0, /^user: expected an index in 0\.\.29, got -1$/],
    [0, 20, /^item: expected an index in 0\.\.19, got 20$/],
  ] as const)
    t.throws(() => describe(user, item), { code: "E_ARGUMENT", message });
});

/** Held-out rows of a split, each "user item". */
const heldOutRows = ({ validation, test: last }: Split): Set<string> =>
  new Set(
    [validation, last].flatMap(({ users, items }) =>
      Array.from(users, (user, row) => `${user} ${items[row]}`),
    ),
  );

/** The titles and interactions of a data set, the ratings of some rows turned round: 5 becomes 1 and so on. */
function turned(dataset: Dataset, rows: ReadonlySet<string>): Dataset {
  const builder = new DatasetBuilder(dataset.name);
  for (const [item, id] of [...dataset.items].entries()) builder.addItem(id, dataset.titles[item]);
  const { users, items, ratings, timestamps } = dataset.interactions;
  for (let row = 0; row < users.length; row++) {
    const rating = rows.has(`${users[row]} ${items[row]}`) ? 6 - ratings[row] : ratings[row];
    builder.addInteraction(
      dataset.users.idAt(users[row]),
      dataset.items.idAt(items[row]),
      rating,
      timestamps?.[row],
    );
  }
  return builder.build();
}

test("canaries: ratings of held-out rows change no prompt, and no held-out item is in its user's history", async (t) => {
  const options = { protocol: "paper", likeThreshold: null } as const;
  const plain = turned(generateShop({ users: 60, items: 50, interactions: 720 }), new Set());
  const parts = split(plain, options);
  const altered = split(turned(plain, heldOutRows(parts)), options);
  t.is(altered.train.digest, parts.train.digest);
  t.notDeepEqual(altered.test.ratings, parts.test.ratings);
  const promptsOf = async ({ train, validation, test: last }: Split): Promise<string[]> => {
    using predictor = await fitted(train);
    const { describe } = ratingPromptAugmenter(predictor, train);
    return [validation, last].flatMap(({ users, items }) =>
      Array.from(users, (user, row) => {
        const input = describe(user, items[row]);
        const shown = input.history.map((entry) => (typeof entry === "string" ? entry : entry.title));
        if (shown.includes(train.titles[items[row]])) t.fail("a held-out item is in its user's history");
        return buildRatePrompt(input, { model: new TextModel(() => 0) }).prefix;
      }),
    );
  };
  const prompts = await promptsOf(parts);
  t.true(prompts.length > 80);
  t.deepEqual(await promptsOf(altered), prompts);
});
