import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "../data/random.js";
import { TrainView } from "../data/trainView.js";
import { setThreads, threads } from "../native/addon.js";
import { topKRow } from "../native/catalogue.js";
import { train } from "../training/train.js";
import type { BackboneDefinition, RankingDefinition } from "./backbone.js";
import { type ConformanceCase, expect, same } from "./conformanceCase.js";
import { loadModel, saveModel } from "./modelFile.js";
import { rowsOf, type TrainedRanker } from "./ranker.js";
import { ratingConformance } from "./ratingConformance.js";
import { isSequenceRanker } from "./sequenceRanker.js";

export type { ConformanceCase } from "./conformanceCase.js";

/** Options of {@link conformanceSuite}. */
export interface ConformanceOptions {
  /** Hyper-parameters over those of a small model, which suit the planted data. */
  readonly hyperparameters?: Readonly<Record<string, number>>;
}

/** What is enough for the planted data, of those that the backbone has. */
const smallModels = {
  direct: { dimension: 8, epochs: 40, batchSize: 64, learningRate: 0.02 },
  sequential: {
    dimension: 16,
    hidden: 16,
    length: 10,
    dropout: 0.1,
    epochs: 40,
    batchSize: 16,
    learningRate: 0.01,
  },
};

const groups = 4;
const userCount = 80;
const itemCount = 48;

/**
 * The checks that a backbone must pass, for any test runner. Planted data: users and items fall into four groups, users
 * like their own group only, so the right answer is plain.
 *
 * @example
 * ```ts
 * import test from "node:test";
 * for (const { name, run } of conformanceSuite(findBackbone("MF", "direct"))) test(name, run);
 * ```
 */
export function conformanceSuite(
  backbone: BackboneDefinition,
  options: ConformanceOptions = {},
): readonly ConformanceCase[] {
  if (backbone.task === "rating") return ratingConformance(backbone, options.hyperparameters);
  return rankingConformance(backbone, options.hyperparameters);
}

