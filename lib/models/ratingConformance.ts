import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "../data/random.js";
import { TrainView } from "../data/trainView.js";
import { setThreads, threads } from "../native/addon.js";
import { trainRating } from "../training/trainRating.js";
import type { RatingDefinition } from "./backbone.js";
import { type ConformanceCase, expect, same } from "./conformanceCase.js";
import { saveModel } from "./modelFile.js";
import { loadRatingModel } from "./ratingModelFile.js";
import type { RatingPredictor } from "./ratingPredictor.js";

/** What is enough for the planted data, of those that the backbone has. */
const smallModel: Readonly<Record<string, number>> = {
  dimension: 8,
  hidden1: 16,
  hidden2: 8,
  l2: 0.1,
  l2Linear: 0.1,
  dropout: 0,
  epochs: 30,
  batchSize: 64,
  learningRate: 0.01,
};

const groups = 4;
const userCount = 60;
const itemCount = 40;

/**
 * The checks that a rating backbone must pass. Planted data: users and items fall into four groups, users give 5 to their
 * own group and 2 to the others, half of the pairs are known.
 */
export function ratingConformance(
  backbone: RatingDefinition,
  given: Readonly<Record<string, number>> = {},
): readonly ConformanceCase[] {
  const small = Object.entries(smallModel).filter(([name]) => Object.hasOwn(backbone.hyperparameters, name));
  const hyperparameters = { ...Object.fromEntries(small), ...given };
  const view = plantedRatings();
  const fitModel = async (seed: number): Promise<RatingPredictor> =>
    (await trainRating({ backbone, view, hyperparameters, seed, worker: false })).predictor;
  const pairs = Array.from({ length: userCount * itemCount }, (_, pair) => pair);
  const users = Int32Array.from(pairs, (pair) => Math.floor(pair / itemCount));
  const items = Int32Array.from(pairs, (pair) => pair % itemCount);

  return [
    {
      name: "planted structure is recovered",
      async run() {
        using predictor = await fitModel(1);
        const ratings = predictor.predict(users, items);
        let right = 0;
        let unseen = 0;
        for (const pair of pairs) {
          if (view.has(users[pair], items[pair])) continue;
          unseen++;
          const likes = users[pair] % groups === items[pair] % groups;
          if (ratings[pair] > 3.5 === likes) right++;
        }
        expect(right / unseen > 0.9, "more than 90 % of unseen ratings on the right side", right / unseen);
      },
    },
    {
      name: "a batch equals its rows one by one",
      async run() {
        using predictor = await fitModel(1);
        const batch = predictor.predict(users, items);
        for (let pair = 0; pair < pairs.length; pair += 7)
          same(
            [batch[pair]],
            predictor.predict(users.subarray(pair, pair + 1), items.subarray(pair, pair + 1)),
            `rating of pair ${pair}`,
          );
      },
    },
    {
      name: "saved and loaded, it gives the same bits",
      async run() {
        const folder = await mkdtemp(join(tmpdir(), "llama4rec-"));
        try {
          using predictor = await fitModel(1);
          const path = join(folder, "model.safetensors");
          await saveModel(path, predictor);
          using loaded = (await loadRatingModel(path, { backbone })).predictor;
          same(predictor.predict(users, items), loaded.predict(users, items), "ratings");
        } finally {
          await rm(folder, { recursive: true });
        }
      },
    },
    {
      name: "whoever and whatever is new gets a rating within the range",
      async run() {
        using predictor = await fitModel(1);
        const ratings = [
          ...predictor.predict(Int32Array.of(-1, 3, -1), Int32Array.of(5, -1, -1)),
          ...predictor.predictFeatures([
            {},
            { user: 0, itemAttributes: { kinds: ["kind 1", "never seen"] } },
            { userAttributes: { taste: "never seen" }, item: 1 },
            { userAttributes: { taste: "taste 2" }, itemAttributes: { kinds: [] } },
          ]),
        ];
        for (const [row, rating] of ratings.entries())
          expect(rating >= 2 && rating <= 5, `row ${row}: a rating in 2..5`, rating);
        same(
          predictor.predictFeatures([{ user: 7, item: 9 }]),
          predictor.predict(Int32Array.of(7), Int32Array.of(9)),
          "a known pair by its indices",
        );
      },
    },
    {
      name: "same seed, same bits, at any number of threads; another seed, other bits",
      async run() {
        const before = threads();
        try {
          const found: Float32Array[] = [];
          for (const [seed, count] of [
            [1, 1],
            [1, 2],
            [1, 3],
            [2, 1],
          ]) {
            setThreads(count);
            using predictor = await fitModel(seed);
            const { parameters } = predictor.model;
            found.push(Float32Array.from(Object.values(parameters).flatMap(({ values }) => [...values])));
          }
          const [one, two, three, other] = found;
          same(one, two, "parameters with 1 and 2 threads");
          same(one, three, "parameters with 1 and 3 threads");
          expect(
            one.some((value, index) => value !== other[index]),
            "other parameters for another seed",
            "the same",
          );
        } finally {
          setThreads(before);
        }
      },
    },
  ];
}

/** Each user rates half of the items, in a seeded order. */
function plantedRatings(): TrainView {
  const offsets = new Int32Array(userCount + 1);
  const items: number[] = [];
  const ratings: number[] = [];
  for (let user = 0; user < userCount; user++) {
    const all = Array.from({ length: itemCount }, (_, item) => item);
    for (const item of new Random(7, user).shuffle(all).slice(0, itemCount / 2)) {
      items.push(item);
      ratings.push(item % groups === user % groups ? 5 : 2);
    }
    offsets[user + 1] = items.length;
  }
  return new TrainView({
    userCount,
    itemCount,
    offsets,
    items: Int32Array.from(items),
    ratings: Float32Array.from(ratings),
    titles: Array.from({ length: itemCount }, (_, item) => `Item ${item}`),
    itemAttributes: {
      kinds: Array.from({ length: itemCount }, (_, item) => [`kind ${item % groups}`, "any"]),
    },
    userAttributes: { taste: Array.from({ length: userCount }, (_, user) => `taste ${user % groups}`) },
  });
}