function rankingConformance(
  backbone: RankingDefinition,
  given: ConformanceOptions["hyperparameters"],
): readonly ConformanceCase[] {
  const small = Object.entries(smallModels[backbone.task]).filter(([name]) =>
    Object.hasOwn(backbone.hyperparameters, name),
  );
  const hyperparameters = { ...Object.fromEntries(small), ...given };
  const view = plantedView();
  const fitModel = async (seed: number): Promise<TrainedRanker> =>
    (await train({ backbone, view, hyperparameters, seed, worker: false })).ranker;
  const users = Int32Array.from({ length: userCount }, (_, user) => user);

  return [
    {
      name: "planted structure is recovered",
      async run() {
        using ranker = await fitModel(1);
        const top = ranker.topK(users, { k: 3, excluded: rowsOf(view, users) });
        let right = 0;
        let listed = 0;
        for (const user of users)
          for (const item of topKRow(top, user)) {
            listed++;
            if (item % groups === user % groups) right++;
          }
        expect(
          right / listed > 0.9,
          "more than 90 % of unseen recommendations from the user's own group",
          right / listed,
        );
      },
    },
    {
      name: "a batch equals its users one by one",
      async run() {
        using ranker = await fitModel(1);
        const batch = ranker.topK(users, { k: 7 });
        for (const user of users) {
          const single = ranker.topK(Int32Array.of(user), { k: 7 });
          same(topKRow(batch, user), topKRow(single, 0), `items of user ${user}`);
          same(batch.scores.slice(user * 7, user * 7 + 7), single.scores, `scores of user ${user}`);
        }
      },
    },
    {
      name: "saved and loaded, it gives the same bits",
      async run() {
        const folder = await mkdtemp(join(tmpdir(), "llama4rec-"));
        try {
          using ranker = await fitModel(1);
          const path = join(folder, "model.safetensors");
          await saveModel(path, ranker);
          using loaded = (await loadModel(path)).ranker;
          const before = ranker.topK(users, { k: itemCount });
          const after = loaded.topK(users, { k: itemCount });
          same(before.ids, after.ids, "items");
          same(before.scores, after.scores, "scores");
        } finally {
          await rm(folder, { recursive: true });
        }
      },
    },
    {
      name: "filters are obeyed",
      async run() {
        using ranker = await fitModel(1);
        const denied = Int32Array.of(0, 1, 2, 3);
        const allowed = Int32Array.from({ length: 20 }, (_, item) => item);
        const top = ranker.topK(users, { k: 10, excluded: rowsOf(view, users), denied, allowed });
        for (const user of users)
          for (const item of topKRow(top, user))
            expect(
              item > 3 && item < 20 && !view.has(user, item),
              `user ${user}: an allowed item that is neither denied nor seen`,
              item,
            );
      },
    },
    {
      name: "short lists are short",
      async run() {
        using ranker = await fitModel(1);
        const top = ranker.topK(users, { k: 10, allowed: Int32Array.of(5, 6, 7) });
        for (const user of users) expect(top.counts[user] === 3, "3 items", top.counts[user]);
        const none = ranker.topK(users, { k: 10, allowed: new Int32Array(0) });
        for (const user of users) expect(none.counts[user] === 0, "no item", none.counts[user]);
      },
    },
    {
      name: "same seed, same bits, at any number of threads; another seed, other bits",
      async run() {
        const before = threads();
        try {
          const vectors: Float32Array[] = [];
          for (const [seed, count] of [
            [1, 1],
            [1, 2],
            [1, 3],
            [2, 1],
          ]) {
            setThreads(count);
            using ranker = await fitModel(seed);
            vectors.push(Float32Array.of(...ranker.userVectors, ...ranker.itemVectors));
          }
          const [one, two, three, other] = vectors;
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
    ...(backbone.task === "sequential" ? sequentialCases(fitModel, view) : []),
  ];
}

/** What a sequential backbone must do beside. */
function sequentialCases(
  fitModel: (seed: number) => Promise<TrainedRanker>,
  view: TrainView,
): readonly ConformanceCase[] {
  return [
    {
      name: "any history is ranked: empty, long, repeated, or a user's own",
      async run() {
        using ranker = await fitModel(1);
        expect(isSequenceRanker(ranker), "a sequence model", ranker.model.kind);
        if (!isSequenceRanker(ranker)) return;
        const own = view.itemsOf(0);
        const long = Int32Array.from({ length: 3 * ranker.length }, (_, place) => place % itemCount);
        const rows = [own, new Int32Array(0), long, long.slice(-ranker.length), new Int32Array(9).fill(5)];
        const offsets = new Int32Array(rows.length + 1);
        for (const [row, items] of rows.entries()) offsets[row + 1] = offsets[row] + items.length;
        const histories = { offsets, items: Int32Array.from(rows.flatMap((items) => [...items])) };
        const top = ranker.topKAfter(histories, { k: 7 });
        const known = ranker.topK(Int32Array.of(0), { k: 7 });
        same(topKRow(top, 0), topKRow(known, 0), "a history and the user who has it");
        expect(top.counts[1] === 0, "no item after an empty history", top.counts[1]);
        same(topKRow(top, 2), topKRow(top, 3), "a long history and its last items");
        expect(top.counts[4] === 7, "7 items after one item repeated", top.counts[4]);
      },
    },
  ];
}

/** Users of group g walk through two thirds of the items of group g, in a seeded order. */
function plantedView(): TrainView {
  const offsets = new Int32Array(userCount + 1);
  const items: number[] = [];
  for (let user = 0; user < userCount; user++) {
    const own = Array.from({ length: itemCount / groups }, (_, index) => index * groups + (user % groups));
    new Random(7, user).shuffle(own);
    items.push(...own.slice(0, 8));
    offsets[user + 1] = items.length;
  }
  return new TrainView({
    userCount,
    itemCount,
    offsets,
    items: Int32Array.from(items),
    ratings: new Float32Array(items.length).fill(5),
    titles: Array.from({ length: itemCount }, (_, item) => `Item ${item}`),
    itemAttributes: {},
    userAttributes: {},
  });
}
